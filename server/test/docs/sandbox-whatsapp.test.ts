/** The sandbox as `npm start` makes it: its line is linked with the WhatsApp beside it, and stays linked over any end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compose } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { lookUpLiving } from '../../src/lib/processes.ts'

const starter = fileURLToPath(new URL('../../../scripts/start.mjs', import.meta.url))
const isThere = { timeout: 40_000, interval: 50 }

let home = ''
let gateway: ChildProcess

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'switchboard-sandbox-'))
  await start()
})

afterAll(async () => {
  await end('SIGTERM')
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

interface Sandbox {
  url: string
  apiKey: string
  adminKey: string
  networks: string | null
  whatsbridgeToken: string
}

function sandbox(): Sandbox {
  return JSON.parse(readFileSync(join(home, 'data/sandbox.json'), 'utf8'))
}

async function start(...settings: string[]): Promise<void> {
  gateway = spawn(
    process.execPath,
    [starter, '--port', '0', '--log-level', 'error', '--rate-limit-per-minute', '0', ...settings],
    {
      cwd: home,
      stdio: 'inherit',
    },
  )
  const { pid } = gateway
  await vi.waitFor(async () => {
    // What the last run has left there says where that was.
    expect(readFileSync(join(home, 'data/gateway.pid'), 'utf8')).toMatch(new RegExp(`^${pid}\n`))
    const { networks, url } = sandbox()
    expect(networks === null).toBe(settings.includes('off'))
    expect((await fetch(`${url}/health`)).status).toBe(200)
  }, isThere)
}

async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(gateway, 'exit')
  gateway.kill(signal)
  expect(await ended).toEqual(signal === 'SIGTERM' ? [0, null] : [null, 'SIGKILL'])
}

async function ask(path: string, body?: object) {
  const { url, apiKey, adminKey } = sandbox()
  const headers = {
    authorization: `Bearer ${path.startsWith('/v1/admin') ? adminKey : apiKey}`,
    'content-type': 'application/json',
  }
  const answer = await fetch(`${url}${path}`, { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) })
  return ((await answer.json()) as { data: Record<string, never> }).data
}

async function askNetworks<Answer>(path: string, body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const sent = body && { method: 'POST', headers, body: JSON.stringify(body) }
  return (await (await fetch(`${sandbox().networks}${path}`, sent)).json()) as Answer
}

async function send(
  to: string,
  text: string,
  preference: readonly string[] = ['whatsapp'],
): Promise<() => Promise<Record<string, unknown>>> {
  const { id } = await ask('/v1/messages', { to, content: { text }, routing: { preference } })
  return () => ask(`/v1/messages/${id}`)
}

const phone = () =>
  askNetworks<{ devices: number; received: { text: string }[] }>('/networks/whatsapp/phones/+15550100100')

async function arrives(text: string): Promise<void> {
  const to = '+12125550198'
  const shown = await send(to, text)
  await expect.poll(shown, isThere).toMatchObject({ status: 'delivered', channel: 'whatsapp' })
  const { received } = await askNetworks<{ received: object[] }>(`/people/${to}/received`)
  expect(received).toMatchObject([{ network: 'whatsapp', from: '+15550100100', text }])
}

test('a message over WhatsApp is decrypted on the phone of whom it is for', async () => {
  await arrives('The first')
  expect(await phone()).toMatchObject({ devices: 1 })
})

test('what somebody writes on their phone is heard', async () => {
  await askNetworks('/people/+12125550197/say', { network: 'whatsapp', to: '+15550100100', text: 'Hello, gateway' })
  await expect
    .poll(() => ask('/v1/messages?direction=inbound&limit=1'), isThere)
    .toMatchObject({ messages: [{ channel: 'whatsapp', from: '+12125550197', content: { text: 'Hello, gateway' } }] })
})

test('magic numbers do over WhatsApp what the guide says', async () => {
  const expected = {
    '00': { status: 'read' },
    '04': { status: 'delivered' },
    '05': { status: 'delivered', channel: 'whatsapp' },
    '06': { status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE' },
    '07': { status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE' },
    '09': { status: 'sent' },
    '10': { status: 'delivered' },
    '13': { status: 'delivered' },
    '29': { status: 'pending' },
    '30': { status: 'delivered' },
  }
  const shown = new Map<string, () => Promise<Record<string, unknown>>>()
  for (const ending of Object.keys(expected)) {
    // With another channel behind it, it is tried again sooner.
    const preference = ending === '05' ? ['whatsapp', 'sms'] : undefined
    shown.set(ending, await send(`+121255501${ending}`, `To ${ending}`, preference))
  }
  const silent = await send('+12125550108', 'To 08')
  for (const [ending, facts] of Object.entries(expected))
    await expect.poll(async () => shown.get(ending)?.(), { ...isThere, message: ending }).toMatchObject(facts)
  expect(await silent()).toMatchObject({
    channel: null,
    status: expect.stringMatching(/^(queued|pending)$/),
  })
  await expect
    .poll(() => ask('/v1/messages?direction=inbound&limit=1'), isThere)
    .toMatchObject({ messages: [{ from: '+12125550110', content: { text: 'You said: To 10' } }] })
}, 60_000)

test('a session that is made with the token is on the same WhatsApp, and linked by a code that a phone there enters', async () => {
  const bridge = async (method: string, path: string, body?: object) => {
    const { url, whatsbridgeToken } = sandbox()
    const headers = { authorization: `Bearer ${whatsbridgeToken}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    return (await answer.json()) as Record<string, string>
  }
  const number = '+12125550166'
  expect(sandbox().whatsbridgeToken).toMatch(/^WBT\|/)
  const { id } = await bridge('POST', '/session/create', { session_name: 'Front desk' })
  const { code } = await bridge('POST', `/session/${id}/request-auth-code`, { phone: number })
  await askNetworks('/networks/whatsapp/code', { number, code })
  await expect.poll(() => bridge('GET', `/session/${id}`), isThere).toMatchObject({ status: 'ready' })
  expect(await askNetworks(`/networks/whatsapp/phones/${number}`)).toMatchObject({ devices: 1 })
  await bridge('DELETE', `/session/${id}`)
  await expect.poll(() => askNetworks(`/networks/whatsapp/phones/${number}`), isThere).toMatchObject({ devices: 0 })
})

test('killed, it comes back linked as it was, and its networks have ended with it', async () => {
  const networks = sandbox().networks ?? ''
  await end('SIGKILL')
  await expect.poll(() => fetch(networks).then(Boolean, () => false), isThere).toBe(false)
  await start()
  expect(sandbox().networks).not.toBe(networks)
  await arrives('After it was killed')
  expect(await phone()).toMatchObject({ devices: 1 })
})

test('without networks its WhatsApp is in-memory again, and with them it is linked as before', async () => {
  await end('SIGTERM')
  await start('--sandbox-networks', 'off')
  const shown = await send('+12125550198', 'In memory')
  await expect.poll(shown, isThere).toMatchObject({ status: 'delivered', channel: 'whatsapp' })
  expect(sandbox().networks).toBeNull()
  await end('SIGTERM')
  await start()
  await arrives('Linked again')
  expect(await phone()).toMatchObject({ devices: 1 })
})

test('where the networks are not installed one line says so, and WhatsApp is in-memory', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchboard-sandbox-'))
  const config = readConfig(['--data-dir', join(dir, 'data'), '--port', '0'], {})
  if (!('port' in config)) throw new Error('These are settings.')
  const warnings: object[] = []
  const log = {
    info() {},
    warn: (facts: object) => void warnings.push(facts),
    error: (facts: object) => void warnings.push(facts),
  }
  const running = await compose(config, { networks: join(dir, 'main.ts'), log })
  await expect.poll(() => warnings).toEqual([{ outcome: 'They are not installed here.' }])
  await running.stop()
  rmSync(dir, { recursive: true })
})

test('a gateway that is told to stop leaves no process of it behind', async () => {
  const { pid } = gateway
  const networks = sandbox().networks ?? ''
  await end('SIGTERM')
  expect(lookUpLiving(pid ?? 0)).toBeNull()
  await expect(fetch(networks)).rejects.toThrow('fetch failed')
  await start()
})
