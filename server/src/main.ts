/** The process: settings in, a running gateway out, and an orderly end when it is told to stop. */
import { join } from 'node:path'
import { compose, type Running } from './compose.ts'
import { readOwnConfig } from './config.ts'
import { systemClock } from './lib/clock.ts'
import { StartRefused } from './lib/start-refused.ts'

const stopWithinMs = 10_000
/** Never imported: it is met over sockets. */
const networks = join(import.meta.dirname, '../../networks/src/main.ts')

async function main(): Promise<void> {
  const config = readOwnConfig()
  if ('help' in config) return print(config.help)
  if (!('port' in config)) return print(config.version)
  const watched = config.logFormat === 'pretty' || (config.logFormat === 'auto' && process.stdout.isTTY)
  const stopping = new AbortController()
  let running: Running | null = null
  const end = (signal: NodeJS.Signals) => {
    // Twice means now. Nothing is lost: what was accepted is in the database, what was not answered can be repeated.
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping.abort()
    if (running !== null) void stop(running)
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  running = await compose(config, { networks, ...(watched && { onProgress: print }) })
  if (stopping.signal.aborted) return stop(running)
  if (watched) print(greeting(running))
}

async function stop(running: Running): Promise<void> {
  void systemClock.sleep(stopWithinMs).then(() => process.exit(1))
  await running.stop()
  process.exit(0)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function greeting(running: Running): string {
  const { url, sandbox, dataDir } = running
  const lines = ['', `Switchboard is ready on ${url} (API reference: ${url}/docs)`]
  if (sandbox !== null) {
    lines.push(
      '',
      `Your sandbox key: ${sandbox.apiKey}`,
      '',
      'Send a message:',
      `  curl -s ${url}/v1/messages -H "Authorization: Bearer ${sandbox.apiKey}" -H "Content-Type: application/json" \\`,
      `    -d '{"to": "+14155550199", "content": {"text": "Hello!"}}'`,
    )
  }
  lines.push('', `Data and keys are in ${dataDir.path}. Stop with Ctrl-C.`, '')
  return lines.join('\n')
}

main().catch((error: unknown) => {
  const text =
    error instanceof StartRefused
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(1)
})
