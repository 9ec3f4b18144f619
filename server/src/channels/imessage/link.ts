/** One line's link to its Mac: proved by asking how it stands there, and offering at any time what the Mac can do just then. */
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import type { Actions, Connection, Host, LineSettings } from '../connector.ts'
import { createWatch, type Proof, proofBy } from '../watch.ts'
import type { Backend, Note, Standing } from './backend.ts'
import { createBlueBubbles } from './bluebubbles/bluebubbles.ts'
import { topicOf } from './bluebubbles/counter.ts'
import { capabilitiesAt, verbsAt } from './capabilities.ts'
import { createChatBook } from './chats.ts'
import { createReceiving } from './receiving/receiving.ts'
import { factsOf } from './receiving/telling.ts'
import { createSending } from './sending/sending.ts'
import type { ImessageSettings } from './settings.ts'
import { lacksAddress, proofOf } from './standing.ts'
import { ServerTrouble } from './troubles.ts'
import { type GroupVerbs, groupVerbs } from './verbs/groups.ts'
import { type MessageVerbs, messageVerbs } from './verbs/messages.ts'

export interface ImessageTools {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  /** For the Mac, which is most often in a private network. */
  http: SafeFetch
}

export function openImessage(
  tools: ImessageTools,
  line: LineSettings,
  settings: ImessageSettings,
  host: Host,
): Connection {
  const { clock, chance } = tools
  let standing: Standing | null = null
  const isUp = () => watch.isUp
  const backend = createBlueBubbles(tools, settings.place)
  const book = createChatBook({ clock, backend })
  const sending = createSending({
    ...{ clock, chance, backend, host, book, settings },
    server: `${settings.place.origin}${settings.place.basePath}`,
    standing: () => standing,
    isUp,
    follow: (guid) => receiving.follow(guid),
  })
  const receiving = createReceiving({
    ...{ clock, backend, host, book, line: line.address },
    pollEveryMs: settings.pollEvery * 1_000,
    refOf: sending.refOf,
    bubblesOf: sending.bubblesOf,
    aliasesChanged: () => watch.doubt(),
  })
  const watch = createWatch({
    ...{ clock, chance, host },
    identity: line.address ?? settings.place.origin,
    prove: (signal) =>
      prove(backend, signal, async (found) => {
        complainOnce(found, { line, host, before: standing })
        standing = found
        if (watch.isUp) return
        book.forgetAll()
        // What is sent from now on must be found, and what comes from now on is told.
        await sending.load()
        await receiving.begin(signal)
        await listen(backend, { line, settings, host }, signal)
      }),
    whileUp: (signal) => receiving.keepReceiving(signal),
  })
  const parts = { clock, backend, book, host, settings, isUp, bubblesOf: sending.bubblesOf }
  const verbs = { ...messageVerbs(parts), ...groupVerbs(parts) }
  return {
    get capabilities() {
      return capabilitiesAt(standing)
    },
    get actions() {
      return offered(verbs, standing)
    },
    start: () => watch.start(),
    stop: () => watch.stop(),
    reach: sending.reach,
    send: (message, signal) => sending.send(message, AbortSignal.any([signal, watch.signal])),
    turn: sending.turn,
    patienceMs: sending.patienceMs,
    outcomeOf: sending.outcomeOf,
    hear: async (note) => {
      if (watch.isUp) receiving.hear(JSON.parse(note) as Note)
    },
  }
}

/** The server may look well although Apple has signed the number out of iMessage: nothing comes in by it then. */
function complainOnce(
  standing: Standing,
  { line, host, before }: { line: LineSettings; host: Host; before: Standing | null },
): void {
  if (lacksAddress(standing, line.address) && (before === null || !lacksAddress(before, line.address))) {
    host.log.warn({}, 'The Mac cannot be written to by the address of this line. Look at its sign-in in Messages.')
  }
}

/** A verb that the Mac cannot do just now is missing. */
function offered(verbs: MessageVerbs & GroupVerbs, standing: Standing | null): Partial<Actions> {
  return Object.fromEntries(verbsAt(standing).map((verb) => [verb, verbs[verb]]))
}

/** Without being called we hear of everything too, only later: it is no reason to be down. */
async function listen(
  backend: Pick<Backend, 'listen'>,
  { line, settings, host }: { line: LineSettings; settings: ImessageSettings; host: Host },
  signal: AbortSignal,
): Promise<void> {
  if (settings.webhook === 'off') return
  const url = host.callbackUrl(topicOf(settings.place.password, line.id))
  await backend.listen(url, signal).catch((error: unknown) => {
    if (signal.aborted) return
    host.log.warn(factsOf(error), 'The server could not be told to call us; what comes in is found by asking.')
  })
}

/** The password is wrong, and does not mend itself. */
const refusedRetryMs = 60_000

/** `then` is told how things stand, if the server can be used. */
export function prove(
  backend: Pick<Backend, 'look'>,
  signal: AbortSignal,
  then: (standing: Standing) => Promise<void>,
): Promise<Proof> {
  return proofBy(async () => {
    try {
      const standing = await backend.look(signal)
      const proof = proofOf(standing)
      if (proof.ok) await then(standing)
      return proof
    } catch (error) {
      if (!(error instanceof ServerTrouble)) throw error
      return troubleOf(error)
    }
  })
}

function troubleOf({ status, message }: ServerTrouble): Proof {
  const reason = `close_${status}` as const
  if (status !== 401) return { ok: false, reason, detail: `${message} Check the URL of the line.`, retryAfterMs: null }
  const detail = 'The BlueBubbles server does not accept the password. Copy it anew from its settings.'
  return { ok: false, reason, detail, retryAfterMs: refusedRetryMs }
}
