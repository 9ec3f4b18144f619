/** iMessage over a Mac of the owner that runs BlueBubbles server. */
import { SendFailure } from '../../model/delivery.ts'
import type { Connection, Connector, Counter, Host, LineSettings, ProviderAnswer, ProviderCall } from '../connector.ts'
import { createBlueBubbles } from './bluebubbles/bluebubbles.ts'
import { bodyBytesMax, isTopic, noteIn } from './bluebubbles/counter.ts'
import { imessageCapabilities } from './capabilities.ts'
import { type ImessageTools, openImessage, prove } from './link.ts'
import { settingsOf } from './settings.ts'
import { warningsOf } from './standing.ts'

export function createImessageConnector(tools: ImessageTools): Connector {
  return {
    channel: 'imessage',
    capabilities: imessageCapabilities,
    open: (line, host) => {
      const read = settingsOf(line)
      return read.ok ? openImessage(tools, line, read.value, host) : neverConnected(host, read.problem.message)
    },
    problemWith: (settings) => {
      const read = settingsOf(settings)
      return read.ok ? null : read.problem
    },
    test: (line, signal) => test(tools, line, signal),
    answer: async (line, call, counter) => answer(tools, line, call, counter),
  }
}

async function test(
  tools: ImessageTools,
  line: LineSettings,
  signal: AbortSignal,
): Promise<{ ok: boolean; detail: string }> {
  const read = settingsOf(line)
  if (!read.ok) return { ok: false, detail: read.problem.message }
  const found: string[] = []
  const proof = await prove(createBlueBubbles(tools, read.value.place), signal, async (standing) => {
    found.push(`BlueBubbles ${standing.serverVersion} on macOS ${standing.macos} accepts the password.`)
    found.push(...warningsOf(standing).map((warning) => `${warning}.`))
  })
  return proof.ok ? { ok: true, detail: found.join(' ') } : { ok: false, detail: proof.detail }
}

/** It is answered before anything is done about it: the server tells each thing once, and what is lost the poll finds. */
async function answer(
  { clock }: ImessageTools,
  line: LineSettings,
  call: ProviderCall,
  { pass }: Counter,
): Promise<ProviderAnswer> {
  if (line.secret === null || !isTopic(call.topic, line.secret, line.id)) return plain(404, 'Nothing is expected here.')
  if (call.method !== 'POST') return plain(405, 'Use POST.')
  if (call.body.length > bodyBytesMax) return plain(413, 'This is more than is expected.')
  const note = noteIn(call.body, clock.now())
  if (note !== null) await pass(JSON.stringify(note))
  return plain(200, 'Taken.')
}

function plain(status: number, body: string): ProviderAnswer {
  return { status, contentType: 'text/plain', body }
}

/** The link of a line whose settings are no good: it waits for better ones. */
function neverConnected(host: Host, problem: string): Connection {
  return {
    capabilities: imessageCapabilities,
    actions: {},
    start: async () => {
      host.log.error({ problem }, 'The settings of the line are not valid.')
      host.setState({ status: 'disconnected', reason: 'close_settings', retryAt: null })
    },
    stop: async () => host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null }),
    reach: async () => 'unknown',
    send: () => Promise.reject(new SendFailure('retryable', 'SERVICE_UNAVAILABLE', problem, { scope: 'link' })),
  }
}
