/** The suite can fail: for each promise, a connector that breaks it, and the promise by that name notices. */
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { inMemoryHarness } from '../../test/support/inmemory-harness.ts'
import type { Channel } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import type { ClientRef, Handle, ProviderMessageId } from '../model/ids.ts'
import { promises, prove } from './conformance.ts'
import { memoryVault } from './conformance-stage.ts'
import type { Accepted, Connection, Connector, Host, Incoming, Outcome, Outgoing } from './connector.ts'

interface Sabotage {
  promise: string
  breaks: string
  channel?: Channel
  /** What the connector gets instead of the true host. */
  host?: (host: Host) => Partial<Host>
  /** What the gateway gets instead of the true connection. */
  connection?: (connection: Connection, host: Host) => Partial<Connection>
}

function sabotaged(connector: Connector, { host, connection }: Sabotage): Connector {
  return {
    ...connector,
    open: (line, trueHost) => {
      const opened = connector.open(line, { ...trueHost, ...host?.(trueHost) })
      return { ...opened, ...connection?.(opened, trueHost) }
    },
  }
}

/** Changes what the gateway hears; null: it does not hear it. */
const hearing = (change: (event: Incoming) => Incoming | null) => (host: Host) => ({
  receive: async (event: Incoming) => {
    const changed = change(event)
    if (changed !== null) await host.receive(changed)
  },
})

const sending =
  (change: (send: Connection['send'], message: Outgoing, signal: AbortSignal) => Promise<Accepted>) =>
  (connection: Connection) => ({
    send: (message: Outgoing, signal: AbortSignal) => change(connection.send, message, signal),
  })

const failingAs = (change: (failure: SendFailure) => Error) =>
  sending((send, message, signal) =>
    send(message, signal).catch((error: unknown) => {
      throw error instanceof SendFailure ? change(error) : error
    }),
  )

const deaf = sending((send, message) => send(message, new AbortController().signal))

const neverBegan = new SendFailure('retryable', 'IMESSAGE_SEND_FAILED', 'It never came to the network.')

/** Changes what it answers when it is asked what became of a send; null: nothing. */
const answering =
  (change: (outcome: Outcome, failed: Outcome) => Outcome | null) =>
  ({ outcomeOf }: Connection): Partial<Connection> => ({
    outcomeOf: async (ref) => {
      const outcome: Outcome = (await outcomeOf?.(ref)) ?? { what: 'open' }
      return change(outcome, { what: 'failed', failure: neverBegan }) ?? outcome
    },
  })

function forgetfulOfRefs() {
  let sends = 0
  return sending((send, message, signal) => {
    sends += 1
    return send({ ...message, ref: `${message.ref}${sends}` as ClientRef }, signal)
  })
}

function dedupingByText() {
  const known = new Map<string | null, Accepted>()
  return sending(async (send, message, signal) => {
    const accepted = known.get(message.text) ?? (await send(message, signal))
    known.set(message.text, accepted)
    return accepted
  })
}

function losingEverySecond() {
  let heard = 0
  return hearing((event) => {
    heard += 1
    return heard % 2 === 0 ? null : event
  })
}

const asOneOf = (event: Incoming, change: Partial<Incoming & { kind: 'message' }>): Incoming =>
  event.kind === 'message' ? { ...event, ...change } : event

const sabotages: readonly Sabotage[] = [
  {
    promise: 'opens without doing anything',
    breaks: 'reads the vault as it opens',
    host: (host) => {
      void host.vault.get('credentials')
      return {}
    },
  },
  {
    promise: 'connects and reports it',
    breaks: 'keeps its state to itself',
    host: () => ({ setState: () => undefined }),
  },
  {
    promise: 'starts and stops once, however often it is asked',
    breaks: 'says that it connects whenever it is asked',
    connection: (connection, host) => ({
      start: async () => {
        await connection.start()
        host.setState({ status: 'connecting' })
      },
    }),
  },
  {
    promise: 'survives start after stop',
    breaks: 'starts only once in its life',
    connection: (connection) => {
      let starts = 0
      return { start: async () => (++starts === 1 ? connection.start() : undefined) }
    },
  },
  {
    promise: 'stops without leaking timers',
    breaks: 'does not stop',
    connection: () => ({ stop: async () => undefined }),
  },
  {
    promise: 'comes back after the network cut the link',
    breaks: 'gives up when the link is cut',
    connection: (connection, host) => ({
      start: async () => {
        await connection.start()
        const { setState } = host
        host.setState = (state) => {
          setState(state)
          if (state.status === 'connecting') void connection.stop()
        }
      },
    }),
    host: (host) => ({ setState: (state) => host.setState(state) }),
  },
  {
    promise: 'has exactly the verbs it declares',
    breaks: 'claims a verb that its network has not',
    channel: 'sms',
    connection: ({ actions }) => ({ actions: { ...actions, react: async () => undefined } }),
  },
  {
    promise: 'has exactly the verbs it declares',
    breaks: 'leaves out a verb',
    connection: ({ actions: { react, ...others } }) => ({ actions: others }),
  },
  {
    promise: 'does what each of its verbs says',
    breaks: 'has a verb that does nothing',
    connection: ({ actions }) => ({ actions: { ...actions, react: async () => undefined } }),
  },
  {
    promise: 'fails its verbs only with SendFailure',
    breaks: 'lets its library throw',
    connection: ({ actions }) => ({
      actions: { ...actions, react: () => Promise.reject(new TypeError('cannot read properties of undefined')) },
    }),
  },
  {
    promise: 'shows a code when it has to be paired, and connects once it is',
    breaks: 'shows nothing to scan',
    host: (host) => ({
      setState: (state) => host.setState(state.status === 'pairing' ? { status: 'connecting' } : state),
    }),
  },
  {
    promise: 'keeps credentials only in the vault',
    breaks: 'keeps them in memory',
    host: () => {
      const kept = new Map<string, Uint8Array>()
      return {
        vault: memoryVault(kept),
      }
    },
  },
  {
    promise: 'forgets its credentials on forgetPairing',
    breaks: 'leaves them behind',
    host: ({ vault }) => ({
      vault: {
        ...vault,
        put: (entries) => vault.put(Object.fromEntries(Object.entries(entries).filter(([, bytes]) => bytes !== null))),
      },
    }),
  },
  {
    promise: 'accepts a text and names its provider id',
    breaks: 'names an id of its own',
    connection: sending(async (send, message, signal) => ({
      ...(await send(message, signal)),
      providerId: `mine-${message.ref}` as ProviderMessageId,
    })),
  },
  {
    promise: 'accepts a text and names its provider id',
    breaks: 'sends everything twice',
    channel: 'sms',
    connection: sending(async (send, message, signal) => {
      await send(message, signal)
      return send(message, signal)
    }),
  },
  {
    promise: `says 'unreachable', not 'refused', for a stranger`,
    breaks: 'says refused',
    connection: failingAs(
      ({ kind, code, message }) => new SendFailure(kind === 'unreachable' ? 'refused' : kind, code, message),
    ),
  },
  {
    promise: 'knows who can be reached',
    breaks: 'says yes to everybody',
    connection: () => ({ reach: async () => 'yes' }),
  },
  {
    promise: 'knows who can be reached',
    breaks: 'says no to everybody',
    connection: () => ({ reach: async () => 'no' }),
  },
  {
    promise: `says 'uncertain' when the answer never comes`,
    breaks: 'believes that no answer means no message',
    connection: failingAs(
      ({ kind, code, message }) => new SendFailure(kind === 'uncertain' ? 'retryable' : kind, code, message),
    ),
  },
  { promise: 'ends a hanging send when the signal aborts', breaks: 'ignores the signal', connection: deaf },
  { promise: 'sends nothing for a signal that was aborted before', breaks: 'ignores the signal', connection: deaf },
  {
    promise: `says 'retryable', and blames the link, while it is not connected`,
    breaks: 'blames the message',
    connection: failingAs(({ kind, code, message }) => new SendFailure(kind, code, message)),
  },
  {
    promise: `says 'retryable', and blames the link, while it is not connected`,
    breaks: 'throws whatever comes up',
    connection: failingAs(({ message }) => new Error(message)),
  },
  {
    promise: 'says what became of a send whose answer never came',
    breaks: 'takes what it did not hear of for what did not happen',
    channel: 'imessage',
    connection: answering(({ what }, failed) => (what === 'sent' ? failed : null)),
  },
  {
    promise: 'says what became of a send whose answer never came',
    breaks: 'names an id of its own when it is asked',
    channel: 'imessage',
    connection: answering((outcome) => {
      if (outcome.what !== 'sent') return null
      return { ...outcome, accepted: { ...outcome.accepted, providerId: 'mine' as ProviderMessageId } }
    }),
  },
  {
    promise: `says 'failed' for a ref that it never began, and sends under it afterwards`,
    breaks: 'never gives up hope',
    channel: 'imessage',
    connection: answering(({ what }) => (what === 'failed' ? { what: 'open' } : null)),
  },
  {
    promise: `says 'failed' for a ref that it never began, and sends under it afterwards`,
    breaks: 'never sends what it was asked about',
    channel: 'imessage',
    connection: ({ send, outcomeOf }) => {
      const over = new Set<string>()
      return {
        send: (message, signal) => (over.has(message.ref) ? Promise.reject(neverBegan) : send(message, signal)),
        outcomeOf: async (ref) => {
          over.add(ref)
          return (await outcomeOf?.(ref)) ?? { what: 'open' }
        },
      }
    },
  },
  {
    promise: `says 'open' while it is not connected`,
    breaks: 'takes a link that is down for an answer',
    channel: 'imessage',
    connection: answering(({ what }, failed) => (what === 'open' ? failed : null)),
  },
  { promise: 'does not double a send with the same ref', breaks: 'forgets the ref', connection: forgetfulOfRefs() },
  { promise: 'takes two messages of the same words for two', breaks: 'dedupes by text', connection: dedupingByText() },
  {
    promise: 'reports our own message as an echo of its ref',
    breaks: 'swallows echoes',
    host: hearing((event) => (event.kind === 'message' && event.echoOf !== null ? null : event)),
  },
  {
    promise: 'reports our own message as an echo of its ref',
    breaks: 'takes an echo for a message',
    host: hearing((event) => asOneOf(event, { echoOf: null })),
  },
  {
    promise: 'tells when a message was delivered',
    breaks: 'swallows receipts',
    host: hearing((event) => (event.kind === 'receipt' ? null : event)),
  },
  {
    promise: 'carries every attachment kind it declares, at its size limit',
    breaks: 'leaves attachments out',
    connection: sending((send, message, signal) =>
      send({ ...message, text: message.text ?? '', attachments: [] }, signal),
    ),
  },
  {
    promise: 'carries every attachment kind it declares, at its size limit',
    breaks: 'claims to take more than it does',
    connection: ({ capabilities }) => {
      const image = { ...capabilities.media.image, bytesMax: capabilities.media.image.bytesMax + 1 }
      return { capabilities: { ...capabilities, media: { ...capabilities.media, image } } }
    },
  },
  {
    promise: 'invents nothing when it is stopped in the middle of a send',
    breaks: 'says that nothing was sent',
    connection: failingAs(({ code, message }) => new SendFailure('retryable', code, message)),
  },
  {
    promise: 'invents nothing when it is stopped in the middle of a send',
    breaks: 'makes up an answer',
    connection: sending((send, message, signal) =>
      send(message, signal).catch(() => ({ providerId: 'made-up' as ProviderMessageId, chat: '' as Accepted['chat'] })),
    ),
  },
  {
    promise: 'delivers each incoming message at least once, in the order of its chat',
    breaks: 'loses every second event',
    host: losingEverySecond(),
  },
  {
    promise: 'delivers each incoming message at least once, in the order of its chat',
    breaks: 'names the line instead of the person',
    host: hearing((event) => asOneOf(event, { from: '+12025550199' as Handle })),
  },
  {
    promise: 'names a repeat by the same provider id',
    breaks: 'has one id for everything',
    host: hearing((event) => asOneOf(event, { providerId: 'the-one' as ProviderMessageId })),
  },
  {
    promise: 'acknowledges only after receive',
    breaks: 'acknowledges at once',
    host: ({ receive }) => ({
      receive: async (event) => {
        receive(event).catch(() => undefined)
      },
    }),
  },
  {
    promise: 'delivers again what was not taken',
    breaks: 'takes a rejection for an answer',
    host: ({ receive }) => ({ receive: (event) => receive(event).catch(() => undefined) }),
  },
  {
    promise: 'delivers after the start what came while it was stopped',
    breaks: 'begins with a clean slate',
    connection: (connection, host) => {
      const { receive } = host
      return {
        start: async () => {
          host.receive = async () => undefined
          await connection.start()
          host.receive = receive
        },
      }
    },
    host: (host) => ({ receive: (event) => host.receive(event) }),
  },
  {
    promise: 'hands over the media of an incoming message',
    breaks: 'hands over an empty file',
    host: hearing((event) =>
      event.kind === 'message'
        ? { ...event, attachments: event.attachments.map((one) => ({ ...one, open: async () => Readable.from([]) })) }
        : event,
    ),
  },
  {
    promise: 'writes into a group and hears from it',
    breaks: 'does not say who is in the group',
    host: hearing((event) => asOneOf(event, { group: null })),
  },
]

describe('the suite notices a connector that', () => {
  for (const sabotage of sabotages) {
    test(`${sabotage.breaks} (${sabotage.promise})`, async () => {
      const promise = promises.find(({ name }) => name === sabotage.promise)
      if (promise === undefined) throw new Error(`no promise is called "${sabotage.promise}"`)
      const channel = sabotage.channel ?? 'whatsapp'
      await prove(inMemoryHarness(channel), promise)
      const broken = inMemoryHarness(channel, {}, (connector) => sabotaged(connector, sabotage))
      await expect(prove(broken, promise)).rejects.toThrow()
    })
  }

  test('breaks any of its promises', () => {
    const tried = new Set(sabotages.map(({ promise }) => promise))
    expect(promises.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([])
  })
})
