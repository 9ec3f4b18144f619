/** Messages from many sessions at once: each sends its next when one of its own was acknowledged. */
import { machineMs } from '../machine-clock.ts'
import { peopleOf, type SendResult, type SendRun } from './accounts.ts'

/** Resolves when the network has acknowledged it. */
export type SendOne = (session: number, to: string, text: string) => Promise<unknown>

export async function sendFor(run: SendRun, sendOne: SendOne): Promise<SendResult> {
  const from = machineMs() + run.warmMs
  const until = from + run.ms
  let sent = 0
  let failed = 0
  let number = 0
  const walker = async (session: number, nth: number, people: readonly string[]) => {
    for (let turn = nth; machineMs() < until; turn += run.window) {
      number += 1
      try {
        await sendOne(session, people[turn % people.length] ?? '', `${number} Your parcel has left the depot.`)
        if (machineMs() >= from && machineMs() < until) sent += 1
      } catch {
        // Counted and shown: a figure with failures in it is none.
        failed += 1
      }
    }
  }
  const walkers = Array.from({ length: run.sessions }, (_, session) => {
    const people = peopleOf(session, run.peopleEach)
    return Array.from({ length: run.window }, (_unused, nth) => walker(session, nth, people))
  })
  await Promise.all(walkers.flat())
  return { perSecond: (sent * 1_000) / run.ms, failed }
}

/** The first message to somebody begins a session with them, which costs far more than those that follow. */
export async function greetAll(run: Pick<SendRun, 'sessions' | 'peopleEach'>, sendOne: SendOne): Promise<void> {
  for (let session = 0; session < run.sessions; session++)
    for (const to of peopleOf(session, run.peopleEach)) await sendOne(session, to, '0 Hello.')
}
