/** The guide to SMS against the gateway: it names every setting there is and none that is not, and what it shows is taken. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const guide = readFileSync(new URL('../../../docs/guides/sms.md', import.meta.url), 'utf8')

const lines = {
  smpp: { url: 'smpp://gateway@127.0.0.1:2775', password: 'secret' },
  twilio: { url: 'https://AC1@api.twilio.com', password: 'secret' },
  signalwire: { url: 'https://project@space.signalwire.com/api/laml', password: 'secret' },
  android: { url: 'http://sms@127.0.0.1:8080', password: 'secret:key' },
} as const
const providers = Object.keys(lines) as (keyof typeof lines)[]

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(() => gateway.stop())

const make = (fields: object) =>
  ask('POST /v1/admin/instances', { name: 'x', phoneNumber: '+12025550143', channels: ['sms'], ...fields })

/** The rows of the table of settings: their names, and whose they are. */
function documented(provider: string): string[] {
  const rows = [...guide.matchAll(/^\| (`[A-Za-z`, ]+`) \| (all|[a-z, ]+) \|/gm)]
  return rows
    .filter(([, , of = '']) => of === 'all' || of.split(', ').includes(provider))
    .flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
}

test.each(providers)('the settings of %s are those in the table', async (provider) => {
  const { url, password } = lines[provider]
  const answer = await make({ provider, url: `${url}?noSuchSetting=1`, password })
  expect(answer.status).toBe(400)
  const [, known = ''] = /Known are (.+)\./.exec(answer.body.error.message) ?? []
  expect(documented(provider).sort()).toEqual(known.split(', ').sort())
})

test('a provider for one channel is taken as it is shown', async () => {
  const [, block = ''] = /```json\n([\s\S]+?)```/.exec(guide) ?? []
  const made = await make({ provider: 'sandbox', channels: ['imessage'], ...JSON.parse(block) })
  expect(made.status, made.text).toBe(201)
  expect(made.body.data).toMatchObject({ channels: ['imessage', 'sms'], providers: { sms: { provider: 'twilio' } } })
  expect(made.text).not.toContain('auth-token')
})
