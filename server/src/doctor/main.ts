/** The doctor as a process: does with a Mac what a line would do with it, and says what to do about whatever is wrong. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { systemClock } from '../lib/clock.ts'
import { help, readArguments } from './arguments.ts'
import { examine } from './examine.ts'

async function main(): Promise<void> {
  const asked = readArguments(process.argv.slice(2))
  if ('help' in asked) return print(help)
  if ('problem' in asked) return fail(asked.problem)
  const password = process.env.IMESSAGE_PASSWORD ?? (await askPassword())
  const stop = new AbortController()
  // Once, so that what was registered on the Mac is taken away again; twice ends at once.
  process.once('SIGINT', () => stop.abort())
  process.stdout.once('error', () => stop.abort())
  const isWell = await examine({ ...asked, password, clock: systemClock, signal: stop.signal, print })
  process.exitCode = isWell ? 0 : 1
}

/** Not shown while it is typed; from a pipe it is the first line. */
async function askPassword(): Promise<string> {
  const isTyped = process.stdin.isTTY === true
  if (isTyped) process.stderr.write('Password of the BlueBubbles server: ')
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTyped })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
    if (isTyped) process.stderr.write('\n')
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(problem: string): void {
  process.stderr.write(`${problem}\nWith --help it says what it can do.\n`)
  process.exitCode = 1
}

// Whoever reads no further, as `head` does, has seen what they wanted: that is no failure of ours.
process.stdout.on('error', () => {})
await main()
