/** The guide to the WhatsBridge API against the gateway: each of its calls does what it says, from the token to the end of the session. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { linkStages } from '../../src/model/line.ts'
import { sessionStatuses } from '../../src/surfaces/whatsbridge/schema.ts'
import { testAdminKey, until } from '../support/gateway.ts'
import { openBridge, textOf } from '../support/whatsbridge.ts'

const guide = readFileSync(new URL('../../../docs/guides/whatsbridge.md', import.meta.url), 'utf8')
const bash = promisify(execFile)

test('it explains every status, and no other', () => {
  const [, table = ''] = /## What the states mean\n([\s\S]+?)\n## /.exec(guide) ?? []
  const explained = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, status = '']) => status)
  expect(explained.shift()).toBe('status')
  expect(explained.sort()).toEqual([...sessionStatuses].sort())
  expect(sessionStatuses).toHaveLength(linkStages.length)
})

test('each of its calls does what the guide says', async () => {
  const bridge = await openBridge({ privateNetworks: 'loopback' })
  const home = mkdtempSync(join(tmpdir(), 'switchboard-guide-'))
  const number = '+12025550171'
  bridge.people.set('+12025550143', { receiptAfterMs: 5 })
  const env: Record<string, string> = { URL: bridge.gateway.url, ADMIN: testAdminKey }
  /** What each call of a block was answered with. */
  const run = async (block: string) => {
    const { stdout } = await bash('bash', ['-euc', block], { cwd: home, env: { ...process.env, ...env } })
    const lines = stdout.replaceAll('}{', '}\n{').split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
  }
  const blocks = [...guide.matchAll(/```bash\n([\s\S]+?)```/g)].map(([, block = '']) => block)
  const [token = '', create = '', code = '', status = '', send = '', hook = '', answer = ''] = blocks
  try {
    expect(blocks).toHaveLength(7)
    const [key] = await run(token.replace('owner@bistro.test', 'ada@example.com'))
    env.TOKEN = key.data.key
    const [session] = await run(create)
    expect(session).toMatchObject({ name: 'Front desk', status: 'created' })
    env.SESSION = session.id
    const receiver = await bridge.hook('whatsbridge')
    expect(await run(code)).toEqual([])
    const picture = readFileSync(join(home, 'qr.png')).toString('base64')
    await bridge.network.phoneOf(number).scan(await textOf(`data:image/png;base64,${picture}`))
    await expect.poll(async () => (await run(status))[0].status, { timeout: 10_000 }).toBe('ready')
    const [sent] = await run(send)
    expect(sent.data.messageId).toMatch(/^true_12025550143@c\.us_/)
    const arrived = () => bridge.network.received('+12025550143')
    await until(async () => arrived().length === 1, 'the message')
    expect(arrived()[0]?.text).toBe('Your table is ready.\nSee you soon!')
    const [made] = await run(hook.replace('https://shop.test/hooks/whatsapp', `${receiver.url}?again`))
    expect(made).toMatchObject({ active: true, secret: expect.stringMatching(/^wabs_/) })
    await bridge.network.person('+12025550143').says(number, 'On my way')
    await until(async () => receiver.received.some(({ body }) => body.event === 'message.received'), 'the webhook')
    await isProved(home, receiver)
    const [beforeLogout = '', logout = ''] = answer.split('# The phone is unlinked.')
    expect((await run(beforeLogout)).map(({ success }) => success)).toEqual([true, true])
    await until(async () => arrived().some(({ kind }) => kind === 'location'), 'the place')
    expect((await run(logout)).map(({ success }) => success)).toEqual([true, true])
    expect((await run(status))[0].code).toBe('NOT_FOUND')
  } finally {
    await bridge.stop()
    rmSync(home, { recursive: true })
  }
})

/** By the function that the guide shows. */
async function isProved(home: string, receiver: Awaited<ReturnType<Awaited<ReturnType<typeof openBridge>>['hook']>>) {
  const [, code = ''] = /```js\n([\s\S]+?)```/.exec(guide) ?? []
  const file = join(home, 'check.mjs')
  writeFileSync(file, code)
  const { isGenuine } = await import(pathToFileURL(file).href)
  const { raw, headers } = receiver.received[0] ?? { raw: Buffer.alloc(0), headers: {} }
  expect(isGenuine(raw, headers, receiver.secret)).toBe(true)
  expect(isGenuine(Buffer.concat([raw, Buffer.from(' ')]), headers, receiver.secret)).toBe(false)
  expect(isGenuine(raw, {}, receiver.secret)).toBe(false)
}
