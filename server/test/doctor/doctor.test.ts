/** The doctor as a process, before a pretended Mac: a healthy one, and one with each thing that can be wrong. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ImessageOptions } from '../../../networks/src/imessage/imessage.ts'
import { httpReceiver } from '../egress/receivers.ts'
import { root } from '../house/source.ts'
import { openStage, type Stage } from '../imessage/mac.ts'

const own = '+15550100300'
const program = join(root, 'server/src/doctor/main.ts')

interface Ended {
  code: number | null
  out: string
  err: string
}

async function doctor(args: readonly string[], given: { password?: string; typed?: string } = {}): Promise<Ended> {
  const { IMESSAGE_PASSWORD: _, ...env } = process.env
  const { password, typed } = given
  const child = spawn(process.execPath, [program, ...args], {
    env: password === undefined ? env : { ...env, IMESSAGE_PASSWORD: password },
  })
  onTestFinished(() => void child.kill())
  let [out, err] = ['', '']
  child.stdout.on('data', (piece: Buffer) => (out += piece))
  child.stderr.on('data', (piece: Buffer) => (err += piece))
  child.stdin.end(typed === undefined ? '' : `${typed}\n`)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out, err }
}

function examine({ network }: Stage, ...args: string[]): Promise<Ended> {
  return doctor([network.url, ...args], { password: network.password })
}

/** What was found, by the names of the steps. */
function found({ out }: Ended): Record<string, string> {
  const [lines = ''] = out.split('\nReport')
  const read = [...lines.matchAll(/^(ok|not ok|not tried) +([^:]+): /gm)]
  return Object.fromEntries(read.map(([, outcome = '', name = '']) => [name, outcome]))
}

const looked = {
  ...{ settings: 'ok', server: 'ok', version: 'ok', macOS: 'ok', 'iMessage account': 'ok', 'iCloud account': 'ok' },
  ...{ 'private API': 'ok', addresses: 'ok', messages: 'ok' },
}
const sends = ['text', 'delivery', 'tapback', 'edit', 'unsend', 'typing', 'voice note']
const all = (outcome: string) => Object.fromEntries(sends.map((name) => [name, outcome]))

test('a Mac that is well is called so, and nothing is sent without being asked for', async () => {
  const stage = await openStage()
  const ended = await examine(stage)
  expect(found(ended)).toEqual({ ...looked, webhook: 'not tried', ...all('not tried') })
  expect([ended.code, ended.err]).toEqual([0, ''])
  expect(stage.network.messages()).toEqual([])
})

test('whoever reads only its first line gets no stack trace', async () => {
  const { network } = await openStage()
  const env = { ...process.env, IMESSAGE_PASSWORD: network.password }
  const child = spawn(process.execPath, [program, network.url], { env })
  onTestFinished(() => void child.kill())
  let err = ''
  child.stderr.on('data', (piece: Buffer) => (err += piece))
  child.stdout.once('data', () => child.stdout.destroy())
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(err).toBe('')
  expect(code).not.toBeNull()
})

test('everything that a line does is tried with the Mac’s own address', async () => {
  const stage = await openStage()
  // Whatever port is free.
  const taken = await httpReceiver(() => {})
  await taken.close()
  const ended = await examine(stage, '--send-to', own, '--listen-url', `http://127.0.0.1:${taken.port}`)
  expect(found(ended), ended.out).toEqual({ ...looked, webhook: 'ok', 'webhook call': 'ok', ...all('ok') })
  expect(ended.code).toBe(0)
  const { received, reactions } = stage.network.person(own)
  expect(received).toMatchObject([
    { edits: ['A test from the doctor of Switchboard, edited.'], isUnsent: true },
    { isAudioMessage: true, files: [{ name: 'memo.caf' }] },
  ])
  expect(reactions.map(({ reaction }) => reaction)).toEqual(['like'])
  expect(stage.network.webhooks()).toEqual([])
  expect(stage.network.breaches).toEqual([])
})

test('the report says what was found, and nothing of whose Mac it is', async () => {
  const stage = await openStage()
  const { out } = await examine(stage, '--send-to', own)
  const report = out.slice(out.indexOf('\nReport'))
  expect(report).toContain('BlueBubbles 1.9.9, macOS 14')
  expect(report).toContain('private API connected, 2 addresses')
  expect(report).toMatch(/ok +voice note/)
  expect(report).not.toContain('127.0.0.1')
  expect(out).not.toContain(stage.network.password)
  expect(out).not.toMatch(/icloud\.example|5550100/)
})

test.each<[string, Partial<ImessageOptions>, Record<string, string>, RegExp]>([
  ['nobody is signed in', { mac: { account: null } }, { 'iMessage account': 'not ok' }, /No iMessage account detected/],
  [
    'there is no iCloud',
    { mac: { icloudAccount: null } },
    { 'iCloud account': 'not ok' },
    /No iCloud account detected/,
  ],
  [
    'the private API is off',
    { mac: { privateApi: false, helperConnected: false } },
    { 'private API': 'not ok', addresses: 'not tried' },
    /The private API is off: only texts and files/,
  ],
  [
    'the helper is not there',
    { mac: { helperConnected: false } },
    { 'private API': 'not ok', addresses: 'not tried' },
    /The helper is not connected\. Open Messages/,
  ],
  ['it has no address', { mac: { aliases: [] } }, { addresses: 'not ok' }, /The Mac has no address/],
  ['it is old', { mac: { macos: '12.7' } }, { macOS: 'not ok' }, /nothing can be edited or unsent/],
])('when %s it says what to do', async (_, options, wrong, words) => {
  const ended = await examine(await openStage(options))
  expect(found(ended)).toEqual({ ...looked, ...wrong, webhook: 'not tried', ...all('not tried') })
  expect(ended.out).toMatch(words)
  expect(ended.code).toBe(1)
})

test('on macOS 26 it says what to expect, and is well', async () => {
  const ended = await examine(await openStage({ mac: { macos: '26.0' } }))
  expect(ended.out).toMatch(/ok +macOS: .*Not everything works there/)
  expect(ended.code).toBe(0)
})

test('what the server says it did and did not do is found out', async () => {
  const stage = await openStage({ quirks: { ignoresEdits: true, ignoresUnsends: true } })
  const ended = await examine(stage, '--send-to', own)
  const wrong = { edit: 'not ok', unsend: 'not ok' }
  expect(found(ended)).toEqual({ ...looked, webhook: 'not tried', ...all('ok'), ...wrong })
  expect(ended.code).toBe(1)
})

test('a text that fails is found out, and nothing more is tried with it', async () => {
  const stage = await openStage()
  await stage.chatWith(own)
  stage.network.faults.allSends({ kind: 'refused', words: 'tell application "Messages" to send "secret"' })
  const ended = await examine(stage, '--send-to', own)
  expect(found(ended)).toMatchObject({ text: 'not ok', delivery: 'not tried', edit: 'not tried' })
  expect(ended.out).not.toContain('secret')
})

test('without the private API a text is tried, and the rest is not', async () => {
  const stage = await openStage({ mac: { privateApi: false, helperConnected: false } })
  const ended = await examine(stage, '--send-to', own)
  expect(found(ended)).toMatchObject({ ...all('not tried'), text: 'ok', delivery: 'ok' })
})

test('nothing is sent to somebody else', async () => {
  const stage = await openStage()
  const ended = await examine(stage, '--send-to', '+14155550199')
  expect(found(ended)).toEqual({ ...looked, addresses: 'not ok', webhook: 'not tried', ...all('not tried') })
  expect(ended.out).toContain('Nothing is sent to others.')
  expect([ended.code, stage.network.messages().length]).toEqual([1, 0])
})

test('a wrong password, a server that is gone and something else that answers are told apart', async () => {
  const stage = await openStage()
  const wrong = await doctor([stage.network.url], { password: 'other' })
  expect(wrong.out).toContain('The server does not accept the password.')
  const other = await httpReceiver((_, response) => response.end('<html>'))
  const html = await doctor([`http://127.0.0.1:${other.port}`], { password: 'other' })
  expect(html.out).toContain('What answers is no BlueBubbles server')
  await other.close()
  const gone = await doctor([`http://127.0.0.1:${other.port}`], { password: 'other' })
  expect(gone.out).toContain('The destination does not accept connections.')
  for (const { code, out } of [wrong, html, gone]) {
    expect([code, found({ code, out, err: '' }).server]).toEqual([1, 'not ok'])
    expect(out).not.toContain('other')
  }
})

test('a port that is taken is told', async () => {
  const stage = await openStage()
  const taken = await httpReceiver(() => {})
  const ended = await examine(stage, '--send-to', own, '--listen-url', `http://127.0.0.1:${taken.port}`)
  expect(found(ended)).toMatchObject({ webhook: 'not ok', text: 'ok' })
  expect(ended.out).toContain(`Nothing can listen on port ${taken.port}`)
})

test('the password may come by another way than the environment', async () => {
  const { network } = await openStage()
  const ended = await doctor([network.url], { typed: network.password })
  expect([ended.code, found(ended).server]).toEqual([0, 'ok'])
})

test.each([
  [[], 'The URL of the server is missing.'],
  [['http://a:1', 'http://b:1'], 'One URL at a time.'],
  [['http://a:1', '--password', 'x'], "Unknown option '--password'"],
  [['http://a:1', '--send-to', 'me'], '--send-to must be a number such as +14155550199'],
  [['http://a:1', '--listen-url', 'http://b:1'], '--listen-url needs --send-to.'],
  [['http://a:1', '--send-to', own, '--listen-url', 'https://b'], '--listen-url must be an http URL with a port'],
])('%j: %s', async (args, words) => {
  const ended = await doctor(args)
  expect(ended.err).toContain(words)
  expect([ended.code, ended.out]).toEqual([1, ''])
})

test('a URL that no line could have is told as for a line', async () => {
  const ended = await doctor(['http://192.168.1.20:1234?password=secret'], { password: 'x' })
  expect(ended.out).toContain('The password must not stand in the URL')
  expect(ended.out).not.toContain('secret')
  expect(ended.code).toBe(1)
})

test('the help names every option', async () => {
  const { code, out } = await doctor(['--help'])
  expect(code).toBe(0)
  for (const option of ['--send-to', '--listen-url', '--help', 'IMESSAGE_PASSWORD']) expect(out).toContain(option)
})
