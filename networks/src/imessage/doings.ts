/** What goes wrong on purpose, once or for a while, beyond what is always wrong with the server. */

/** What becomes of a send. */
export type SendFate =
  /** The row has an error as soon as it is there. */
  | { kind: 'errorAtOnce'; code: number }
  /** It is answered with 200, and fails afterwards; `isTold` has that sent as message-send-error, as it seldom is. */
  | { kind: 'errorLater'; code: number; afterMs: number; isTold?: boolean }
  /** The helper does not answer for 120 s; the row comes so long after it was asked, or never. */
  | { kind: 'timesOut'; rowAfterMs: number | null }
  /** The helper says that it sent, and the store never has it. */
  | { kind: 'neverWritten' }
  /** Sent by script it is delivered, and not recognised: 500 without data after 120 s. */
  | { kind: 'scriptHangs' }
  /** It cannot be done, in these words. */
  | { kind: 'refused'; words: string }

export interface LateFiles {
  afterMs: number
  /** Whether an updated-message tells that they are there; it usually does not. */
  isTold?: boolean
}

export class Doings {
  #next: SendFate[] = []
  #always: SendFate | null = null
  #unavailable = 0
  #losesAnswer = false
  lateFiles: LateFiles | null = null
  isUnauthorized = false

  nextSends(fate: SendFate, count = 1): void {
    this.#next.push(...Array.from({ length: count }, () => fate))
  }

  allSends(fate: SendFate | null): void {
    this.#always = fate
  }

  takeSend(): SendFate | null {
    return this.#next.shift() ?? this.#always
  }

  /** So many next answers say that somebody is not on iMessage who is. */
  denyNext(count: number): void {
    this.#unavailable = count
  }

  takeDenial(): boolean {
    if (this.#unavailable === 0) return false
    this.#unavailable -= 1
    return true
  }

  loseNextAnswer(): void {
    this.#losesAnswer = true
  }

  takeLostAnswer(): boolean {
    const isLost = this.#losesAnswer
    this.#losesAnswer = false
    return isLost
  }
}
