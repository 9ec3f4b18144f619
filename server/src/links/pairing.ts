/** WhatsApp on a line of one's own: switched on and off, linked to a phone by a QR code or by letters, asked whom it reaches. */
import type { Providers } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import { inTime } from '../messaging/revise.ts'
import { SendFailure } from '../model/delivery.ts'
import { GatewayError, isCallCode } from '../model/errors.ts'
import { parsePhone } from '../model/handle.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import {
  type DisconnectReason,
  endsPairing,
  isServed,
  type LinkOrder,
  type LinkStage,
  type LinkState,
  linkNow,
  orderFor,
  stageOf,
} from '../model/line.ts'
import type { LineStore, StoredLine } from '../store/lines.ts'
import type { MessageStore, SignupCode } from '../store/messages.ts'
import type { Commands } from './commands.ts'
import { connectorOf } from './settings.ts'

export interface PairingOptions {
  clock: Clock
  lines: Pick<LineStore, 'ofCustomer' | 'get' | 'order' | 'addChannel' | 'dropChannel'>
  codes: MessageStore['signupCodes']
  providers: Providers
  commands: Pick<Commands, 'act' | 'reach'>
  /** An order was given. */
  changed(): void
}

export interface By {
  customerId: CustomerId
}

/** The link of one line to WhatsApp. */
export interface Session {
  lineId: LineId
  lineName: string
  isDefault: boolean
  address: Handle | null
  /** Null: this line has no WhatsApp. */
  state: LinkState | null
  /** New: it never had any. */
  stage: LinkStage
  /** As what it was last connected, for as long as that pairing lasts. */
  identity: string | null
  connectedAt: Date | null
  disconnectedAt: Date | null
  /** Why it was last disconnected; being connected clears it. */
  reason: DisconnectReason | null
}

/** Every call takes the number as its customer writes it, and throws NUMBER_NOT_OWNED for one that is not theirs. */
export interface Pairing {
  /** Of all numbers that could have WhatsApp, the default first. */
  list(by: By): Promise<Session[]>
  status(by: By, address: string): Promise<Session>
  /** Does nothing to a link that is up, or on its way. One that has ended starts anew, with the credentials it may still have. */
  enable(by: By, address: string): Promise<Session>
  /** The code to be typed on the phone; for the number itself if no phone is named. Enables first what is not. */
  pairingCode(by: By, address: string, phone: Handle | null): Promise<{ code: string; phone: Handle }>
  /** Until it is enabled again, which needs no new pairing. */
  disconnect(by: By, address: string): Promise<Session>
  /** Its credentials are gone; it stays down until it is enabled and paired again. */
  resetAuth(by: By, address: string): Promise<Session>
  /** Its credentials are gone, and the line has no WhatsApp any more. */
  remove(by: By, address: string): Promise<Session>
  /** Whether this person is on WhatsApp. */
  check(by: By, address: string, phone: Handle): Promise<boolean>
  /** WhatsApp's sign-up codes that came to this number lately, the newest first, also those that nobody was told of. */
  signupCodes(by: By, address: string): Promise<{ windowMinutes: number; codes: SignupCode[] }>
  /** The same for operators, by line. */
  ofLine: {
    status(id: LineId): Promise<Session>
    enable(id: LineId): Promise<Session>
    disconnect(id: LineId): Promise<Session>
    resetAuth(id: LineId): Promise<Session>
  }
}

export const channel = 'whatsapp'
const readyWithinMs = 10_000
const looksMs = [10, 20, 40, 80, 160, 250]
const windowMinutes = 15

export function createPairing(options: PairingOptions): Pairing {
  const { lines, codes } = options
  const owned = async ({ customerId }: By, address: string): Promise<StoredLine> => {
    const line = (await lines.ofCustomer(customerId)).find((one) => one.address === address && hasNumber(one))
    if (line === undefined) throw new GatewayError('NUMBER_NOT_OWNED', 'This number is not one of yours.')
    return line
  }
  const existing = async (id: LineId): Promise<StoredLine> => {
    const line = await lines.get(id)
    if (line === null) throw new GatewayError('NOT_FOUND', 'There is no such instance.')
    return line
  }
  return {
    list: async ({ customerId }) => (await lines.ofCustomer(customerId)).filter(hasNumber).map(sessionOf),
    status: async (by, address) => sessionOf(await owned(by, address)),
    enable: async (by, address) => sessionOf(await enable(options, await owned(by, address))),
    pairingCode: async (by, address, phone) => pairingCode(options, await owned(by, address), phone),
    disconnect: async (by, address) => sessionOf(await halt(options, await owned(by, address), 'stopped')),
    resetAuth: async (by, address) => sessionOf(await resetAuth(options, await owned(by, address))),
    remove: async (by, address) => sessionOf(await remove(options, await owned(by, address))),
    check: async (by, address, phone) => check(options, await owned(by, address), phone),
    signupCodes: async (by, address) => {
      const { id } = await owned(by, address)
      return { windowMinutes, codes: await codes(by.customerId, id, windowMinutes) }
    },
    ofLine: {
      status: async (id) => sessionOf(await existing(id)),
      enable: async (id) => sessionOf(await enable(options, await existing(id))),
      disconnect: async (id) => sessionOf(await halt(options, await existing(id), 'stopped')),
      resetAuth: async (id) => sessionOf(await resetAuth(options, await existing(id))),
    },
  }
}

/** A line without an address gets it from the phone it is paired with. */
export function canPair({ address }: StoredLine): boolean {
  return address === null || hasNumber({ address })
}

function hasNumber({ address }: Pick<StoredLine, 'address'>): boolean {
  return address !== null && parsePhone(address) !== null
}

export function sessionOf(line: StoredLine): Session {
  const { id: lineId, name: lineName, isDefault, address } = line
  const state = linkNow(line, channel)
  const past = state === null ? undefined : line.linkPasts[channel]
  const now = state?.status === 'disconnected' ? state.reason : null
  return {
    ...{ lineId, lineName, isDefault, address, state },
    stage: state === null && line.links[channel] !== undefined ? 'down' : stageOf(state),
    // An order counts at once, and the link says so a moment later.
    identity: now !== null && endsPairing(now) ? null : (past?.identity ?? null),
    connectedAt: past?.connectedAt ?? null,
    disconnectedAt: past?.disconnectedAt ?? null,
    reason: now ?? past?.reason ?? null,
  }
}

export async function enable(options: PairingOptions, line: StoredLine): Promise<StoredLine> {
  const state = linkNow(line, channel)
  const isDown = state === null || state.status === 'disconnected' || state.status === 'off'
  if (!isDown) return line
  const own = state === null ? providerFor(options, line) : null
  if (!(await options.lines.addChannel(line, channel, own))) throw gone()
  options.changed()
  return again(options, line)
}

/** Null: it has one that does. */
function providerFor(
  { providers }: PairingOptions,
  line: StoredLine,
): { provider: string; url: null; secret: null } | null {
  const unable = new GatewayError('CHANNEL_NOT_SUPPORTED', 'WhatsApp cannot be had on this number.')
  if (!canPair(line)) throw unable
  if (connectorOf(providers, line, channel) !== null) return null
  if (line.channelProviders[channel] === undefined && providers.get(channel)?.has(channel))
    return { provider: channel, url: null, secret: null }
  throw unable
}

/** What was never enabled has nothing to be stopped, and what was reset is off already. */
async function halt(
  options: PairingOptions,
  line: StoredLine,
  stopped: NonNullable<LinkOrder['stopped']>,
): Promise<StoredLine> {
  const before = orderFor(line, channel).stopped
  if (before === stopped || before === 'auth_reset') return line
  if (!(await options.lines.order(line, channel, stopped))) return again(options, line)
  options.changed()
  return again(options, line)
}

export async function resetAuth(options: PairingOptions, line: StoredLine): Promise<StoredLine> {
  await forget(options, line)
  return halt(options, line, 'auth_reset')
}

export async function remove(options: PairingOptions, line: StoredLine): Promise<StoredLine> {
  await forget(options, line)
  if (!(await options.lines.dropChannel(line, channel))) throw gone()
  options.changed()
  return again(options, line)
}

async function forget(options: PairingOptions, line: StoredLine): Promise<void> {
  if (!line.channels.includes(channel)) return
  mustBeServed(line)
  const { round } = orderFor(line, channel)
  const isThere = (one: StoredLine) => (one.linkPasts[channel]?.round ?? -1) >= round
  const there = await until(options, line, (one) => isThere(one) || !one.channels.includes(channel))
  if (!there.channels.includes(channel)) return
  const { clock, commands } = options
  await asked(() => inTime(clock, () => commands.act({ lineId: line.id, channel }, 'forgetPairing')))
}

export async function pairingCode(
  options: PairingOptions,
  line: StoredLine,
  phone: Handle | null,
): Promise<{ code: string; phone: Handle }> {
  const { clock, commands } = options
  const whose = phone ?? line.address
  if (whose === null) throw new GatewayError('INVALID_PHONE_NUMBER', 'Name the phone number that WhatsApp is on.')
  mustBeServed(line)
  await untilPairing(options, await enable(options, line))
  const ask = () => commands.act({ lineId: line.id, channel }, 'requestPairingCode', whose)
  const code = await asked(() => inTime(clock, ask))
  return { code: String(code), phone: whose }
}

export function untilPairing(
  options: PairingOptions,
  line: StoredLine,
  isUsable: (state: LinkState & { status: 'pairing' }) => boolean = () => true,
): Promise<StoredLine> {
  return until(options, line, (one) => {
    const state = linkNow(one, channel)
    if (state?.status === 'connected')
      throw new GatewayError('WHATSAPP_ALREADY_CONNECTED', 'This number is linked with WhatsApp already.')
    if (state === null || orderFor(one, channel).stopped !== null)
      throw new GatewayError('CONFLICT', 'WhatsApp was switched off on this number in the meantime.')
    return state.status === 'pairing' && isUsable(state)
  })
}

/** A link that was given an order is not there yet: whoever holds the line has to hear of it first. */
async function until(
  options: PairingOptions,
  line: StoredLine,
  isSo: (line: StoredLine) => boolean,
): Promise<StoredLine> {
  const { clock } = options
  const giveUpAt = clock.monotonic() + readyWithinMs
  let now = line
  for (let looks = 0; !isSo(now); looks++) {
    if (clock.monotonic() >= giveUpAt)
      throw new GatewayError('PROVIDER_TIMEOUT', 'The link with WhatsApp did not get that far in time. See its status.')
    await clock.sleep(looksMs[Math.min(looks, looksMs.length - 1)] ?? 250)
    now = await again(options, line)
  }
  return now
}

async function check(options: PairingOptions, line: StoredLine, phone: Handle): Promise<boolean> {
  const { clock, commands } = options
  if (linkNow(line, channel)?.status !== 'connected') throw notConnected()
  const answer = await asked(() => inTime(clock, () => commands.reach({ lineId: line.id, channel }, phone)))
  if (answer !== 'unknown') return answer === 'yes'
  if (linkNow(await again(options, line), channel)?.status !== 'connected') throw notConnected()
  throw new GatewayError('PROVIDER_TIMEOUT', 'WhatsApp did not say whether this number is there. Try again.')
}

async function again({ lines }: PairingOptions, { id }: StoredLine): Promise<StoredLine> {
  const line = await lines.get(id)
  if (line === null) throw gone()
  return line
}

/** What a link cannot do just now, in the words of these calls. */
export async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof SendFailure)) throw error
    if (error.scope === 'link') throw notConnected()
    throw new GatewayError(isCallCode(error.code) ? error.code : 'SERVICE_UNAVAILABLE', error.message)
  }
}

export function mustBeServed(line: StoredLine): void {
  if (isServed(line)) return
  throw new GatewayError(
    'INVALID_STATUS',
    'This number is out of use, and nothing connects it. An operator can activate it.',
  )
}

export function notConnected(): GatewayError {
  return new GatewayError('WHATSAPP_NOT_CONNECTED', 'This number is not linked with WhatsApp. Pair it first.')
}

/** An operator took the line away in the meantime. */
function gone(): GatewayError {
  return new GatewayError('NOT_FOUND', 'This number is not there any more.')
}
