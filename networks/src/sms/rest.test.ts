/** The pretended providers behind HTTP are strict, sign what they say, and say it again until it is taken. */
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { People } from '../people.ts'
import { type Clock, systemClock } from '../time.ts'
import { openAndroidGateway } from './android.ts'
import { openTwilio } from './twilio.ts'

const [ada, us] = ['+12025550142', '+12025550100']
const closers: (() => Promise<void>)[] = []
/** A second is over in ten milliseconds. */
const hasty: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) }
/** Time stands still. */
const frozen: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (ms === 0) setImmediate(resolve)
      signal?.addEventListener('abort', () => resolve())
    }),
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Heard {
  headers: Record<string, unknown>
  body: string
}

/** Takes what comes after it has refused so many. */
async function listener(refusals = 0) {
  const heard: Heard[] = []
  const server = createServer(async (request, response) => {
    heard.push({ headers: request.headers, body: Buffer.concat(await request.toArray()).toString() })
    response.writeHead(heard.length > refusals ? 200 : 503).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('Twilio, pretended,', () => {
  async function open(clock: Clock = hasty) {
    const people = new People()
    const twilio = await openTwilio({ people, clock })
    closers.push(twilio.stop)
    const authorization = basic(twilio.accountSid, twilio.authToken)
    const root = `http://127.0.0.1:${twilio.port}/2010-04-01/Accounts/${twilio.accountSid}`
    const send = async (form: string, headers: Record<string, string> = {}) => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const init = { method: 'POST', body: form, headers: { authorization, ...type, ...headers } }
      const reply = await fetch(`${root}/Messages.json`, init)
      const answer = (await reply.json()) as { code?: number; sid?: string }
      return { status: reply.status, ...answer }
    }
    return { people, twilio, root, authorization, send }
  }

  const form = `To=%2B12025550142&From=%2B12025550100`

  test.each([
    ['an unknown parameter', `${form}&Body=x&Boddy=y`, 20001],
    ['a parameter given twice', `${form}&Body=x&Body=y`, 20001],
    ['nobody to send to', 'From=%2B12025550100&Body=x', 21604],
    ['a number that is none', 'To=ada&From=%2B12025550100&Body=x', 21211],
    ['no sender', 'To=%2B12025550142&Body=x', 21603],
    ['nothing to say', form, 21602],
    ['a text that is too long', `${form}&Body=${'x'.repeat(1_601)}`, 21617],
    ['media that is no link', `${form}&MediaUrl=nonsense`, 21620],
    ['a callback that is no link', `${form}&Body=x&StatusCallback=nonsense`, 21609],
    ['a validity out of bounds', `${form}&Body=x&ValidityPeriod=0`, 20001],
  ])('refuses %s', async (_, body, code) => {
    const { send, people } = await open()
    expect(await send(body)).toMatchObject({ status: 400, code })
    expect(people.arrived()).toEqual([])
  })

  test('refuses other credentials, and JSON', async () => {
    const { send } = await open()
    expect(await send(`${form}&Body=x`, { authorization: basic('AC1', 'x') })).toMatchObject({
      status: 401,
      code: 20003,
    })
    expect(await send(`${form}&Body=x`, { 'content-type': 'application/json' })).toMatchObject({ status: 415 })
  })

  test('tells what was said again until it is taken, always signed', async () => {
    const { twilio } = await open()
    const { heard, url } = await listener(2)
    twilio.setInbound(us, url)
    const sid = twilio.say(ada, us, 'hello')
    await expect.poll(() => heard.length).toBe(3)
    await expect.poll(() => twilio.waiting).toBe(0)
    for (const { headers, body } of heard) {
      const params = [...new URLSearchParams(body)].toSorted(([left], [right]) => (left < right ? -1 : 1))
      expect(Object.fromEntries(params)).toMatchObject({
        MessageSid: sid,
        From: ada,
        To: us,
        Body: 'hello',
        NumMedia: '0',
      })
      const signed = `${url}${params.flat().join('')}`
      const signature = createHmac('sha1', twilio.authToken).update(signed).digest('base64')
      expect(headers['x-twilio-signature']).toBe(signature)
    }
  })

  test('gives up after six tries', async () => {
    const { twilio } = await open()
    const { heard, url } = await listener(99)
    twilio.setInbound(us, url)
    twilio.say(ada, us, 'hello')
    await expect.poll(() => twilio.waiting).toBe(0)
    expect(heard).toHaveLength(6)
  })

  test('keeps media behind its credentials', async () => {
    const { twilio, root, authorization } = await open()
    const sid = twilio.say(ada, us, '', [{ mimeType: 'image/png', bytes: Buffer.from('picture') }])
    const list = await (await fetch(`${root}/Messages/${sid}/Media.json`, { headers: { authorization } })).json()
    const { uri } = (list as { media_list: { uri: string }[] }).media_list[0] ?? { uri: '' }
    const url = `http://127.0.0.1:${twilio.port}${uri.replace('.json', '')}`
    expect((await fetch(url)).status).toBe(401)
    const reply = await fetch(url, { headers: { authorization } })
    expect([reply.headers.get('content-type'), await reply.text()]).toEqual(['image/png', 'picture'])
  })

  test('leaves nothing behind when it is stopped', async () => {
    const { twilio, send } = await open(frozen)
    const { url } = await listener(99)
    twilio.setInbound(us, url)
    twilio.say(ada, us, 'hello')
    await send(`${form}&Body=x&StatusCallback=${encodeURIComponent(url)}`)
    expect(twilio.leftBehind()).toBeGreaterThan(0)
    await twilio.stop()
    await expect.poll(() => twilio.leftBehind()).toBe(0)
  })
})

describe('the phone, pretended,', () => {
  async function open() {
    const people = new People()
    const phone = await openAndroidGateway({ people, clock: hasty, sims: [us] })
    closers.push(phone.stop)
    const headers = { authorization: basic(phone.user, phone.password), 'content-type': 'application/json' }
    const post = async (path: string, value: unknown) => {
      const init = { method: 'POST', headers, body: JSON.stringify(value) }
      return (await fetch(`http://127.0.0.1:${phone.port}${path}`, init)).status
    }
    return { people, phone, post }
  }

  const message = { id: 'm-1', textMessage: { text: 'hello' }, phoneNumbers: [ada] }

  test.each([
    ['an id that is too long', { ...message, id: 'x'.repeat(37) }],
    ['an unknown field', { ...message, text: 'x' }],
    ['a SIM it has not', { ...message, simNumber: 4 }],
    ['another device', { ...message, deviceId: 'x' }],
    ['an empty text', { ...message, textMessage: { text: '' } }],
    ['nobody', { ...message, phoneNumbers: [] }],
    ['no object', []],
  ])('refuses %s', async (_, value) => {
    const { post, people } = await open()
    expect(await post('/messages', value)).toBe(400)
    expect(people.arrived()).toEqual([])
  })

  test('takes an id once', async () => {
    const { post, people } = await open()
    expect([await post('/messages', message), await post('/messages', message)]).toEqual([202, 409])
    expect(people.arrived(ada)).toHaveLength(1)
  })

  test('takes webhooks by https or on itself only, and replaces those of the same id', async () => {
    const { post, phone } = await open()
    const webhook = { id: 'w', url: 'https://a.example/', event: 'sms:received' }
    expect(await post('/webhooks', { ...webhook, url: 'http://a.example/' })).toBe(400)
    expect(await post('/webhooks', { ...webhook, event: 'sms:read' })).toBe(400)
    expect(await post('/webhooks', webhook)).toBe(201)
    expect(await post('/webhooks', { ...webhook, url: 'http://127.0.0.1:9/' })).toBe(201)
    expect(phone.webhooks().map(({ url }) => url)).toEqual(['http://127.0.0.1:9/'])
  })

  test('signs each try anew and keeps the id of the event', async () => {
    const { post, phone } = await open()
    const { heard, url } = await listener(2)
    await post('/webhooks', { id: 'w', url, event: 'sms:received' })
    phone.say(ada, us, 'hello')
    await expect.poll(() => heard.length).toBe(3)
    for (const { headers, body } of heard) {
      const right = createHmac('sha256', phone.signingKey).update(`${body}${headers['x-timestamp']}`).digest('hex')
      expect(headers['x-signature']).toBe(right)
    }
    expect(new Set(heard.map(({ body }) => body)).size).toBe(1)
    expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject({
      event: 'sms:received',
      payload: { sender: ada, recipient: us, simNumber: 1, message: 'hello' },
    })
  })
})
