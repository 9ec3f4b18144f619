/** SMS and MMS by Twilio, and by SignalWire, which speaks the same language. */
import type { Connector, Host, ProviderAnswer, ProviderCall } from '../../connector.ts'
import { confirmed, confirming } from '../confirming.ts'
import { neverConnected } from '../never.ts'
import { heardMessage, heardStatus, paramsOf } from './callbacks.ts'
import { capabilitiesOf, type Kind } from './capabilities.ts'
import { apiFor, askAccount, openTwilio, type TwilioTools } from './connection.ts'
import { mediaAt } from './media.ts'
import { settingsOf, type TwilioSettings } from './settings.ts'
import { isSigned } from './signature.ts'

/** SignalWire signs as Twilio does, under its own name or under Twilio's. */
const signatureHeaders: Readonly<Record<Kind, readonly string[]>> = {
  twilio: ['x-twilio-signature'],
  signalwire: ['x-signalwire-signature', 'x-twilio-signature'],
}

export function createTwilioConnector(kind: Kind, tools: TwilioTools): Connector {
  const capabilities = capabilitiesOf(kind)
  return {
    channel: 'sms',
    capabilities,
    open: (line, host) => {
      const read = settingsOf(kind, line)
      return read.ok
        ? openTwilio(tools, kind, read.value, confirming(host, read.value.optOutReplies))
        : neverConnected(capabilities, host, read.problem.message)
    },
    problemWith: (settings) => {
      const read = settingsOf(kind, settings)
      return read.ok ? null : read.problem
    },
    test: async (line, signal) => {
      const read = settingsOf(kind, line)
      if (!read.ok) return { ok: false, detail: read.problem.message }
      const { proof, name } = await askAccount(apiFor(tools, read.value), read.value, signal)
      if (!proof.ok) return { ok: false, detail: proof.detail }
      const account = name === '' ? read.value.place.user : name
      return { ok: true, detail: [`The account “${account}” accepts the credentials.`, ...proof.warnings].join(' ') }
    },
    answer: async (line, call, { receive }) => {
      const read = settingsOf(kind, line)
      return read.ok
        ? answer(tools, { kind, settings: read.value }, call, receive)
        : plain(503, 'The line is not set up.')
    },
  }
}

async function answer(
  tools: TwilioTools,
  { kind, settings }: { kind: Kind; settings: TwilioSettings },
  call: ProviderCall,
  receive: Host['receive'],
): Promise<ProviderAnswer> {
  if (call.topic !== 'status' && call.topic !== 'inbound') return plain(404, 'Nothing is expected here.')
  if (call.method !== 'POST') return plain(405, 'Set the webhook to HTTP POST.')
  const params = paramsOf(call)
  if (params === null) return plain(413, 'This is more than is expected.')
  const signatures = signatureHeaders[kind].map((name) => call.headers[name]).filter((one) => one !== undefined)
  if (!isSigned({ token: settings.token, signatures, url: call.url, params, body: call.body })) {
    return plain(403, 'The signature is missing or wrong. Check the password of the line, and PUBLIC_URL.')
  }
  const now = new Date(tools.clock.now())
  const api = apiFor(tools, settings)
  const door = { http: tools.http, media: tools.media, origin: api.origin, authorization: api.authorization }
  const number = settings.service === null ? settings.number : null
  const heard =
    call.topic === 'status'
      ? heardStatus(params, now)
      : heardMessage(params, { number, now, mediaAt: (url, type) => mediaAt(door, url, type) })
  if ('problem' in heard) return plain(400, heard.problem)
  if (heard.event !== null) await confirmed(receive, settings.optOutReplies)(heard.event)
  return { status: 200, contentType: 'text/xml', body: '<Response></Response>' }
}

function plain(status: number, body: string): ProviderAnswer {
  return { status, contentType: 'text/plain', body }
}
