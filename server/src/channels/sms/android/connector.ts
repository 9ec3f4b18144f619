/** SMS by a phone of one's own with the app SMS Gateway for Android, directly or through its server. */
import type { Connector, Host, ProviderAnswer, ProviderCall } from '../../connector.ts'
import { confirmed, confirming } from '../confirming.ts'
import { neverConnected } from '../never.ts'
import { type AndroidTools, androidCapabilities, apiFor, openAndroid, proveBy } from './connection.ts'
import { bodyBytesMax, heard, isSigned } from './events.ts'
import { type AndroidSettings, settingsOf } from './settings.ts'

export function createAndroidConnector(tools: AndroidTools): Connector {
  return {
    channel: 'sms',
    capabilities: androidCapabilities,
    open: (line, host) => {
      const read = settingsOf(line)
      if (read.ok) return openAndroid(tools, line, read.value, confirming(host, read.value.optOutReplies))
      return neverConnected(androidCapabilities, host, read.problem.message)
    },
    problemWith: (settings) => {
      const read = settingsOf(settings)
      return read.ok ? null : read.problem
    },
    test: async (line, signal) => {
      const read = settingsOf(line)
      if (!read.ok) return { ok: false, detail: read.problem.message }
      const proof = await proveBy(apiFor(tools, read.value), signal, async () => ({ ok: true, warnings: [] }))
      return proof.ok ? { ok: true, detail: 'The phone accepts the credentials.' } : { ok: false, detail: proof.detail }
    },
    answer: async (line, call, { receive }) => {
      const read = settingsOf(line)
      return read.ok ? answer(tools, read.value, call, receive) : plain(503, 'The line is not set up.')
    },
  }
}

async function answer(
  { clock }: AndroidTools,
  settings: AndroidSettings,
  call: ProviderCall,
  receive: Host['receive'],
): Promise<ProviderAnswer> {
  if (call.topic !== 'event') return plain(404, 'Nothing is expected here.')
  if (call.method !== 'POST') return plain(405, 'Use POST.')
  if (call.body.length > bodyBytesMax) return plain(413, 'This is more than is expected.')
  const now = clock.now()
  if (settings.signingKey === null || !isSigned(call, settings.signingKey, now)) {
    return plain(403, 'The signature is missing, wrong or too old. Check the signing key, and the clock of the phone.')
  }
  const told = heard(call, settings, new Date(now))
  if ('problem' in told) return plain(400, told.problem)
  if (told.event !== null) await confirmed(receive, settings.optOutReplies)(told.event)
  return plain(200, 'Taken.')
}

function plain(status: number, body: string): ProviderAnswer {
  return { status, contentType: 'text/plain', body }
}
