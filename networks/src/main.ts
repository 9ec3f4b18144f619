/** The process: ports in, running networks out, and an orderly end when it is told to stop. */
import { readFlags } from './flags.ts'
import { type Running, startNetworks } from './start.ts'
import { systemClock } from './time.ts'

const stopWithinMs = 5_000

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2))
  if ('help' in flags) return print(flags.help)
  if ('problem' in flags) return refuse(flags.problem)
  const stopping = new AbortController()
  let running: Running | null = null
  const end = (signal: NodeJS.Signals) => {
    // Twice means now.
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping.abort()
    if (running !== null) void stop(running)
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  // Whoever started it to talk to it takes it along, even killed.
  process.on('disconnect', () => stopping.signal.aborted || end('SIGTERM'))
  const { ports, whatsappState } = flags
  running = await startNetworks(ports, systemClock, whatsappState)
  if (stopping.signal.aborted) return stop(running)
  print(greeting(running))
  process.send?.({ url: running.url })
}

async function stop(running: Running): Promise<void> {
  void systemClock.sleep(stopWithinMs).then(() => process.exit(1))
  await running.stop()
  process.exit(0)
}

function greeting({ url, networks }: Running): string {
  const lines = Object.entries(networks).flatMap(
    ([
      name,
      {
        meaning,
        channel,
        line: { url, password },
      },
    ]) => [
      '',
      `${name}: ${meaning}`,
      `  "provider": "${name}", "channels": ["${channel}"], "url": "${url}"${password && `, "password": "${password}"`}`,
    ],
  )
  return [
    'The networks run on this machine only. A line of the gateway reaches them with these settings:',
    ...lines,
    '',
    `What can be asked and changed here: ${url}/`,
    'Stop with Ctrl-C.',
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function refuse(problem: string): void {
  process.stderr.write(`${problem}\n`)
  process.exit(1)
}

main().catch((error: unknown) => {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error
  if (isTaken) refuse(`Port ${error.port} is taken. --help lists the flags that choose another.`)
  refuse(error instanceof Error ? (error.stack ?? error.message) : String(error))
})
