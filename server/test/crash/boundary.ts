/** Every crossing between the gateway and what outlives it, named and counted; at one of them the process may be told to die. */
import type { Db, Queryable, Session } from '../../src/store/db.ts'

export interface Plan {
  /** A name as the count has it. */
  name: string
  /** The how-manieth crossing of this name, from 1. */
  nth: number
  side: 'before' | 'after'
  /** Killed if not given; a stopped process goes on where it was when it is told to. */
  signal?: 'SIGKILL' | 'SIGSTOP'
}

export interface Boundary {
  cross<Result>(name: string, work: () => Promise<Result>): Promise<Result>
  /** The near side; resolves with the far one. */
  enter(name: string): Promise<() => Promise<void>>
  /** How often each was crossed. */
  counts(): Record<string, number>
}

export function createBoundary(plan: Plan | null): Boundary {
  const counts = new Map<string, number>()
  const enter = async (name: string) => {
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    const side = plan !== null && plan.name === name && plan.nth === nth ? plan.side : null
    if (side === 'before') await end(plan?.signal)
    return async () => {
      if (side === 'after') await end(plan?.signal)
    }
  }
  return {
    enter,
    async cross(name, work) {
      const leave = await enter(name)
      const result = await work()
      await leave()
      return result
    },
    counts: () => Object.fromEntries(counts),
  }
}

/** The signal arrives before the call returns, and what comes after a kill must not run whatever happens. */
async function end(signal: Plan['signal'] = 'SIGKILL'): Promise<void> {
  process.kill(process.pid, signal)
  if (signal === 'SIGKILL') await new Promise(() => {})
}

/** The database with each statement and each commit a boundary. */
export function crossingDb(db: Db, boundary: Boundary): Db {
  const watched = (inner: Queryable, prefix: string): Queryable => ({
    query: (statement, values) => boundary.cross(`${prefix}${nameOf(statement)}`, () => inner.query(statement, values)),
  })
  return {
    ...watched(db, ''),
    async transaction(work) {
      let leave = async () => {}
      const result = await db.transaction(async (tx) => {
        let last = 'nothing'
        const inner = watched(tx, '')
        const done = await work({
          query: (statement, values) => {
            last = nameOf(statement)
            return inner.query(statement, values)
          },
        })
        leave = await boundary.enter(`commit after ${last}`)
        return done
      })
      await leave()
      return result
    },
    async session(onLost) {
      const session = await boundary.cross('open a session', () => db.session(onLost))
      return { ...session, ...watched(session, 'session ') } satisfies Session
    },
    close: () => db.close(),
  }
}

function nameOf(statement: { name: string; text: string }): string {
  return statement.name === '' ? statement.text.trim().split(/\s+/).slice(0, 2).join(' ') : statement.name
}
