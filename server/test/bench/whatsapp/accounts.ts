/** Which numbers the lines of the bench have and whom they write to; and what a process with sessions is asked. */

/** Line number so-and-so of a set; each set is linked once. */
export function lineNumber(set: number, nth: number): string {
  return `+1202${set}${String(nth).padStart(6, '0')}`
}

export const peopleEach = 3

/** Whom a line writes to: few, so that the first message to each of them is soon behind it. */
export function peopleOf(nth: number, count: number): string[] {
  return Array.from(
    { length: count },
    (_, one) => `+1303${String(nth).padStart(4, '0')}${String(one).padStart(3, '0')}`,
  )
}

export interface SessionsSettings {
  lineUrl: string
  /** Where what the vaults hold lies between two processes, a file for each line. */
  dir: string
}

export interface SendRun {
  /** So many sessions, from the first on. */
  sessions: number
  peopleEach: number
  /** Messages of each session that are under way at once. */
  window: number
  warmMs: number
  ms: number
}

export interface SendResult {
  perSecond: number
  failed: number
}

export interface Numbered {
  number: string
}
