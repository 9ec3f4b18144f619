/** One line's link to its phone: proved by asking for the webhooks, which are put right by the way. */
import type { Clock } from '../../../lib/clock.ts'
import type { SafeFetch } from '../../../lib/egress/safe-fetch.ts'
import { createPace } from '../../../lib/pace.ts'
import type { Capabilities } from '../../../model/channel.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import { smsTextOf } from '../../../model/sms-text.ts'
import type { Accepted, Connection, Host, LineSettings, Outgoing } from '../../connector.ts'
import { createWatch, type Proof, proofBy } from '../../watch.ts'
import { inParts, noFiles, plainSms } from '../capabilities.ts'
import { chatOf, reachOf, recipientOf } from '../chats.ts'
import { type Answer, type Api, createApi, failureOnTheWay, notConnected } from '../rest/api.ts'
import { refusalOf } from './failures.ts'
import type { AndroidSettings } from './settings.ts'
import { createStates } from './states.ts'
import { registerWebhooks } from './webhooks.ts'

export interface AndroidTools {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  /** For the phone, which is most often in a private network. */
  http: SafeFetch
}

/** The app sends no MMS. */
export const androidCapabilities: Capabilities = { ...plainSms, media: noFiles, dedupesByRef: true }

/** Credentials do not mend themselves. */
const refusedRetryMs = 60_000

export function openAndroid(
  tools: AndroidTools,
  line: LineSettings,
  settings: AndroidSettings,
  host: Host,
): Connection {
  const { clock, chance } = tools
  const api = apiFor(tools, settings)
  const states = createStates({ clock, api, host })
  const pace = createPace({ clock, perSecond: settings.perSecond, burst: Math.max(1, settings.perSecond) })
  const registering = { api, settings, lineId: line.id, url: host.callbackUrl('event') }
  const watch = createWatch({
    clock,
    chance,
    host,
    identity: settings.device === null ? settings.place.user : `${settings.place.user}/${settings.device}`,
    prove: (signal) =>
      proveBy(api, signal, async (listed) => ({
        ok: true,
        warnings: await registerWebhooks(registering, listed, signal),
      })),
    whileUp: (signal) => states.keepAsking(signal),
  })

  async function send(message: Outgoing, given: AbortSignal): Promise<Accepted> {
    if (!watch.isUp) throw notConnected()
    if (given.aborted) throw new SendFailure('retryable', 'SMS_SEND_FAILED', 'It was given up before it was sent.')
    const to = recipientOf(message.to)
    const text = JSON.stringify(bodyFor(message, to, settings))
    // Numbers are checked here, and the phone's own check knows no short codes.
    const where = '/messages?skipPhoneValidation=true'
    const signal = AbortSignal.any([given, watch.signal])
    const answer = await api.post(where, { type: 'application/json', text }, signal).catch((error: unknown) => {
      const failure = failureOnTheWay(error)
      if (!signal.aborted) watch.doubt()
      throw failure
    })
    // It has this id already: it was taken before, and its answer was lost.
    if (!isFine(answer) && answer.status !== 409) {
      const failure = refusalOf(answer)
      if (failure.throttled && failure.retryAfterMs !== null) pace.pause(failure.retryAfterMs)
      throw failure
    }
    const providerId = message.ref as string as ProviderMessageId
    states.add(providerId)
    return { providerId, chat: chatOf(to) }
  }

  return {
    capabilities: inParts(androidCapabilities, settings.segmentsMax),
    actions: {},
    start: () => watch.start(),
    stop: () => watch.stop(),
    reach: async (handle) => reachOf(handle),
    send,
    turn: ({ ref, text }) => pace.turn(ref, smsTextOf(text ?? '').parts.length),
  }
}

export function apiFor({ clock, http }: AndroidTools, { place, password }: AndroidSettings): Api {
  return createApi({ clock, http, place, password })
}

/** `then` gets the webhooks that the phone has. */
export function proveBy(api: Api, signal: AbortSignal, then: (listed: unknown) => Promise<Proof>): Promise<Proof> {
  return proofBy(async () => {
    const { status, json } = await api.get('/webhooks', signal)
    if (status === 401 || status === 403) {
      const detail = 'The phone does not accept the credentials. Check the user in the URL and the password.'
      return { ok: false, reason: 'close_401', detail, retryAfterMs: refusedRetryMs }
    }
    if (status === 200 && Array.isArray(json)) return then(json)
    const detail = `The phone answered ${status}. Check the URL of the line.`
    return { ok: false, reason: `close_${status}`, detail, retryAfterMs: null }
  })
}

/** Fails for what is sure to be refused. */
function bodyFor({ ref, text, attachments }: Outgoing, to: string, settings: AndroidSettings): object {
  const refuse = (code: 'SMS_TOO_LONG' | 'SMS_REJECTED', detail: string) => new SendFailure('refused', code, detail)
  if (attachments.length > 0) throw refuse('SMS_REJECTED', 'A phone sends no files. Send their links as text.')
  if (text === null || text === '') throw refuse('SMS_REJECTED', 'There is nothing to send.')
  const segments = smsTextOf(text).parts.length
  if (segments > settings.segmentsMax) {
    throw refuse(
      'SMS_TOO_LONG',
      `The text needs ${segments} parts. This line sends at most ${settings.segmentsMax}; shorten it.`,
    )
  }
  return {
    id: ref,
    textMessage: { text },
    phoneNumbers: [to],
    withDeliveryReport: true,
    ...(settings.sim !== null && { simNumber: settings.sim }),
    ...(settings.device !== null && { deviceId: settings.device }),
    ...(settings.ttl !== null && { ttl: settings.ttl }),
  }
}

function isFine({ status }: Answer): boolean {
  return status >= 200 && status < 300
}
