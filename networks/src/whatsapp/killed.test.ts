/** What is kept in a file outlives a network that is killed at once, with its address and what lines trust. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Client, trustIn } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const main = new URL('../main.ts', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'networks-'))
const file = join(folder, 'whatsapp.json')
const started = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    await gone
  }
  rmSync(folder, { recursive: true, force: true })
})

interface Kept {
  parties: { number: string; companions: { waiting: { tag: string }[] }[] }[]
}

/** Messages that wait for a device, as the file says. */
function waiting(): number {
  const { parties } = JSON.parse(readFileSync(file, 'utf8')) as Kept
  const [device] = parties.find(({ number }) => number === us)?.companions ?? []
  return device?.waiting.filter(({ tag }) => tag === 'message').length ?? 0
}

async function run(port: string) {
  const anywhere = ['port', 'smpp-port', 'twilio-port', 'android-port'].flatMap((name) => [`--${name}`, '0'])
  const args = [main, ...anywhere, '--whatsapp-port', port, '--whatsapp-state', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.add(child)
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.includes('Ctrl-C')) break
  }
  const lineUrl = /"(ws:[^"]+)"/.exec(said)?.[1] ?? ''
  const control = /http:\/\/127\.0\.0\.1:\d+\/$/m.exec(said)?.[0] ?? ''
  const ask = async (path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' }
    const sent = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
    return (await fetch(`${control}${path}`, sent)).json() as Promise<Record<string, unknown>>
  }
  return { child, lineUrl, ask }
}

test('a network that is killed goes on where it was, and its lines notice an interruption', async () => {
  const first = await run('0')
  const scan = (number: string, qr: string) => first.ask('networks/whatsapp/scan', { number, qr })
  const device = await new Client({ ...trustIn(first.lineUrl), scan }).link(us)
  const { id: group } = await device.socket.groupCreate('Launch', ['14155551234@s.whatsapp.net'])
  await device.send('14155551234@s.whatsapp.net', { text: 'Before' })
  await first.ask(`people/${bob}/say`, { network: 'whatsapp', to: us, text: 'Hello' })
  await expect.poll(() => device.messages.map(({ message }) => message?.conversation)).toContain('Hello')
  await expect.poll(waiting).toBe(0)
  await device.close()
  await first.ask(`people/${bob}/say`, { network: 'whatsapp', to: us, text: 'While you were away' })
  await expect.poll(waiting).toBe(1)
  const gone = once(first.child, 'close')
  first.child.kill('SIGKILL')
  await gone
  const second = await run(new URL(first.lineUrl).port)
  expect(second.lineUrl).toBe(first.lineUrl)
  device.connect()
  await expect.poll(() => device.messages.map(({ message }) => message?.conversation)).toContain('While you were away')
  expect((await device.socket.groupMetadata(group)).subject).toBe('Launch')
  await device.send('14155551234@s.whatsapp.net', { text: 'After' })
  const texts = async () => ((await second.ask(`people/${bob}/received`)).received as { text: string }[])[0]?.text
  await expect.poll(texts).toBe('After')
  expect(device.closes).toEqual([515, 0])
  await device.close()
})
