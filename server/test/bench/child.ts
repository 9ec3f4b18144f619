/** A process of the bench's own that answers questions, and the other side of it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Child {
  pid: number
  ask<Result>(what: string, input?: object): Promise<Result>
  /** Told to stop and waited for. */
  stop(): Promise<void>
}

interface Question {
  number: number
  what: string
  input: object
}

interface Answer {
  number: number
  result?: unknown
  error?: string
}

const children = new Set<ChildProcess>()
const endWithinMs = 5_000

/** Nothing that was started outlives the bench, however it ends. */
export async function endChildren(): Promise<void> {
  await Promise.all([...children].map(endChild))
}

async function endChild(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  const late = setTimeout(() => child.kill('SIGKILL'), endWithinMs)
  // It stops when its parent is gone.
  if (child.connected) child.disconnect()
  await ended
  clearTimeout(late)
}

export async function startChild(name: string, settings: object, nodeFlags: readonly string[] = []): Promise<Child> {
  const child = fork(join(import.meta.dirname, `${name}.ts`), [JSON.stringify(settings)], {
    execArgv: [...nodeFlags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  children.add(child)
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  let asked = 0
  child.on('message', (message) => {
    const { number, result, error } = message as Answer
    const one = waiting.get(number)
    waiting.delete(number)
    if (error === undefined) one?.resolve(result)
    else one?.reject(new Error(`${name}: ${error}`))
  })
  child.on('exit', (code, signal) => {
    children.delete(child)
    for (const one of waiting.values()) one.reject(new Error(`${name} ended with ${signal ?? code}.`))
  })
  const ask = <Result>(what: string, input: object = {}) =>
    new Promise<Result>((resolve, reject) => {
      asked += 1
      waiting.set(asked, { resolve: (result) => resolve(result as Result), reject })
      child.send({ number: asked, what, input } satisfies Question)
    })
  await ask('ready')
  return {
    pid: child.pid ?? 0,
    ask,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.send({ number: 0, what: 'stop', input: {} } satisfies Question)
      await ended
    },
  }
}

export type Answers = Record<string, (input: never) => unknown>

/** In the child: makes what it is about, then answers until it is told to stop, or its parent is gone. */
export async function answerAs<Settings>(
  make: (settings: Settings) => Promise<{ answers: Answers; stop(): Promise<void> }>,
): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
  const made = make(settings)
  made.catch(() => {})
  const reply = (answer: Answer) => process.connected && process.send?.(answer)
  const stop = async () => {
    await (await made).stop()
    process.exit(0)
  }
  process.on('disconnect', () => void stop())
  process.on('message', async (message) => {
    const { number, what, input } = message as Question
    try {
      const { answers } = await made
      if (what === 'stop') return await stop()
      const answer = answers[what]
      if (answer === undefined && what !== 'ready') throw new Error(`nobody answers "${what}"`)
      reply({ number, result: await answer?.(input as never) })
    } catch (error) {
      reply({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
}
