/** The guide to WhatsApp against the gateway: every setting with its default, and no code that nobody uses. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { problemWith, whatsappSettings } from '../../src/channels/whatsapp/line.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { errorCodes } from '../../src/model/errors.ts'
import type { LineId } from '../../src/model/ids.ts'
import { startTestGateway, testAdminKey } from '../support/gateway.ts'

const guide = readFileSync(new URL('../../../docs/guides/whatsapp.md', import.meta.url), 'utf8')
const line = { secret: null, address: null }

const section = (title: string) => new RegExp(`## ${title}\\n([\\s\\S]+?)\\n## `).exec(guide)?.[1] ?? ''

/** The rows of the table of settings: name and default. */
const rows = [...section('Not to be banned').matchAll(/^\| `([a-z][A-Za-z]+)` \| ([^|`]+) \|/gm)].map(
  ([, name = '', otherwise = '']) => ({
    name,
    otherwise: otherwise.trim(),
  }),
)

test('the settings are those in the table, and their defaults too', () => {
  const [, known = ''] =
    /Known are (.+)\./.exec(problemWith({ ...line, url: 'whatsapp:?noSuchSetting=1' })?.message ?? '') ?? []
  expect(rows.map(({ name }) => name)).toEqual(known.split(', '))
  const { pace, markOnline, browser, version } = whatsappSettings({ ...line, url: null })
  const shown = { ...pace, markOnline: markOnline ? 'on' : 'off', browser, version: version ?? 'none' }
  expect(Object.fromEntries(rows.map(({ name, otherwise }) => [name, otherwise]))).toEqual(
    Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, String(value)])),
  )
})

test('what it shows as a setting is taken', () => {
  const urls = [...guide.matchAll(/"url": "([^"]+)"/g)].map(([, url = '']) => url)
  expect(urls.length).toBeGreaterThan(0)
  for (const url of urls) expect(problemWith({ ...line, url })).toBeNull()
})

test('it explains no code that there is not', () => {
  const table = section('What can go wrong')
  const codes = [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = '']) => code)
  expect(codes.length).toBeGreaterThan(5)
  for (const code of codes) expect(errorCodes).toContain(code)
  const own = errorCodes.filter(
    (code) => code.startsWith('WHATSAPP_') && code !== ('WHATSAPP_ALREADY_CONNECTED' as string),
  )
  expect(codes).toEqual(expect.arrayContaining(own))
})

const bash = promisify(execFile)

/** What each call of a block was answered with, one after the other. */
async function run(block: string, env: Record<string, string>) {
  const { stdout } = await bash('bash', ['-euc', block], { env: { ...process.env, ...env } })
  return stdout
    .replaceAll('}{', '}\n{')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

test('each of its calls does what the guide says, from the line to its end', async () => {
  const network = await openWhatsapp({ people: new People(), clock: systemClock })
  const gateway = await startTestGateway()
  const phone = network.phoneOf('+12025550142')
  const env = { URL: gateway.url, KEY: gateway.apiKey, ADMIN: testAdminKey }
  const blocks = [...guide.matchAll(/```bash\n([\s\S]+?)```/g)].map(([, block = '']) => block)
  const [make = '', enable = '', qr = '', code = '', signups = '', afterwards = ''] = blocks
  const status = async () => (await run(afterwards.split('\n').slice(0, 2).join('\n'), env))[0].data.status
  try {
    expect(blocks).toHaveLength(6)
    // No test speaks to the real one.
    const [made] = await run(make.replace('whatsapp:?', `${network.lineUrl}&`), env)
    const line = { address: made.data.phoneNumber, provider: 'whatsapp', line: made.data.id as LineId }
    await gateway.gateway.admin.addNumber(gateway.customer.id, line)
    expect((await run(enable, env))[0].success).toBe(true)
    await expect.poll(status).toBe('qr_pending')
    const [shown] = await run(qr, env)
    await phone.scan(shown.data.qrCode)
    await expect.poll(status).toBe('connected')
    expect((await run(code, env))[0].error.code).toBe('WHATSAPP_ALREADY_CONNECTED')
    expect((await run(signups, env))[0].data).toEqual({ windowMinutes: 15, codes: [] })
    const answers = await run(afterwards, env)
    expect(answers.map(({ data }) => data.status ?? data.exists)).toEqual([
      ...['connected', true, 'disconnected', 'disconnected', 'not_enabled'],
    ])
    // It was switched off first, so nobody could tell the phone.
    expect(phone.devices).toBe(1)
  } finally {
    await gateway.stop()
    await network.stop()
  }
})
