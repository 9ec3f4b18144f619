/** The guide to iMessage against the gateway: every setting with its default, no code that nobody uses, calls that work. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openImessage } from '../../../networks/src/imessage/imessage.ts'
import { People } from '../../../networks/src/people.ts'
import { settingsOf } from '../../src/channels/imessage/settings.ts'
import { warningsOf } from '../../src/channels/imessage/standing.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { errorCodes } from '../../src/model/errors.ts'
import type { LineId } from '../../src/model/ids.ts'
import { startTestGateway, testAdminKey } from '../support/gateway.ts'

const guide = readFileSync(new URL('../../../docs/guides/imessage.md', import.meta.url), 'utf8')
const line = { secret: 'correct horse', address: null }

const section = (title: string) => new RegExp(`## ${title}\\n([\\s\\S]+?)\\n## `).exec(guide)?.[1] ?? ''

const rows = [...section('Make a line').matchAll(/^\| `([a-z][A-Za-z]+)` \| ([^|`]+) \|/gm)].map(
  ([, name = '', otherwise = '']) => ({ name, otherwise: otherwise.trim() }),
)

test('the settings are those in the table, and their defaults too', () => {
  const wrong = settingsOf({ ...line, url: 'http://mac:1234?noSuchSetting=1' })
  const [, known = ''] = /Known are (.+)\./.exec(wrong.ok ? '' : wrong.problem.message) ?? []
  expect(rows.map(({ name }) => name)).toEqual(known.split(', '))
  const read = settingsOf({ ...line, url: 'http://mac:1234' })
  const { place: _, ...settings } = read.ok ? read.value : { place: null }
  const shown = Object.entries(settings).map(([name, value]) => [name, value === null ? 'none' : String(value)])
  expect(Object.fromEntries(rows.map(({ name, otherwise }) => [name, otherwise]))).toEqual(Object.fromEntries(shown))
})

test('what it shows as a setting is taken', () => {
  const urls = [...guide.matchAll(/"url": "([^"]+)"/g)].map(([, url = '']) => url)
  expect(urls.length).toBeGreaterThan(0)
  for (const url of urls) expect(settingsOf({ ...line, url }).ok).toBe(true)
})

test('it explains no code that there is not, and all of the channel', () => {
  const codes = [...section('What can go wrong').matchAll(/`([A-Z_]{6,})`/g)].map(([, code = '']) => code)
  for (const code of codes) expect(errorCodes).toContain(code)
  expect(codes).toContain('IMESSAGE_SEND_FAILED')
})

test('it explains each warning, and no other', () => {
  const told = [...section('How a line is').matchAll(/^\| `([A-Z][A-Za-z ]+)` \|/gm)].map(([, warning = '']) => warning)
  const nothing = { serverVersion: '1.9.9', macos: 14, imessage: null, icloud: null, aliases: null }
  const all = (['off', 'unconnected'] as const).flatMap((privateApi) => warningsOf({ ...nothing, privateApi }))
  expect(told.sort()).toEqual([...new Set(all)].sort())
})

const bash = promisify(execFile)

async function run(block: string, env: Record<string, string>) {
  const { stdout } = await bash('bash', ['-euc', block], { env: { ...process.env, ...env } })
  return stdout
    .replaceAll('}{', '}\n{')
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one))
}

test('each of its calls does what the guide says', async () => {
  const network = await openImessage({ people: new People(), clock: systemClock })
  const gateway = await startTestGateway()
  const env = { URL: gateway.url, KEY: gateway.apiKey, ADMIN: testAdminKey }
  const blocks = [...guide.matchAll(/```bash\n([\s\S]+?)```/g)].map(([, block = '']) => block)
  const [make = '', how = ''] = blocks
  try {
    expect(blocks).toHaveLength(2)
    // No test speaks to a real one.
    const here = make.replace('http://mini-3.rack.test:1234', network.url).replace('correct horse', network.password)
    const [made] = await run(here, env)
    const number = { address: made.data.phoneNumber, provider: 'bluebubbles', line: made.data.id as LineId }
    await gateway.gateway.admin.addNumber(gateway.customer.id, number)
    const own = async () =>
      (await run(how, env))[0].data.find(({ phoneNumber }: { phoneNumber: string }) => phoneNumber === '+12025550142')
    await expect.poll(async () => (await own())?.healthStatus).toBe('healthy')
    expect(await own()).toMatchObject({ email: 'owner@example.com', instanceName: 'Mini 3' })
    const [, reached] = await run(how, env)
    expect(reached.data).toMatchObject({ phoneNumber: '+12025550143', capabilities: { facetime: expect.any(Boolean) } })
  } finally {
    await gateway.stop()
    await network.stop()
  }
})
