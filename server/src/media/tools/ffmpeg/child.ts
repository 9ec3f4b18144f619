/** A program that is run to its end, or to the end of its time: then it is killed with everything it has started. */
import { type SpawnOptions, spawn } from 'node:child_process'
import type { Clock } from '../../../lib/clock.ts'

export interface Child {
  command: string
  args: readonly string[]
  env: Record<string, string>
  wallMs: number
  /** Further files, as descriptors from 3 on. */
  files?: readonly number[]
  /** Looked at every so often: false ends the child. */
  mayGoOn?: () => Promise<boolean>
}

export interface Ended {
  /** Null when it was killed, or could not be started. */
  code: number | null
  signal: string | null
  stdout: string
  /** Its end. */
  stderr: string
  late: boolean
  stopped: boolean
}

const stdoutMax = 1024 * 1024
const stderrMax = 4096
const lookEveryMs = 200

export function runChild(child: Child, clock: Clock): Promise<Ended> {
  const { command, args, env, files = [] } = child
  const options: SpawnOptions = { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe', ...files] }
  return new Promise((resolve) => {
    const ended: Ended = { code: null, signal: null, stdout: '', stderr: '', late: false, stopped: false }
    const over = new AbortController()
    const started = spawn(command, args, options)
    started.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (ended.stdout.length < stdoutMax) ended.stdout += text
    })
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      ended.stderr = (ended.stderr + text).slice(-stderrMax)
    })
    const finish = () => {
      over.abort()
      resolve(ended)
    }
    started.on('error', finish)
    started.on('close', (code, signal) => {
      ended.code = code
      ended.signal = signal
      finish()
    })
    const kill = () => killGroup(started.pid)
    watch(child, { clock, over: over.signal }).then((why) => {
      if (why === null) return
      ended[why] = true
      kill()
    }, kill)
  })
}

/** Resolves when the child is to be killed, and says why; null when it has ended by itself. */
async function watch(
  { wallMs, mayGoOn }: Child,
  { clock, over }: { clock: Clock; over: AbortSignal },
): Promise<'late' | 'stopped' | null> {
  const startMs = clock.monotonic()
  while (!over.aborted) {
    const leftMs = wallMs - (clock.monotonic() - startMs)
    if (leftMs <= 0) return 'late'
    await clock.sleep(mayGoOn === undefined ? leftMs : Math.min(leftMs, lookEveryMs), over)
    if (!over.aborted && mayGoOn !== undefined && !(await mayGoOn())) return 'stopped'
  }
  return null
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
