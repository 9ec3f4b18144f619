/** The gateway exactly as `npm start` starts it, seen from outside only. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from './machine-clock.ts'
import { postmasterOf } from './stand.ts'
import { askOnce, openWire } from './wire.ts'

const starter = join(import.meta.dirname, '../../../scripts/start.mjs')
const readyWithinMs = 60_000
const pollMs = 3

export interface Started {
  port: number
  pid: number
  /** From starting the process to its first good answer on /health. */
  readyMs: number
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export async function startProduction(dataDir: string, nodeFlags: readonly string[]): Promise<Started> {
  const port = await freePort()
  const flags = ['--data-dir', dataDir, '--port', String(port), '--rate-limit-per-minute', '0', '--log-level', 'error']
  const startedAt = machineMs()
  const child = spawn(process.execPath, [...nodeFlags, starter, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null) throw new Error(`The gateway ended with ${child.exitCode} while it started.`)
    if (machineMs() - startedAt > readyWithinMs) throw new Error('The gateway did not become ready.')
    await sleep(pollMs)
  }
  return {
    port,
    pid: child.pid ?? 0,
    readyMs: machineMs() - startedAt,
    async end(signal) {
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}

/** After a gateway was killed, its database runs on; this ends it. */
export async function endDatabase(dataDir: string): Promise<void> {
  const pid = postmasterOf(dataDir)
  if (pid === null) return
  process.kill(pid, 'SIGINT')
  while (postmasterOf(dataDir) !== null) await sleep(20)
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const wire = await openWire(port, () => {})
    const { status } = await askOnce(wire, 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
    wire.close()
    return status === 200
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}
