/** What the README tells to type is understood by the control API. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, startNetworks } from './start.ts'
import { systemClock } from './time.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const blocks = [...readme.matchAll(/```sh\n([\s\S]+?)```/g)].map(([, block = '']) => block.replaceAll('\\\n', ' '))
const commands = blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith('curl '))
const header = blocks.flatMap((block) => block.split('\n')).find((line) => line.startsWith('json=')) ?? ''

let running: Running
beforeAll(async () => {
  running = await startNetworks(
    { control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0, bluebubbles: 0 },
    systemClock,
  )
})
afterAll(() => running.stop())

function statusOf(command: string): Promise<number> {
  const bare = command.replace(/\s#.*$/, '').replace('localhost:7091', new URL(running.url).host)
  const script = `${header}\n${bare} -o /dev/null -w '%{http_code}' --max-time 1`
  // The stream of events goes on until it is given up.
  return new Promise((resolve) => execFile('bash', ['-c', script], (_error, stdout) => resolve(Number(stdout))))
}

test.each(commands)('%s', async (command) => {
  // The code that a line shows, and the line itself, are not there: it is understood, and said so.
  const needsLine = /whatsapp|bluebubbles/.test(command)
  expect(await statusOf(command)).toBeOneOf(needsLine ? [200, 409] : [200])
})

test('there are commands to try', () => {
  expect(commands.length).toBeGreaterThan(8)
})
