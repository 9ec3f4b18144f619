/** SMS and MMS by Twilio: what goes over the wire, whom it is believed from, and that nothing is lost. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openTwilio, type TwilioNetwork, type TwilioOptions } from '../../../networks/src/sms/twilio.ts'
import { createTwilioConnector } from '../../src/channels/sms/twilio/connector.ts'
import { signatureOf } from '../../src/channels/sms/twilio/signature.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { SendFailure } from '../../src/model/delivery.ts'
import { openReceiver } from '../support/receiver.ts'
import { bytesOf, openStand, ourNumber, type Stand } from '../support/rest-stand.ts'
import { createTestClock } from '../support/test-clock.ts'

const ada = '+12025550142'
const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => index % 253)
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface World extends Stand {
  people: People
  provider: TwilioNetwork
}

async function open(query = '', options: Partial<TwilioOptions> = {}): Promise<World> {
  const clock = createTestClock()
  const people = new People()
  const provider = await openTwilio({ people, clock, ...options })
  closers.push(provider.stop)
  const stand = await openStand({
    clock,
    connectorWith: (tools) => createTwilioConnector('twilio', tools),
    line: () => ({ url: `${provider.url}?${query}`, secret: provider.authToken }),
  })
  closers.push(stand.close)
  provider.setInbound(ourNumber, stand.door.callbackUrl('inbound'))
  return { ...stand, people, provider }
}

const posts = ({ provider }: World) => provider.requests.filter(({ method }) => method === 'POST')

/** Calls the connector as the provider would. */
function call(world: World, topic: string, params: Record<string, string>, token = world.provider.authToken) {
  const url = world.door.callbackUrl(topic)
  const signature = signatureOf(token, url, new Map(Object.entries(params).map(([name, value]) => [name, [value]])))
  const headers = { 'x-twilio-signature': signature }
  const body = Buffer.from(new URLSearchParams(params).toString())
  const answer = world.connector.answer
  if (answer === undefined) throw new Error('it answers nothing')
  return answer(
    world.line,
    { topic, method: 'POST', url, headers, body },
    {
      receive: world.host.receive,
      pass: async () => {},
    },
  )
}

describe('sending', () => {
  test('proves itself with the account and its token in every request', async () => {
    const world = await open()
    await world.start()
    await world.send(ada)
    expect(world.provider.requests.map(({ method, authorized }) => [method, authorized])).toEqual([
      ['GET', true],
      ['POST', true],
    ])
  })

  test('an MMS of two files goes out as two, and receipts come for both', async () => {
    const world = await open()
    await world.start()
    const accepted = await world.send(ada, { attachments: [world.file(1_000), world.file(2_000)] })
    await expect.poll(() => world.receipts().toSorted()).toEqual(['delivered', 'delivered', 'sent', 'sent'])
    const arrived = world.people.arrived(ada)
    expect(new Map(arrived.map(({ text, media }) => [media[0]?.bytes, text]))).toEqual(
      new Map([
        [1_000, 'hello'],
        [2_000, null],
      ]),
    )
    const zeros = createHash('sha256').update(Buffer.alloc(1_000)).digest('hex')
    expect(arrived.find(({ text }) => text === 'hello')?.media[0]?.sha256).toBe(zeros)
    expect(accepted.parts).toHaveLength(2)
    expect(accepted.parts?.[0]).toBe(accepted.providerId)
    expect(arrived.map(({ id }) => id).toSorted()).toEqual([...(accepted.parts ?? [])].toSorted())
  })

  test('says when a later file was refused after an earlier one went out', async () => {
    const world = await open()
    await world.start()
    const bad = { ...world.file(2_000), linkFor: () => 'ftp://127.0.0.1/x' }
    const failure = await world.failure(ada, { attachments: [world.file(1_000), bad] })
    expect([failure.kind, failure.code, failure.partly]).toEqual(['refused', 'SMS_REJECTED', true])
  })

  test('waits when the whole is throttled, and carries on by itself when a later part is', async () => {
    const world = await open()
    await world.start()
    world.people.set(ada, { throttledFirst: 1, throttledForMs: 1_000 })
    const files = { attachments: [world.file(1_000), world.file(2_000)] }
    const first = await world.failure(ada, files)
    expect([first.kind, first.throttled, first.scope, first.retryAfterMs]).toEqual(['retryable', true, 'link', 1_000])
    const sending = world.send(ada, files)
    await expect.poll(() => posts(world).length).toBe(3)
    await expect
      .poll(() => {
        world.clock.advance(500)
        return posts(world).length
      })
      .toBe(4)
    expect((await sending).parts).toHaveLength(2)
  })

  test('refuses a file that is too large, or a text that is too long, before anything goes out', async () => {
    const world = await open()
    await world.start()
    expect((await world.failure(ada, { attachments: [world.file(5_000_001)] })).code).toBe('MMS_MEDIA_TOO_LARGE')
    expect((await world.failure(ada, { text: 'x'.repeat(1_601) })).code).toBe('SMS_TOO_LONG')
    expect(posts(world)).toEqual([])
  })

  test('what cannot have been read is sent again, and what may have been taken is not', async () => {
    const world = await open()
    await world.start()
    await world.provider.cut('silent')
    const lost: Promise<SendFailure>[] = []
    await expect
      .poll(() => {
        lost.push(world.failure(ada))
        return posts(world).length
      })
      .toBeGreaterThan(0)
    await world.provider.cut('refuses')
    const kinds = (await Promise.all(lost)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'uncertain').length).toBeGreaterThanOrEqual(posts(world).length)
    expect(kinds.filter((kind) => kind !== 'uncertain' && kind !== 'retryable')).toEqual([])
    const refused = await world.failure(ada)
    expect([refused.kind, refused.scope]).toEqual(['retryable', 'link'])
  })

  test('does not wait for the next minute when the provider is gone', async () => {
    const world = await open()
    await world.start()
    await world.provider.cut()
    await world.failure(ada)
    await expect.poll(() => world.host.states.at(-1)?.status).toBe('disconnected')
  })

  test('says what people and the provider say', async () => {
    const world = await open('', { numbers: [ourNumber] })
    await world.start()
    const outcome = async (to: string, what = {}) => {
      const { kind, code } = await world.failure(to, what)
      return [kind, code]
    }
    expect(await outcome('+12025550106')).toEqual(['unreachable', 'NO_CHANNEL_AVAILABLE'])
    expect(await outcome('+12025550105')).toEqual(['retryable', 'SMS_SEND_FAILED'])
    expect(await outcome('+12025550113', { attachments: [world.file(10)] })).toEqual(['refused', 'SMS_REJECTED'])
    await world.send('+12025550109')
    await expect.poll(world.receipts).toEqual(['sent', 'failed'])
    expect(world.host.taken.at(-1)).toMatchObject({
      detail: '30003: The phone is off, out of reach, or does not take SMS.',
    })
    const other = await open('', { numbers: ['+12025550177'] })
    await other.start()
    const refused = await other.failure(ada)
    expect([refused.kind, refused.code]).toEqual(['refused', 'SMS_SENDER_NOT_ALLOWED'])
  })

  test('gives turns by parts, one a second', async () => {
    const world = await open()
    const turn = (ref: string, text: string) => {
      const to = { handle: ada }
      return world.connection.turn?.({ ref, to, text, attachments: [] } as never)
    }
    expect(turn('a', 'x')).toBe(0)
    expect(turn('b', 'x'.repeat(300))).toBeGreaterThan(0)
    expect(turn('c', 'x')).toBeGreaterThan(1_900)
  })
})

describe('callbacks', () => {
  const inbound = { MessageSid: `SM${'1'.repeat(32)}`, From: ada, To: ourNumber, Body: 'hi', NumMedia: '0' }

  test('are taken once the signature proves them', async () => {
    const world = await open()
    const answer = await call(world, 'inbound', inbound)
    expect(answer).toEqual({ status: 200, contentType: 'text/xml', body: '<Response></Response>' })
    expect(world.messages()).toMatchObject([
      { providerId: inbound.MessageSid, from: ada, chat: `SMS;-;${ada}`, text: 'hi' },
    ])
  })

  test('with a wrong signature are refused, and nothing is received', async () => {
    const world = await open()
    expect((await call(world, 'inbound', inbound, 'another token')).status).toBe(403)
    expect((await call(world, 'status', { ...inbound, MessageStatus: 'delivered' }, '')).status).toBe(403)
    expect(world.host.taken).toEqual([])
  })

  test('for another number are refused, but not where a service has many', async () => {
    const world = await open()
    expect((await call(world, 'inbound', { ...inbound, To: '+12025550177' })).status).toBe(400)
    expect(world.host.taken).toEqual([])
    const service = await open('service=MG1')
    expect((await call(service, 'inbound', { ...inbound, To: '+12025550177' })).status).toBe(200)
    expect(service.messages()).toHaveLength(1)
  })

  test('are not answered with yes while nothing is durable', async () => {
    const world = await open()
    world.host.refuse(1)
    await expect(call(world, 'inbound', inbound)).rejects.toThrow('The store is away.')
  })

  test('with anything in them do no harm', async () => {
    const world = await open()
    const some = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('SM1', '99999999', '-1', 'delivered', 'NaN'))
    const names = fc.constantFrom(
      'MessageSid',
      'From',
      'To',
      'Body',
      'NumMedia',
      'MediaUrl0',
      'MessageStatus',
      'ErrorCode',
      'x',
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('status', 'inbound'), fc.dictionary(names, some), async (topic, params) => {
        const { status } = await call(world, topic, params)
        expect([200, 400, 403]).toContain(status)
      }),
      { numRuns: 300 },
    )
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`p${index}`, '']))
    expect((await call(world, 'status', many)).status).toBe(413)
    expect((await call(world, 'status', { Body: 'x'.repeat(300_000) })).status).toBe(413)
    expect((await call(world, 'other', {})).status).toBe(404)
  })

  test('about states come in any order and repeat, and each is told as it is', async () => {
    const world = await open('', { disorder: true })
    await world.start()
    await world.send(ada)
    await expect.poll(world.receipts).toEqual(['delivered', 'sent', 'delivered'])
  })
})

describe('media', () => {
  /** A place that is not the provider's. */
  async function elsewhere() {
    const place = await openReceiver()
    closers.push(place.close)
    place.answer((_received, response) => void response.writeHead(200, { 'content-type': 'image/png' }).end(bytes))
    return { place, origin: `http://127.0.0.1:${place.port}` }
  }

  test('of the provider is fetched with our credentials', async () => {
    const world = await open()
    await world.start()
    world.provider.say(ada, ourNumber, 'look', [{ mimeType: 'image/png', bytes }])
    await expect.poll(() => world.messages().length).toBe(1)
    const [message] = world.messages()
    expect(message?.attachments[0]).toMatchObject({ mimeType: 'image/png', voiceNote: false })
    expect(await bytesOf(message)).toEqual(Buffer.from(bytes))
  })

  test('elsewhere is fetched without them', async () => {
    const { place, origin } = await elsewhere()
    const world = await open()
    await world.start()
    world.provider.say(ada, ourNumber, 'look', [{ mimeType: 'image/png', bytes, url: `${origin}/picture` }])
    await expect.poll(() => world.messages().length).toBe(1)
    expect(await bytesOf(world.messages()[0])).toEqual(Buffer.from(bytes))
    expect(place.received.map(({ path, headers }) => [path, headers.authorization])).toEqual([['/picture', undefined]])
  })

  test('that the provider sends elsewhere for is fetched without them', async () => {
    const { place, origin } = await elsewhere()
    const world = await open()
    await world.start()
    world.provider.moveMedia(origin)
    world.provider.say(ada, ourNumber, 'look', [{ mimeType: 'image/png', bytes }])
    await expect.poll(() => world.messages().length).toBe(1)
    expect(await bytesOf(world.messages()[0])).toEqual(Buffer.from(bytes))
    expect(place.received.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  test('at an address inside is not fetched at all, however it is named', async () => {
    const { place, origin } = await elsewhere()
    const clock = createTestClock()
    const provider = await openTwilio({ people: new People(), clock })
    closers.push(provider.stop)
    const stand = await openStand({
      clock,
      connectorWith: (tools) => createTwilioConnector('twilio', tools),
      line: () => ({ url: provider.url, secret: provider.authToken }),
      media: createSafeFetch({ clock: systemClock, policy: 'refused', own: () => [] }),
    })
    closers.push(stand.close)
    provider.setInbound(ourNumber, stand.door.callbackUrl('inbound'))
    await stand.start()
    provider.moveMedia(origin)
    provider.say(ada, ourNumber, 'by redirect', [{ mimeType: 'image/png', bytes }])
    provider.say(ada, ourNumber, 'by name', [{ mimeType: 'image/png', bytes, url: `${origin}/x` }])
    await expect.poll(() => stand.messages().length).toBe(2)
    for (const message of stand.messages()) await expect(bytesOf(message)).rejects.toThrow('not')
    expect(place.received).toEqual([])
  })
})

describe('polling', () => {
  test('finds what no callback told, with its media, and tells it once', async () => {
    const world = await open()
    await world.start()
    world.provider.setInbound(ourNumber, null)
    world.provider.say(ada, ourNumber, 'first')
    world.provider.say(ada, ourNumber, 'look', [{ mimeType: 'image/png', bytes }])
    world.provider.say(ada, '+12025550177', 'to somebody else')
    await expect.poll(() => world.counts.sleeping).toBe(2)
    world.clock.advance(300_000)
    await expect.poll(() => world.messages().map(({ text }) => text)).toEqual(['first', 'look'])
    expect(await bytesOf(world.messages()[1])).toEqual(Buffer.from(bytes))
    const lists = () => world.provider.requests.filter(({ path }) => path.includes('DateSent')).length
    const before = lists()
    for (const more of [1, 2]) {
      await expect.poll(() => world.counts.sleeping).toBe(2)
      world.clock.advance(300_000)
      await expect.poll(lists).toBe(before + more)
    }
    expect(world.messages()).toHaveLength(2)
  })

  test('goes through all pages, the oldest first', async () => {
    const world = await open()
    await world.start()
    world.provider.setInbound(ourNumber, null)
    const texts = Array.from({ length: 450 }, (_, index) => `number ${index}`)
    for (const text of texts) world.provider.say(ada, ourNumber, text)
    await expect.poll(() => world.counts.sleeping).toBe(2)
    world.clock.advance(300_000)
    await expect.poll(() => world.messages().map(({ text }) => text)).toEqual(texts)
  })

  test('asks again for what could not be kept', async () => {
    const world = await open()
    await world.start()
    world.provider.setInbound(ourNumber, null)
    for (const text of ['one', 'two', 'three']) world.provider.say(ada, ourNumber, text)
    await expect.poll(() => world.counts.sleeping).toBe(2)
    world.host.refuse(2)
    world.clock.advance(300_000)
    await expect
      .poll(() => {
        world.clock.advance(15_000)
        return world.messages().map(({ text }) => text)
      })
      .toEqual(['one', 'two', 'three'])
  })

  test('ends when the line is stopped, whatever the store does, and nothing is lost by it', async () => {
    const world = await open()
    await world.start()
    world.provider.setInbound(ourNumber, null)
    world.provider.say(ada, ourNumber, 'in the air')
    await expect.poll(() => world.counts.sleeping).toBe(2)
    world.host.hold()
    world.clock.advance(300_000)
    await expect.poll(() => [world.counts.sleeping, world.counts.asking]).toEqual([1, 0])
    await world.connection.stop()
    expect(world.counts).toEqual({ sleeping: 0, asking: 0 })
    world.host.release()
    await world.start()
    await expect.poll(() => world.messages().map(({ text }) => text)).toEqual(['in the air'])
  })

  test('is not done when it is switched off, and leaves older messages alone', async () => {
    const off = await open('pollEvery=0')
    await off.start()
    await expect.poll(() => off.counts.sleeping).toBe(1)
    expect(off.provider.requests.filter(({ path }) => path.includes('DateSent'))).toEqual([])
    const world = await open()
    world.provider.setInbound(ourNumber, null)
    world.provider.say(ada, ourNumber, 'before there was a line')
    world.clock.advance(60_000)
    await world.start()
    await expect.poll(() => world.counts.sleeping).toBe(2)
    world.clock.advance(300_000)
    await expect.poll(() => world.provider.requests.some(({ path }) => path.includes('DateSent'))).toBe(true)
    expect(world.messages()).toEqual([])
  })
})

describe('the link', () => {
  const tried = (world: World, change: Partial<World['line']>) =>
    world.connector.test?.({ ...world.line, ...change }, new AbortController().signal)

  test('can be tried, and what is wrong is said in words', async () => {
    const world = await open()
    expect(await tried(world, {})).toEqual({ ok: true, detail: 'The account “Loopback” accepts the credentials.' })
    expect(await tried(world, { secret: 'wrong' })).toEqual({
      ok: false,
      detail: 'The credentials are not accepted. Check the account in the URL and the password.',
    })
    expect(await tried(world, { url: null })).toMatchObject({ ok: false })
    const path = `${world.provider.url}/api/laml`
    expect(await tried(world, { url: path })).toEqual({
      ok: false,
      detail: 'The provider answered 404 for the account. Check the URL.',
    })
    await world.provider.cut()
    await expect
      .poll(() => tried(world, {}))
      .toMatchObject({ ok: false, detail: expect.stringContaining('does not accept connections') })
    expect(world.host.states).toEqual([])
  })

  test('with wrong credentials is looked at again after a minute', async () => {
    const world = await open('', { authToken: 'right' })
    const connection = world.connector.open({ ...world.line, secret: 'wrong' }, world.host)
    closers.push(() => connection.stop())
    await connection.start()
    const state = world.host.states.at(-1)
    expect(state).toMatchObject({ status: 'disconnected', reason: 'close_401' })
    const retryAt = state?.status === 'disconnected' ? Date.parse(state.retryAt ?? '') : 0
    expect(Math.round((retryAt - world.clock.now()) / 1_000)).toBe(60)
  })

  test('with settings that are no good is not up, and nothing is thrown', async () => {
    const world = await open()
    const connection = world.connector.open({ ...world.line, url: 'nonsense' }, world.host)
    await connection.start()
    expect(world.host.states.at(-1)).toMatchObject({ status: 'disconnected', reason: 'close_settings' })
    await expect(connection.send({} as never, new AbortController().signal)).rejects.toMatchObject({
      kind: 'retryable',
    })
  })
})
