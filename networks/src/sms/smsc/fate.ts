/** What becomes of one submit, where whoever runs the SMSC decides that instead of the person it is for. */
import type { Heard } from './texts.ts'

export interface Submit extends Heard {
  from: string
  to: string
}

export interface Fate {
  /** What it is answered with; 0 for one that is taken. */
  status: number
  /** The connection ends in the place of an answer: with the submit not taken, or taken. */
  cut: 'untaken' | 'taken' | null
  answerAfterMs: number
  /** How often its receipt comes. */
  receipts: number
  receiptAfterMs: number
  /** Receipts come while the answer is held back. */
  early: boolean
}

export function isTaken({ status, cut }: Fate): boolean {
  return status === 0 && cut !== 'untaken'
}
