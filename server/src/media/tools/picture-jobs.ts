/** One process at a time that opens pictures: started when it is needed, one job after the other, ended when it is late, old or idle. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Answer, Job } from './pictures-process.ts'

export type Outcome = Answer | { ok: false; why: 'died' | 'late' | 'stopped' }

export interface PictureJobs {
  run(job: Job): Promise<Outcome>
  /** Ends what runs; what is asked for later is not done. */
  stop(): Promise<void>
}

export interface PictureJobsOptions {
  clock: Pick<Clock, 'sleep'>
  log: Log
}

interface Opener {
  process: ChildProcess
  gone: Promise<void>
  jobs: number
}

const lateMs = 10_000
const idleMs = 30_000
/** Whatever a library of so many parts leaves behind in memory goes with its process. */
const jobsMax = 500
const rssBytesMax = 300 * 1024 * 1024

export function createPictureJobs({ clock, log }: PictureJobsOptions): PictureJobs {
  const living = new Set<Opener>()
  let current: Opener | null = null
  let idle = new AbortController()
  let last: Promise<unknown> = Promise.resolve()
  let isStopped = false

  const started = (): Opener => {
    const opener = startOpener()
    living.add(opener)
    void opener.gone.then(() => {
      living.delete(opener)
      if (current === opener) current = null
    })
    log.info({ pid: opener.process.pid }, 'a process that opens pictures was started')
    return opener
  }

  const end = (opener: Opener): Promise<void> => {
    if (current === opener) current = null
    opener.process.kill('SIGKILL')
    return opener.gone
  }

  const endWhenIdle = (opener: Opener) => {
    const { signal } = idle
    void clock.sleep(idleMs, signal).then(() => (signal.aborted ? undefined : end(opener)))
  }

  const next = async (job: Job): Promise<Outcome> => {
    if (isStopped) return { ok: false, why: 'stopped' }
    idle.abort()
    idle = new AbortController()
    current ??= started()
    const opener = current
    opener.jobs += 1
    const outcome = await ask(opener, job, clock)
    const isSpent = !('rssBytes' in outcome) || outcome.rssBytes > rssBytesMax || opener.jobs >= jobsMax
    if (isSpent) await end(opener)
    else endWhenIdle(opener)
    if ('rssBytes' in outcome) return outcome
    if (isStopped) return { ok: false, why: 'stopped' }
    log.warn({ kind: job.do, outcome: outcome.why }, 'a process that opens pictures was lost with its job')
    return outcome
  }

  return {
    run(job) {
      const mine = last.then(() => next(job))
      last = mine.catch(() => undefined)
      return mine
    },
    async stop() {
      isStopped = true
      idle.abort()
      await Promise.all([...living].map(end))
      await last
    },
  }
}

function startOpener(): Opener {
  const child = fork(new URL('./pictures-process.ts', import.meta.url), [], {
    // Nothing of the gateway's secrets or its flags; and no signal that a terminal sends to all.
    ...{ env: {}, execArgv: [], detached: true },
    ...{ cwd: '/', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    // It could not be started, or a job could not be handed to it: then its exit is on its way.
    child.on('error', () => child.pid === undefined && resolve())
  })
  return { process: child, gone, jobs: 0 }
}

async function ask(opener: Opener, job: Job, clock: Pick<Clock, 'sleep'>): Promise<Outcome> {
  const over = new AbortController()
  const answered = new Promise<Answer>((resolve) =>
    opener.process.once('message', (answer) => resolve(answer as Answer)),
  )
  // Whether it can be sent is told by the process: by its answer or by its end.
  opener.process.send(job, () => undefined)
  const died = opener.gone.then((): Outcome => ({ ok: false, why: 'died' }))
  const late = clock.sleep(lateMs, over.signal).then((): Outcome => ({ ok: false, why: 'late' }))
  const outcome = await Promise.race([answered, died, late])
  over.abort()
  return outcome
}
