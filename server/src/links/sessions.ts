/** Lines as those see them who begin without a number: made first, and named by the phone that is linked with them. */
import type { Mint } from '../lib/mint.ts'
import { createTyping } from '../messaging/chats/typing.ts'
import { inTime } from '../messaging/revise.ts'
import { GatewayError } from '../model/errors.ts'
import type { Handle, LineId, ProviderChatId } from '../model/ids.ts'
import { linkNow } from '../model/line.ts'
import type { LineStore, StoredLine } from '../store/lines.ts'
import {
  asked,
  type By,
  canPair,
  channel,
  enable,
  mustBeServed,
  notConnected,
  type PairingOptions,
  pairingCode,
  remove,
  resetAuth,
  type Session,
  sessionOf,
  untilPairing,
} from './pairing.ts'
import { connectorOf } from './settings.ts'

export interface SessionsOptions extends PairingOptions {
  mint: Mint
  lines: PairingOptions['lines'] & Pick<LineStore, 'addOwn' | 'remove'>
  /** Where the phones are that new lines are paired with; a URL of null: on WhatsApp itself. */
  pairsWith(): { provider: string; url: string | null }
}

/** Every call but `create` and `list` throws NOT_FOUND for a line that is not the caller's, or cannot have WhatsApp. */
export interface Sessions {
  /** A line without a number. Nothing connects it before it is asked for a code. */
  create(by: By, name: string): Promise<Session>
  /** Of all lines that have WhatsApp or could have it, the default first. */
  list(by: By): Promise<Session[]>
  get(by: By, id: LineId): Promise<Session>
  /** What a phone is to scan, within some seconds. Enables first what is not. */
  code(by: By, id: LineId): Promise<string>
  /** The code to be typed on the phone that has this number. */
  pairingCode(by: By, id: LineId, phone: Handle): Promise<string>
  /** The phone is let go; the line stays, down. */
  logOut(by: By, id: LineId): Promise<Session>
  /** The phone is let go, and with it goes the line, unless an operator gave it or it has other channels. */
  remove(by: By, id: LineId): Promise<void>
  /** What is not stopped stops by itself after ten seconds. Nothing need have been said in this chat yet. */
  showTyping(by: By, id: LineId, chat: ProviderChatId, what: 'typing' | 'recording' | 'stop'): Promise<void>
}

/** Each that is being paired costs a connection and its memory. */
const unpairedMax = 20

export function createSessions(options: SessionsOptions): Sessions & { close(): void } {
  const { lines } = options
  const typing = createTyping(options.clock)
  const owned = async ({ customerId }: By, id: LineId): Promise<StoredLine> => {
    const line = await lines.get(id)
    if (line === null || line.customerId !== customerId || !couldHaveIt(options, line)) throw notFound()
    return line
  }
  return {
    create: async (by, name) => {
      const id = options.mint() as LineId
      if (!(await lines.addOwn({ id, customerId: by.customerId, name, ...options.pairsWith() }, unpairedMax)))
        throw tooMany()
      options.changed()
      return sessionOf(await owned(by, id))
    },
    list: async ({ customerId }) =>
      (await lines.ofCustomer(customerId)).filter((line) => couldHaveIt(options, line)).map(sessionOf),
    get: async (by, id) => sessionOf(await owned(by, id)),
    code: async (by, id) => {
      const line = await owned(by, id)
      mustBeServed(line)
      // What a process has left behind that is gone by now is no code that anybody could scan.
      const isFresh = ({ expiresAt }: { expiresAt: string }) => Date.parse(expiresAt) > options.clock.now()
      const state = linkNow(await untilPairing(options, await enable(options, line), isFresh), channel)
      if (state?.status !== 'pairing') throw new TypeError('a line waits to be paired without a code')
      return state.qr
    },
    pairingCode: async (by, id, phone) => (await pairingCode(options, await owned(by, id), phone)).code,
    logOut: async (by, id) => sessionOf(await resetAuth(options, await owned(by, id))),
    remove: async (by, id) => {
      const line = await remove(options, await owned(by, id))
      if (!line.own || line.channels.length > 0) return
      if (!(await lines.remove(id, by.customerId))) throw notFound()
      options.changed()
    },
    showTyping: async (by, id, chat, what) => {
      const line = await owned(by, id)
      if (linkNow(line, channel)?.status !== 'connected') throw notConnected()
      const { id: lineId } = line
      const place = `${lineId}/${chat}`
      if (what === 'stop') typing.stopped(place)
      await show(options, { lineId, chat }, what)
      // The network lets it fade by itself, too, so that nothing is lost if the end cannot be told.
      const end = () => show(options, { lineId, chat }, 'stop').catch(() => undefined)
      if (what !== 'stop') typing.started(place, end)
    },
    close: typing.close,
  }
}

async function show(
  { clock, commands }: PairingOptions,
  { lineId, chat }: { lineId: LineId; chat: ProviderChatId },
  what: 'typing' | 'recording' | 'stop',
): Promise<void> {
  const link = { lineId, channel } as const
  await asked(() =>
    inTime(clock, () =>
      what === 'recording'
        ? commands.act(link, 'setTyping', chat, true, what)
        : commands.act(link, 'setTyping', chat, what === 'typing'),
    ),
  )
}

function couldHaveIt({ providers }: PairingOptions, line: StoredLine): boolean {
  if (line.channels.includes(channel)) return true
  return (
    canPair(line) && (connectorOf(providers, line, channel) !== null || providers.get(channel)?.has(channel) === true)
  )
}

function notFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such session.')
}

function tooMany(): GatewayError {
  const message = `You have ${unpairedMax} sessions that no phone is linked with, which is the most. Link or delete one first.`
  return new GatewayError('CONFLICT', message)
}
