/** The README and the guides, read by somebody in a hurry: every shell block is run as it stands, in a fresh folder. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { magicNumbers } from '../../src/channels/inmemory/magic.ts'
import { until } from '../support/gateway.ts'
import { shellSnippets } from './snippets.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const run = promisify(execFile)
const guides = readdirSync(join(root, 'docs/guides')).map((name) => `docs/guides/${name}`)
const pages = ['README.md', 'CONTRIBUTING.md', ...guides].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}))
const snippets = pages.flatMap(({ path, text }) => shellSnippets(text).map((snippet) => ({ path, ...snippet })))
/** What installs, starts or tests is run by CI on a clean clone; here it must only name commands that exist. */
const commands = snippets.filter(({ script }) => /^\s*npm /.test(script))
const scripts = snippets.filter((snippet) => !commands.includes(snippet))

let home = ''
let gateway: ChildProcess

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'switchboard-readme-'))
  gateway = spawn(process.execPath, [join(root, 'scripts/start.mjs'), '--port', '0', '--log-level', 'warn'], {
    cwd: home,
    stdio: 'inherit',
  })
  await until(async () => existsSync(join(home, 'data/sandbox.json')), 'npm start to be ready')
  // Whoever reads takes longer than this to come to what is about WhatsApp.
  await vi.waitFor(
    () => expect(JSON.parse(readFileSync(join(home, 'data/sandbox.json'), 'utf8')).networks).not.toBeNull(),
    { timeout: 30_000, interval: 50 },
  )
})

afterAll(async () => {
  const ended = once(gateway, 'exit')
  gateway.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  rmSync(home, { recursive: true, force: true })
})

const shell = async (script: string) =>
  (await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: home, timeout: 20_000 })).stdout

test('the two commands of the README are the ones promised', () => {
  const ofReadme = commands.filter(({ path }) => path === 'README.md').map(({ script }) => script)
  expect(ofReadme).toEqual(['npm install && npm start', 'npm install && npm test'])
})

describe('runs as it stands', () => {
  test.each(scripts.map((snippet) => [`${snippet.path}:${snippet.line}`, snippet.script] as const))(
    '%s',
    async (_where, script) => {
      const said = await shell(script)
      expect(said).not.toContain('"success":false')
    },
  )
})

test('the first curl is accepted and the message is delivered within two seconds', async () => {
  const [send, list] = scripts.filter(({ path }) => path === 'README.md').map(({ script }) => script)
  const sent = JSON.parse(await shell(send ?? '')) as { success: boolean; data: { id: string; status: string } }
  expect(sent).toMatchObject({ success: true, data: { status: 'queued' } })
  const startedAt = performance.now()
  await until(async () => {
    const { data } = JSON.parse(await shell(list ?? '')) as { data: { messages: { id: string; status: string }[] } }
    return data.messages[0]?.id === sent.data.id && data.messages[0].status === 'delivered'
  }, 'the message to be delivered')
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('a message that asks for WhatsApp is decrypted on the phone of its recipient', async () => {
  const [, , send, look] = scripts.filter(({ path }) => path === 'README.md').map(({ script }) => script)
  await shell(send ?? '')
  await expect.poll(() => shell(look ?? ''), { timeout: 10_000 }).toContain('"Hello over WhatsApp"')
})

test('the sandbox guide tells what each magic number means', () => {
  const guide = pages.find(({ path }) => path === 'docs/guides/sandbox.md')?.text ?? ''
  for (const { ending, meaning } of magicNumbers) expect(guide).toContain(`| \`555 01${ending}\` | ${meaning}`)
})
