/** Our requests to Twilio, held against the contract that it publishes and the client that it ships. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import twilio from 'twilio'
import { afterEach, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openTwilio } from '../../../networks/src/sms/twilio.ts'
import type { Outgoing } from '../../src/channels/connector.ts'
import { createTwilioConnector } from '../../src/channels/sms/twilio/connector.ts'
import { openStand, ourNumber } from '../support/rest-stand.ts'
import { createTestClock } from '../support/test-clock.ts'

const contract = join(import.meta.dirname, '../../../node_modules/.cache/switchboard/twilio_api_v2010.json')
const isThere = existsSync(contract)
const missing = isThere ? '' : ' (skipped: run node scripts/fetch-contracts.mjs first)'
const ada = '+12025550142'
const service = `MG${'0'.repeat(32)}`
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** What the provider was sent, as it came: each body, and the URL of each question. */
async function sent(query: string, messages: (files: Outgoing['attachments']) => Partial<Outgoing>[]) {
  const clock = createTestClock()
  const provider = await openTwilio({ people: new People(), clock })
  closers.push(provider.stop)
  const stand = await openStand({
    clock,
    connectorWith: (tools) => createTwilioConnector('twilio', tools),
    line: () => ({ url: `${provider.url}?${query}`, secret: provider.authToken }),
  })
  closers.push(stand.close)
  await stand.start()
  for (const message of messages([stand.file(10), stand.file(20)])) await stand.send(ada, message)
  provider.say(ada, ourNumber, 'hello')
  await expect.poll(() => stand.counts.sleeping).toBe(2)
  clock.advance(300_000)
  await expect.poll(() => stand.messages().length).toBe(1)
  return {
    bodies: provider.requests.filter(({ method }) => method === 'POST').map(({ body }) => body),
    asked: provider.requests.filter(({ method }) => method === 'GET').map(({ path }) => path),
    callbackUrl: stand.door.callbackUrl('status'),
    fileUrl: (bytes: number) => stand.door.fileUrl('image/png', bytes),
    provider,
  }
}

const everything = (files: Outgoing['attachments']) => [
  { text: 'hello' },
  { text: 'Grüße & 100 % = 🙂 +1\nnext line' },
  { text: 'x'.repeat(1_500) },
  { text: 'look', attachments: files },
  { text: null, attachments: files.slice(0, 1) },
]

interface Schema {
  properties: Record<string, { type?: string }>
}

/** The form as the values that the contract speaks of. */
function formOf(body: string, { properties }: Schema): Record<string, unknown> {
  const form = new URLSearchParams(body)
  const names = [...new Set(form.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const values = form.getAll(name)
      return [name, properties[name]?.type === 'array' || values.length > 1 ? values : values[0]]
    }),
  )
}

function contractOf() {
  const document = JSON.parse(readFileSync(contract, 'utf8'))
  const path = document.paths['/2010-04-01/Accounts/{AccountSid}/Messages.json']
  const { schema } = path.post.requestBody.content['application/x-www-form-urlencoded']
  const ajv = new Ajv({ strict: false, coerceTypes: true, allErrors: true })
  formats.default(ajv)
  ajv.addFormat('phone-number', /^(\+[1-9]\d{1,14}|\d{3,8})$/)
  const whole = { ...schema, additionalProperties: false, components: document.components }
  return { schema: schema as Schema, check: ajv.compile(whole), parameters: path.get.parameters as { name: string }[] }
}

test.skipIf(!isThere)(`every request to send fits the published contract${missing}`, async () => {
  const { schema, check } = contractOf()
  for (const query of ['', `service=${service}`, 'validity=60', 'callbacks=off']) {
    const { bodies } = await sent(query, everything)
    expect(bodies).toHaveLength(6)
    for (const body of bodies) {
      expect(check(formOf(body, schema)), `${body}: ${JSON.stringify(check.errors)}`).toBe(true)
    }
  }
})

test.skipIf(!isThere)(`the check notices what does not fit${missing}`, () => {
  const { schema, check } = contractOf()
  const fits = (body: string) => check(formOf(body, schema))
  expect(
    fits('To=%2B12025550142&From=%2B12025550100&Body=x&MediaUrl=https://a.example/1&MediaUrl=https://a.example/2'),
  ).toBe(true)
  expect(fits('From=%2B12025550100&Body=x')).toBe(false)
  expect(fits('To=%2B12025550142&From=%2B12025550100&Boddy=x')).toBe(false)
  expect(fits('To=%2B12025550142&From=%2B12025550100&Body=x&Body=y')).toBe(false)
  expect(fits('To=%2B12025550142&MessagingServiceSid=MG1&Body=x')).toBe(false)
  expect(fits('To=nobody&From=%2B12025550100&Body=x')).toBe(false)
})

test.skipIf(!isThere)(`every question asks only what the published contract knows${missing}`, async () => {
  const known = new Set(contractOf().parameters.map(({ name }) => name))
  const { asked } = await sent('', everything)
  const listing = asked.filter((path) => path.includes('/Messages.json?'))
  expect(listing.length).toBeGreaterThan(0)
  for (const path of listing) {
    const names = [...new URLSearchParams(path.split('?')[1]).keys()]
    expect(names.filter((name) => !known.has(name))).toEqual([])
    expect(names).toEqual(['To', 'DateSent>', 'PageSize'])
  }
})

test(`is what the provider's own client sends`, async () => {
  const { bodies, callbackUrl, fileUrl, provider } = await sent('', everything)
  const before = provider.requests.length
  const plain = new twilio.RequestClient()
  const client = new twilio.Twilio(provider.accountSid, provider.authToken, {
    httpClient: {
      request: (options: Parameters<typeof plain.request>[0]) =>
        plain.request({
          ...options,
          uri: options.uri.replace('https://api.twilio.com', `http://127.0.0.1:${provider.port}`),
        }),
    } as typeof plain,
  })
  const common = { to: ada, from: ourNumber, statusCallback: callbackUrl }
  const texts = everything([]).map(({ text }) => text)
  for (const body of texts.slice(0, 3)) await client.messages.create({ ...common, body: body ?? '' })
  await client.messages.create({ ...common, body: 'look', mediaUrl: [fileUrl(10)] })
  await client.messages.create({ ...common, mediaUrl: [fileUrl(20)] })
  await client.messages.create({ ...common, mediaUrl: [fileUrl(10)] })
  const theirs = provider.requests.slice(before).map(({ body }) => body)
  const sorted = (body: string) => [...new URLSearchParams(body)].toSorted()
  expect(bodies.map(sorted)).toEqual(theirs.map(sorted))
})
