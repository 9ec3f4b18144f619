/** Which channels, in which order, for this recipient. Pure. */
import type { Channel } from './channel.ts'
import type { CallCode } from './errors.ts'
import type { Recipient } from './handle.ts'

export type Route =
  | { ok: true; channels: readonly [Channel, ...Channel[]] }
  | { ok: false; code: CallCode; detail: string }

const preferenceDefault: readonly Channel[] = ['imessage', 'sms']

export interface RouteFacts {
  recipient: Recipient
  /** Null: the caller did not say. */
  preference: readonly Channel[] | null
  /** False: only the first preference is tried. */
  fallback: boolean
  lineChannels: readonly Channel[]
  /** The caller named the line; then it is the line that cannot reach, not the gateway. */
  lineNamed: boolean
}

export function routeFor(facts: RouteFacts): Route {
  const { recipient, lineChannels } = facts
  const possible = channelsOf(recipient)
  const preference = facts.preference ?? (recipient.kind === 'chat' ? [recipient.channel] : preferenceDefault)
  const asked = facts.fallback ? preference : preference.slice(0, 1)
  const fitting = asked.filter((channel) => possible.includes(channel))
  if (fitting.length === 0) {
    return refuse(
      'NO_CHANNEL_AVAILABLE',
      `This recipient can only be reached on ${possible.join(' or ')}; put it into routing.preference.`,
    )
  }
  const [first, ...rest] = [...new Set(fitting)].filter((channel) => lineChannels.includes(channel))
  if (first !== undefined) return { ok: true, channels: [first, ...rest] }
  const detail = `The sending line has ${lineChannels.join(', ') || 'no channel'}; asked for was ${fitting.join(', ')}.`
  return refuse(facts.lineNamed ? 'FROM_INSTANCE_CANNOT_REACH' : 'NO_CHANNEL_AVAILABLE', detail)
}

function channelsOf(recipient: Recipient): readonly Channel[] {
  if (recipient.kind === 'chat') return [recipient.channel]
  return recipient.kind === 'email' ? ['imessage'] : ['imessage', 'sms', 'whatsapp']
}

function refuse(code: CallCode, detail: string): Route {
  return { ok: false, code, detail }
}
