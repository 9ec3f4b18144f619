/** SMS by a phone of one's own: what goes over the wire, whom it is believed from, and what the phone says of itself. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { type AndroidNetwork, type AndroidOptions, openAndroidGateway } from '../../../networks/src/sms/android.ts'
import { createAndroidConnector } from '../../src/channels/sms/android/connector.ts'
import { bytesOf, openStand, ourNumber, type Stand } from '../support/rest-stand.ts'
import { createTestClock } from '../support/test-clock.ts'

const ada = '+12025550142'
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface World extends Stand {
  people: People
  phone: AndroidNetwork
}

async function open({
  query = '',
  key = true,
  ...options
}: Partial<AndroidOptions> & { query?: string; key?: boolean } = {}): Promise<World> {
  const clock = createTestClock()
  const people = new People()
  const phone = await openAndroidGateway({ people, clock, sims: [ourNumber, '+12025550177'], ...options })
  closers.push(phone.stop)
  const stand = await openStand({
    clock,
    connectorWith: createAndroidConnector,
    line: () => ({ url: `${phone.url}?${query}`, secret: `${phone.password}:${key ? phone.signingKey : ''}` }),
  })
  closers.push(stand.close)
  return { ...stand, people, phone }
}

const sends = ({ phone }: World) => phone.requests.filter(({ path }) => path.startsWith('/messages?'))

interface CallOptions {
  key?: string
  atMs?: number
  /** What is sent, when that is not what was signed. */
  forged?: string
}

/** Calls the connector as the phone would. */
function call(
  world: World,
  value: unknown,
  { key = world.phone.signingKey, atMs = world.clock.now(), forged }: CallOptions = {},
) {
  const body = typeof value === 'string' ? value : JSON.stringify(value)
  const timestamp = String(Math.floor(atMs / 1_000))
  const signature = createHmac('sha256', key).update(`${body}${timestamp}`).digest('hex')
  const { answer } = world.connector
  if (answer === undefined) throw new Error('it answers nothing')
  const headers = { 'x-signature': signature, 'x-timestamp': timestamp }
  const made = {
    topic: 'event',
    method: 'POST',
    url: world.door.callbackUrl('event'),
    headers,
    body: Buffer.from(forged ?? body),
  }
  return answer(world.line, made, {
    receive: world.host.receive,
    pass: async () => {},
  })
}

const received = (id: string, payload: object = {}, more: object = {}) => ({
  ...{ id, event: 'sms:received', deviceId: 'd-1', webhookId: 'w' },
  payload: {
    messageId: 'hash',
    sender: ada,
    recipient: null,
    simNumber: 1,
    message: 'hi',
    receivedAt: '2026-01-01T12:00:00Z',
    ...payload,
  },
  ...more,
})

describe('sending', () => {
  test('says exactly what the settings say, and names the message itself', async () => {
    const world = await open({ query: 'sim=2&ttl=600&device=loopback-device' })
    await world.start()
    const accepted = await world.send(ada, { text: 'Grüße 🙂' })
    expect(sends(world).map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      [
        '/messages?skipPhoneValidation=true',
        {
          ...{ id: accepted.providerId, textMessage: { text: 'Grüße 🙂' }, phoneNumbers: [ada] },
          ...{ withDeliveryReport: true, simNumber: 2, deviceId: 'loopback-device', ttl: 600 },
        },
      ],
    ])
    expect(accepted.providerId.length).toBeLessThanOrEqual(36)
    expect(world.people.arrived(ada).map(({ from, text }) => [from, text])).toEqual([['+12025550177', 'Grüße 🙂']])
    await expect.poll(world.receipts).toEqual(['sent', 'delivered'])
  })

  test('refuses files, nothing, and what is too long, before anything goes out', async () => {
    const world = await open({ query: 'segmentsMax=2' })
    await world.start()
    expect((await world.failure(ada, { attachments: [world.file(1)] })).code).toBe('SMS_REJECTED')
    expect((await world.failure(ada, { text: null })).code).toBe('SMS_REJECTED')
    expect((await world.failure(ada, { text: 'x'.repeat(307) })).code).toBe('SMS_TOO_LONG')
    expect(sends(world)).toEqual([])
  })

  test('is throttled when the phone is full, and uncertain when it fails', async () => {
    const world = await open()
    await world.start()
    world.people.set(ada, { failsFirst: 1, throttledFirst: 1, throttledForMs: 20_000 })
    expect((await world.failure(ada)).kind).toBe('uncertain')
    const full = await world.failure(ada)
    expect([full.kind, full.throttled, full.retryAfterMs]).toEqual(['retryable', true, 20_000])
    await world.send(ada)
    expect(world.people.arrived(ada)).toHaveLength(1)
  })

  test('learns from the phone that nobody has the number, or that it was not delivered', async () => {
    const world = await open()
    await world.start()
    await world.send('+12025550106')
    await expect.poll(world.receipts).toEqual(['failed'])
    expect(world.host.taken.at(-1)).toMatchObject({
      detail: 'RESULT_NETWORK_REJECT: The phone or its carrier does not send to this number.',
    })
    await world.send('+12025550109')
    await expect.poll(world.receipts).toEqual(['failed', 'sent', 'failed'])
  })

  test('asks what became of a message when the phone says nothing by itself', async () => {
    const world = await open()
    await world.start()
    world.phone.fallSilent(true)
    const { providerId } = await world.send(ada)
    await expect
      .poll(() => {
        world.clock.advance(15_000)
        return world.host.taken
      })
      .toMatchObject([{ kind: 'receipt', providerId, status: 'delivered' }])
    const asked = () => world.phone.requests.filter(({ path }) => path === `/messages/${providerId}`).length
    const times = asked()
    for (let minutes = 0; minutes < 10; minutes += 1) world.clock.advance(60_000)
    await expect.poll(() => world.counts.asking).toBe(0)
    expect(asked()).toBe(times)
  })
})

describe('webhooks', () => {
  test('are registered once, one for each event, and put right when they lead elsewhere', async () => {
    const world = await open()
    await world.start()
    const url = world.door.callbackUrl('event')
    const registered = world.phone.webhooks()
    expect(registered.map((one) => [one.event, one.url])).toEqual([
      ['sms:received', url],
      ['mms:downloaded', url],
      ['sms:sent', url],
      ['sms:delivered', url],
      ['sms:failed', url],
    ])
    const posts = () =>
      world.phone.requests.filter(({ method, path }) => method === 'POST' && path === '/webhooks').length
    await world.connection.stop()
    await world.start()
    expect(posts()).toBe(5)
    const moved = world.connector.open(world.line, {
      ...world.host,
      callbackUrl: (topic) => `http://127.0.0.1:9/new/${topic}`,
    })
    closers.push(() => moved.stop())
    await moved.start()
    expect(posts()).toBe(10)
    expect(world.phone.webhooks().map(({ id }) => id)).toEqual(registered.map(({ id }) => id))
    expect(new Set(world.phone.webhooks().map((one) => one.url))).toEqual(new Set(['http://127.0.0.1:9/new/event']))
  })

  test('that the phone does not take are a warning, and it still sends', async () => {
    const world = await open()
    const host = { ...world.host, callbackUrl: () => 'http://gateway.example/event' }
    const connection = world.connector.open(world.line, host)
    closers.push(() => connection.stop())
    await connection.start()
    expect(world.host.states.at(-1)).toMatchObject({
      status: 'connected',
      warnings: [expect.stringContaining('Set PUBLIC_URL to an https address.')],
    })
  })

  test('need a signing key: without one nothing is registered and nothing is believed', async () => {
    const world = await open({ key: false })
    await world.start()
    expect(world.phone.webhooks()).toEqual([])
    expect(world.host.states.at(-1)).toMatchObject({
      status: 'connected',
      warnings: ['Incoming messages are not received. Add the signing key of the app to the password.'],
    })
    expect((await call(world, received('e-1'))).status).toBe(403)
    await world.send(ada)
    expect(world.host.taken).toEqual([])
  })
})

describe('calls of the phone', () => {
  test('are taken once the signature proves them, by the id of the event', async () => {
    const world = await open()
    expect((await call(world, received('e-1'))).status).toBe(200)
    expect((await call(world, received('e-2'))).status).toBe(200)
    expect(world.messages()).toMatchObject([
      { providerId: 'e-1', from: ada, chat: `SMS;-;${ada}`, text: 'hi', at: new Date('2026-01-01T12:00:00Z') },
      { providerId: 'e-2' },
    ])
  })

  test('with a wrong signature, an old one, or other words are refused, and nothing is received', async () => {
    const world = await open()
    const now = world.clock.now()
    expect((await call(world, received('e-1'), { key: 'another' })).status).toBe(403)
    expect((await call(world, received('e-1'), { atMs: now - 302_000 })).status).toBe(403)
    expect((await call(world, received('e-1'), { atMs: now + 302_000 })).status).toBe(403)
    expect((await call(world, received('e-1'), { forged: JSON.stringify(received('e-2')) })).status).toBe(403)
    expect(world.host.taken).toEqual([])
    expect((await call(world, received('e-1'), { atMs: now - 290_000 })).status).toBe(200)
  })

  test('about another SIM or another phone are none of ours', async () => {
    const world = await open({ query: 'sim=1&device=d-1' })
    await call(world, received('e-1', { simNumber: 2 }))
    await call(world, received('e-2', {}, { deviceId: 'd-2' }))
    await call(world, received('e-3', { simNumber: null }))
    await call(world, received('e-4'))
    expect(world.messages().map(({ providerId }) => providerId)).toEqual(['e-3', 'e-4'])
  })

  test('name senders as everybody does', async () => {
    const world = await open()
    await call(world, received('e-1', { sender: '(202) 555-0142' }))
    await call(world, received('e-2', { sender: 'WhatsApp' }))
    await call(world, received('e-3', { sender: null, phoneNumber: ada }))
    expect(world.messages().map(({ from }) => from)).toEqual([ada, 'WhatsApp', ada])
  })

  test('bring an MMS with its files once it is downloaded', async () => {
    const world = await open()
    await world.start()
    const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index % 251)
    world.phone.say(ada, ourNumber, 'look', [
      { mimeType: 'image/png', bytes },
      { mimeType: 'text/vcard', bytes: bytes.slice(0, 9) },
    ])
    await expect.poll(() => world.messages().length).toBe(1)
    const [message] = world.messages()
    expect(message?.text).toBe('look')
    expect(message?.attachments.map(({ mimeType, bytes: size }) => [mimeType, size])).toEqual([
      ['image/png', 3_000],
      ['text/vcard', 9],
    ])
    expect(await bytesOf(message)).toEqual(Buffer.from(bytes))
    const gone = { contentType: 'image/png', data: null }
    await call(
      world,
      received('e-9', { body: null, subject: 'a subject', attachments: [gone] }, { event: 'mms:downloaded' }),
    )
    expect(world.messages().at(-1)).toMatchObject({ text: 'a subject', attachments: [] })
    const before = world.host.taken.length
    expect((await call(world, received('e-10', {}, { event: 'mms:received' }))).status).toBe(200)
    expect(world.host.taken).toHaveLength(before)
  })

  test('with anything in them do no harm', async () => {
    const world = await open()
    const events = fc.constantFrom('sms:received', 'mms:downloaded', 'sms:sent', 'sms:failed', 'app:started', 7, null)
    const wild = fc.oneof(
      fc.jsonValue(),
      fc.record({ id: fc.oneof(fc.constant('e'), fc.jsonValue()), event: events, payload: fc.jsonValue() }),
      fc.record({
        id: fc.constant('e'),
        event: events,
        payload: fc.dictionary(
          fc.constantFrom('sender', 'message', 'messageId', 'attachments', 'reason', 'receivedAt'),
          fc.jsonValue(),
        ),
      }),
      fc.string({ unit: 'binary' }),
    )
    await fc.assert(
      fc.asyncProperty(wild, async (value) => {
        expect([200, 400]).toContain((await call(world, value)).status)
      }),
      { numRuns: 500 },
    )
  })

  test('are not answered with yes while nothing is durable', async () => {
    const world = await open()
    world.host.refuse(1)
    await expect(call(world, received('e-1'))).rejects.toThrow('The store is away.')
  })
})

test('can be tried, and what is wrong is said in words', async () => {
  const world = await open()
  const tried = (change: Partial<World['line']>) =>
    world.connector.test?.({ ...world.line, ...change }, new AbortController().signal)
  expect(await tried({})).toEqual({ ok: true, detail: 'The phone accepts the credentials.' })
  expect(await tried({ secret: 'wrong:' })).toEqual({
    ok: false,
    detail: 'The phone does not accept the credentials. Check the user in the URL and the password.',
  })
  expect(await tried({ secret: 'no colon' })).toMatchObject({
    ok: false,
    detail: expect.stringContaining('PASSWORD:SIGNING_KEY'),
  })
  expect(await tried({ url: `${world.phone.url}/3rdparty/v1` })).toEqual({
    ok: false,
    detail: 'The phone answered 404. Check the URL of the line.',
  })
  expect(world.phone.webhooks()).toEqual([])
})
