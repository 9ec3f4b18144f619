/** What was tried and what came of it, told line by line and once more in a report for others. */
import { ServerTrouble } from '../channels/imessage/troubles.ts'
import { EgressError } from '../lib/egress/trouble.ts'
import { SendFailure } from '../model/delivery.ts'

/** Something is wrong; the message says what to do. */
export class Ailment extends Error {}
/** It makes no sense to try; the message says why. */
export class NotTried extends Error {}

type Outcome = 'ok' | 'not ok' | 'not tried'

export class Findings {
  readonly #print: (line: string) => void
  readonly #outcomes: (readonly [name: string, Outcome])[] = []
  readonly #facts: string[] = []

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  get isWell(): boolean {
    return this.#outcomes.every(([, outcome]) => outcome !== 'not ok')
  }

  /** Something about the Mac that says nothing of whose it is. */
  fact(text: string): void {
    this.#facts.push(text)
  }

  /** Tells how it went, and gives what came of the work; null when nothing did. */
  async attempt<Result>(
    name: string,
    work: () => Promise<Result> | Result,
    words: string | ((result: Result) => string),
  ): Promise<Result | null> {
    try {
      const result = await work()
      this.#add(name, 'ok', typeof words === 'string' ? words : words(result))
      return result
    } catch (error) {
      if (error instanceof NotTried) this.#add(name, 'not tried', error.message)
      else this.#add(name, 'not ok', adviceFor(error))
      return null
    }
  }

  report(): void {
    this.#print('\nReport, without addresses, texts and the password:')
    for (const fact of this.#facts) this.#print(`  ${fact}`)
    for (const [name, outcome] of this.#outcomes) this.#print(`  ${outcome.padEnd(9)}  ${name}`)
  }

  #add(name: string, outcome: Outcome, words: string): void {
    this.#outcomes.push([name, outcome])
    this.#print(`${outcome.padEnd(9)}  ${name}: ${words}`)
  }
}

function adviceFor(error: unknown): string {
  if (error instanceof ServerTrouble) {
    if (error.status === 401) return 'The server does not accept the password. It stands in BlueBubbles under Settings.'
    if (error.status >= 500) return `The server answered ${error.status}. Look at its log on the Mac.`
    return `What answers is no BlueBubbles server 1.9.9 (${error.status}). Check the URL.`
  }
  if (error instanceof Ailment || error instanceof SendFailure || error instanceof EgressError) return error.message
  throw error
}
