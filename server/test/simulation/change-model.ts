/** The model of a change: lock and read, decide in the process, write; with everything that can come in between. */
import {
  type ChangeOutcome,
  type ChangeRequest,
  type ChangeStore,
  type NextWork,
  patched,
} from '../../src/store/changes.ts'
import { short } from './history.ts'
import { providerName } from './ledger-inbound.ts'
import { applyChanges, changeOutcome, type Decided, lockRow } from './ledger-outbox.ts'
import { type Port, unavailable } from './port.ts'
import type { Database } from './store-model.ts'

const triesMax = 5
/** After this the database ends a transaction whose process says nothing. */
const idleMaxMs = 30_000

export function createChangeModel(db: Database, port: Port): ChangeStore {
  return {
    async change(requests) {
      const outcomes = new Map<ChangeRequest, ChangeOutcome>()
      let waiting = requests
      while (waiting.length > 0) {
        const round = firstOfEach(waiting)
        const results = await transaction(db, port, round)
        for (const [index, request] of round.entries()) outcomes.set(request, results[index] ?? null)
        waiting = waiting.filter((request) => !outcomes.has(request))
      }
      return requests.map((request) => outcomes.get(request) ?? null)
    },
  }
}

function firstOfEach(requests: readonly ChangeRequest[]): ChangeRequest[] {
  const seen = new Set<string>()
  return requests.filter((request) => !seen.has(request.messageId) && seen.add(request.messageId))
}

async function transaction(db: Database, port: Port, round: readonly ChangeRequest[]): Promise<ChangeOutcome[]> {
  for (let tries = 1; tries <= triesMax; tries += 1) {
    const outcomes = await once(db, port, round)
    if (outcomes !== 'conflict') return outcomes
    port.options.history.say(port.label, 'change meets a row that moved; again')
  }
  throw unavailable()
}

async function once(db: Database, port: Port, round: readonly ChangeRequest[]): Promise<ChangeOutcome[] | 'conflict'> {
  const names = db.rows.plant === 'settle-on-anything' ? [] : [...new Set(round.flatMap(lockNames))]
  const hold = await locked(db, port, names)
  try {
    const read = await port.statement('change reads', (nowMs) =>
      round.map((request) => lockRow(db.rows, request, nowMs)),
    )
    const decided = round.map((request, index): Decided | null => {
      const state = read[index] ?? null
      return state === null ? null : { request, state, change: request.decide(state) }
    })
    const there = decided.filter((one) => one !== null)
    const written = await port.statement('change writes', (nowMs) => {
      if (hold.lost) throw unavailable()
      const done = applyChanges(db.rows, there, nowMs)
      if (done) for (const one of there) record(port, one)
      // Commit: from here on others may go on, whether or not the answer arrives.
      hold.release()
      return done
    })
    if (!written) return 'conflict'
    return decided.map((one) => (one === null ? null : changeOutcome(one)))
  } finally {
    hold.release()
  }
}

function lockNames({ customerId, messageId, named }: ChangeRequest): string[] {
  if (named === null) return [`m:${messageId}`]
  return [`m:${messageId}`, `p:${providerName({ ...named, customerId }, 'outbound')}`]
}

interface Hold {
  lost: boolean
  release(): void
}

function locked({ locks }: Database, port: Port, names: readonly string[]): Promise<Hold> {
  const { scheduler, chance } = port.options
  return new Promise((resolve) => {
    locks.take(names, () => {
      let isHeld = true
      const release = () => {
        if (!isHeld) return
        isHeld = false
        forget()
        scheduler.cancel(timer)
        locks.give(names)
      }
      const hold = { lost: false, release }
      const timer = scheduler.after(idleMaxMs, () => {
        hold.lost = true
        release()
      })
      // The database notices a connection that is gone soon, though not at once.
      const forget = port.onDeath(() => {
        scheduler.after(chance.between(0, 1_000), () => {
          hold.lost = true
          release()
        })
      })
      port.enter(() => resolve(hold))
    })
  })
}

function record(port: Port, { state, change }: Decided): void {
  const { history } = port.options
  const { message } = state
  if (change === null) return
  const after = patched(message, change, state.now)
  const next = change.work === 'keep' || change.work === 'done' ? null : change.work
  const yields = next !== null && !next.holds
  const told = change.events.map((event) => event.type)
  history.changed({
    messageId: message.id,
    from: message.status,
    to: after.status,
    generation: after.retryCount,
    told,
    yields,
  })
  const how = next === null ? `work ${change.work as string}` : workLine(next, state.now)
  history.say(port.label, `change ${short(message.id)} ${message.status} to ${after.status}, ${how} ${told.join(' ')}`)
}

function workLine({ dueAt, channel, tries, confirming }: NextWork, now: Date): string {
  return `${confirming ? 'proof' : 'again'} in ${dueAt.getTime() - now.getTime()} on ${channel} after ${tries}`
}
