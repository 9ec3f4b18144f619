/** One line's link to the provider: proved by asking for the account, and sending one request after the other. */
import type { Clock } from '../../../lib/clock.ts'
import type { SafeFetch } from '../../../lib/egress/safe-fetch.ts'
import { createPace } from '../../../lib/pace.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Accepted, Connection, Host, Outgoing } from '../../connector.ts'
import { createWatch, type Proof, proofBy } from '../../watch.ts'
import { inParts } from '../capabilities.ts'
import { chatOf, isName, reachOf, recipientOf } from '../chats.ts'
import { type Api, createApi, failureOnTheWay, fieldsOf, notConnected, textOf } from '../rest/api.ts'
import { capabilitiesOf, type Kind } from './capabilities.ts'
import { failureOfCode, refusalOf } from './failures.ts'
import { costOf, formsFor, mayCallBack } from './forms.ts'
import { mediaAt } from './media.ts'
import { keepPolling, pathOf } from './poll.ts'
import type { TwilioSettings } from './settings.ts'

export interface TwilioTools {
  clock: Clock
  /** From 0 up to, not including, 1. */
  chance(): number
  /** For the provider itself: may reach private addresses. */
  http: SafeFetch
  /** For media that lies elsewhere. */
  media: SafeFetch
}

/** Credentials do not mend themselves. */
const refusedRetryMs = 60_000
/** Once a part of a message went out, the others are worth this much patience. */
const partPatienceMs = 20_000
const throttledMs = { first: 1_000, longest: 60_000 }

export function openTwilio(tools: TwilioTools, kind: Kind, settings: TwilioSettings, host: Host): Connection {
  const { clock, chance } = tools
  const api = apiFor(tools, settings)
  const statusUrl = host.callbackUrl('status')
  const warnings = warningsFor(settings, statusUrl)
  const pace = createPace({ clock, perSecond: settings.perSecond, burst: Math.max(1, settings.perSecond) })
  const door = { http: tools.http, media: tools.media, origin: api.origin, authorization: api.authorization }
  const watch = createWatch({
    clock,
    chance,
    host,
    identity: settings.place.user,
    prove: async (signal) => {
      const { proof } = await askAccount(api, settings, signal)
      return proof.ok ? { ok: true, warnings: [...proof.warnings, ...warnings] } : proof
    },
    whileUp: (signal) =>
      keepPolling({ clock, api, settings, host, mediaAt: (url, type) => mediaAt(door, url, type) }, signal),
  })
  const submit = createSubmit({ api, settings, pause: pace.pause })

  async function send(message: Outgoing, given: AbortSignal): Promise<Accepted> {
    if (!watch.isUp) throw notConnected()
    if (given.aborted) throw new SendFailure('retryable', 'SMS_SEND_FAILED', 'It was given up before it was sent.')
    const forms = formsFor(message, { kind, settings, callbackUrl: statusUrl })
    const signal = AbortSignal.any([given, watch.signal])
    const ids: ProviderMessageId[] = []
    try {
      for (const form of forms) ids.push(await (ids.length === 0 ? submit(form, signal) : later(form, signal)))
    } catch (error) {
      if (isSuspicious(error, signal)) watch.doubt()
      throw ids.length === 0 ? error : partly(error)
    }
    const [providerId = '' as ProviderMessageId] = ids
    return { providerId, chat: chatOf(recipientOf(message.to)), ...(ids.length > 1 && { parts: ids }) }
  }

  /** Waits when it is told to: sending the whole again would double what went out. */
  async function later(form: URLSearchParams, signal: AbortSignal): Promise<ProviderMessageId> {
    const untilMs = clock.monotonic() + partPatienceMs
    for (;;) {
      try {
        return await submit(form, signal)
      } catch (error) {
        if (!(error instanceof SendFailure) || error.kind !== 'retryable') throw error
        const waitMs = error.retryAfterMs ?? throttledMs.first
        if (signal.aborted || clock.monotonic() + waitMs > untilMs) throw error
        await clock.sleep(waitMs, signal)
        if (signal.aborted) throw error
      }
    }
  }

  return {
    capabilities: inParts(capabilitiesOf(kind), settings.segmentsMax),
    actions: {},
    start: () => watch.start(),
    stop: () => watch.stop(),
    reach: async (handle) => reachOf(handle),
    send,
    turn: (message) => pace.turn(message.ref, costOf(message)),
  }
}

export function apiFor({ clock, http }: TwilioTools, { place, token }: TwilioSettings): Api {
  return createApi({ clock, http, place, password: token })
}

/** Whether the account lets us in, and what it is called. */
export async function askAccount(
  api: Api,
  settings: TwilioSettings,
  signal: AbortSignal,
): Promise<{ proof: Proof; name: string }> {
  let name = ''
  const proof = await proofBy(async () => {
    const { status, json } = await api.get(`${pathOf(settings)}.json`, signal)
    if (status === 401 || status === 403) {
      const detail = 'The credentials are not accepted. Check the account in the URL and the password.'
      return { ok: false, reason: 'close_401', detail, retryAfterMs: refusedRetryMs }
    }
    if (status !== 200 || json === undefined) {
      const detail = `The provider answered ${status} for the account. Check the URL.`
      return { ok: false, reason: `close_${status}`, detail, retryAfterMs: null }
    }
    const account = fieldsOf(json)
    name = textOf(account.friendly_name).slice(0, 100)
    const state = textOf(account.status)
    const isActive = state === '' || state === 'active'
    return { ok: true, warnings: isActive ? [] : [`The account is ${state.slice(0, 40)}: it sends nothing.`] }
  })
  return { proof, name }
}

function warningsFor(settings: TwilioSettings, statusUrl: string): readonly string[] {
  if (settings.callbacks === 'off' || mayCallBack(settings, statusUrl)) return []
  return ['The provider cannot reach this gateway, so no receipts come. Set PUBLIC_URL to a public https address.']
}

/** Sends one request. How long a provider that says no time is left alone grows with every time it has no room. */
function createSubmit({ api, settings, pause }: { api: Api; settings: TwilioSettings; pause(ms: number): void }) {
  let timesThrottled = 0
  return async (form: URLSearchParams, signal: AbortSignal): Promise<ProviderMessageId> => {
    const content = { type: 'application/x-www-form-urlencoded', text: form.toString() }
    const answer = await api.post(`${pathOf(settings)}/Messages.json`, content, signal).catch((error: unknown) => {
      throw failureOnTheWay(error)
    })
    if (answer.status < 200 || answer.status > 299) {
      const failure = refusalOf(answer)
      if (!failure.throttled) throw failure
      const ms = failure.retryAfterMs ?? Math.min(throttledMs.first * 2 ** timesThrottled, throttledMs.longest)
      timesThrottled = Math.min(timesThrottled + 1, 10)
      pause(ms)
      throw new SendFailure('retryable', failure.code, failure.message, {
        scope: 'link',
        throttled: true,
        retryAfterMs: ms,
      })
    }
    timesThrottled = 0
    const taken = fieldsOf(answer.json)
    if (taken.status === 'failed' || taken.status === 'undelivered') throw failureOfCode(taken.error_code)
    const id = textOf(taken.sid)
    if (isName(id)) return id as ProviderMessageId
    throw new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'The provider took it and did not name it.')
  }
}

/** Whether the link itself may be the trouble. */
function isSuspicious(error: unknown, signal: AbortSignal): boolean {
  if (!(error instanceof SendFailure) || error.throttled || signal.aborted) return false
  return error.scope === 'link' || error.kind === 'uncertain'
}

/** Some of it went out: what happened to the rest is final. */
function partly(error: unknown): unknown {
  if (!(error instanceof SendFailure) || error.kind === 'uncertain') return error
  const detail = `Some of its parts were sent before this: ${error.message}`
  return new SendFailure('refused', error.code, detail, { partly: true })
}
