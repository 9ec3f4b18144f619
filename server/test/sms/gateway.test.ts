/** SMS through the whole gateway: an operator sets a line up over HTTP, and people with phones get and send messages. */
import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Running as Networks, startNetworks } from '../../../networks/src/start.ts'
import { systemClock } from '../../../networks/src/time.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let networks: Networks
let gateway: TestGateway
let ask: Ask
let story: Story
let count = 0
let number: string
let person: string

beforeAll(async () => {
  networks = await startNetworks(
    { control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0, bluebubbles: 0 },
    systemClock,
  )
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  await networks.stop()
})
beforeEach(async () => {
  count += 1
  number = `+1202555${String(5_000 + count)}`
  person = `+1415555${String(6_000 + count)}`
  story = await tell(gateway)
})
afterEach(() => {
  expect(gateway.errors).toEqual([])
})

const providers = ['smpp', 'twilio', 'android'] as const

function settingsOf(provider: string): { url: string; password: string } {
  const settings = networks.networks[provider]?.line
  if (settings === undefined) throw new Error(`There is no network ${provider}.`)
  return settings
}

async function control(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${networks.url}${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  expect(answer.status, `${method} ${path}`).toBeLessThan(300)
  return answer.json()
}

interface Received {
  text: string | null
  from: string
  media: readonly { mimeType: string; bytes: number }[]
}

const received = async (who = person) =>
  ((await control('GET', `/people/${encodeURIComponent(who)}/received`)) as { received: Received[] }).received

/** Makes a line, gives it to the customer and waits until it is connected. */
async function line(provider: string, more: object = {}): Promise<string> {
  const made = await ask('POST /v1/admin/instances', {
    ...{ name: provider, phoneNumber: number, provider, channels: ['sms'] },
    ...(provider === 'sandbox' ? {} : settingsOf(provider)),
    ...more,
  })
  expect(made.status, made.text).toBe(201)
  const { id } = made.body.data
  const path = `/v1/admin/customers/${gateway.customer.id}/numbers`
  expect((await ask(`POST ${path}`, { phoneNumber: number, instanceId: id })).status).toBe(201)
  await until(async () => {
    const { data } = (await ask('GET /v1/admin/instances/health')).body
    const found = data.instances.find((one: { id: string }) => one.id === id)
    return found.healthStatus === 'healthy'
  }, 'the line to be connected')
  if (provider === 'twilio')
    await control('POST', '/networks/twilio/inbound', {
      number,
      url: `${gateway.url}/v1/providers/${id}/sms/inbound`,
    })
  return id
}

const bySms = (text: string, more: object = {}) => ({
  ...{ to: person, from: number, content: { text }, routing: { preference: ['sms'] } },
  ...more,
})

/** Events of other tests' lines coming and going are not part of the story. */
async function heard(): Promise<string[]> {
  return (await story.heard()).filter((event) => !event.startsWith('line.status'))
}

async function told(...events: string[]): Promise<void> {
  await until(async () => (await heard()).length >= events.length, `${events.length} events`)
  expect(await heard()).toEqual(events)
}

const delivered = ['message.queued queued -', 'message.sent sent sms', 'message.delivered delivered sms']

test.each(providers)('%s: a text is sent, delivered and answered', async (provider) => {
  await line(provider)
  const text = 'Grüße aus Köln 🙂'
  const id = await story.send(bySms(text))
  await told(...delivered)
  // A phone sends from the number of its card, whatever we call the line.
  expect(await received()).toMatchObject([{ text, from: provider === 'android' ? 'phone' : number }])
  const message = await story.get(id)
  expect(message).toMatchObject({ status: 'delivered', channel: 'sms', fallbackTriggered: false })
  expect(message.timeline.map(({ status }: { status: string }) => status)).toEqual(['queued', 'sent', 'delivered'])
  await control('POST', `/people/${encodeURIComponent(person)}/say`, {
    network: provider,
    to: number,
    text: 'Danke! 👍',
  })
  await told(...delivered, 'message.inbound received sms')
  const [inbound] = (await story.call('GET', `/v1/messages?from=${encodeURIComponent(person)}`)).body.data.messages
  expect(inbound).toMatchObject({ direction: 'inbound', content: { text: 'Danke! 👍' }, to: number, channel: 'sms' })
})

test.each(['smpp', 'twilio'] as const)(
  '%s: a long text arrives whole, and is delivered once all of it is',
  async (provider) => {
    await line(provider)
    const text = `${'Every word of it counts, Straße für Straße. '.repeat(12)}The end.`
    const id = await story.send(bySms(text))
    await told(...delivered)
    expect(await received()).toMatchObject([{ text }])
    expect((await story.get(id)).status).toBe('delivered')
  },
)

test.each(providers)('%s: a receipt that says failed fails the message', async (provider) => {
  await line(provider)
  await control('PUT', `/people/${encodeURIComponent(person)}`, { receipt: 'failed' })
  const id = await story.send(bySms('Is anybody there?'))
  await told('message.queued queued -', 'message.sent sent sms', 'message.failed failed sms')
  expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode: 'SMS_SEND_FAILED' })
})

test('what iMessage cannot deliver goes out over the SMS provider of the same number', async () => {
  await line('sandbox', {
    channels: ['imessage', 'sms'],
    providers: { sms: { provider: 'smpp', ...settingsOf('smpp') } },
  })
  person = '+14155550104'
  const id = await story.send({ to: person, from: number, content: { text: 'Hello' } })
  await told(
    'message.queued queued -',
    'message.fallback queued sms',
    'message.sent sent sms',
    'message.delivered delivered sms',
  )
  expect(await received()).toMatchObject([{ text: 'Hello', from: number }])
  const message = await story.get(id)
  expect(message).toMatchObject({ status: 'delivered', channel: 'sms', fallbackTriggered: true })
  const timeline = message.timeline.map(({ status, channel }: { status: string; channel: string }) => [status, channel])
  expect(timeline).toEqual([
    ['queued', null],
    ['fallback', 'sms'],
    ['sent', 'sms'],
    ['delivered', 'sms'],
  ])
})

test('a text that needs too many parts falls back before anything of it is sent', async () => {
  await line('sandbox', {
    channels: ['imessage', 'sms'],
    providers: { sms: { provider: 'smpp', ...settingsOf('smpp') } },
  })
  const text = '長'.repeat(800)
  const id = await story.send({
    ...{ to: person, from: number, content: { text }, routing: { preference: ['sms', 'imessage'] } },
  })
  await until(async () => (await story.get(id)).status === 'delivered', 'it to be delivered')
  expect(await story.get(id)).toMatchObject({ channel: 'imessage', fallbackTriggered: true })
  expect(await received()).toEqual([])
  const alone = await story.send(bySms('x'.repeat(5_000)))
  await until(async () => (await story.get(alone)).status === 'failed', 'it to fail')
  expect(await story.get(alone)).toMatchObject({ errorCode: 'SMS_TOO_LONG' })
})

test('settings that cannot work are refused in words, and those that can are tried out', async () => {
  const make = (provider: string, more: object) =>
    ask('POST /v1/admin/instances', { name: 'x', phoneNumber: number, provider, channels: ['sms'], ...more })
  const wrong = await make('smpp', { url: 'smpp://gateway@127.0.0.1:1?windows=3', password: 'secret' })
  expect([wrong.status, wrong.body.error.code, wrong.body.error.details[0].path]).toEqual([
    400,
    'VALIDATION_ERROR',
    'url',
  ])
  expect(wrong.body.error.message).toContain('windows')
  const leaky = await make('smpp', { url: 'smpp://gateway:secret@127.0.0.1:1', password: 'secret' })
  expect([leaky.status, leaky.body.error.details[0].path]).toEqual([400, 'url'])
  expect((await make('smpp', {})).status).toBe(400)
  const { url, password } = settingsOf('smpp')
  const made = await make('smpp', { url, password: `${password}!` })
  const path = `POST /v1/admin/instances/${made.body.data.id}/test`
  const refused = (await ask(path)).body.data
  expect(refused).toMatchObject({ ok: false, results: [{ channel: 'sms', ok: false }] })
  expect(JSON.stringify(made.body)).not.toContain(password)
  await ask(`PATCH /v1/admin/instances/${made.body.data.id}`, { password })
  expect((await ask(path)).body.data).toMatchObject({ ok: true, results: [{ channel: 'sms', ok: true }] })
  expect((await ask('POST /v1/admin/instances/01a1fe0b-3b91-7242-bf40-02916fe7194c/test')).status).toBe(404)
})

test('a provider nobody knows, with a wrong signature or for another line, is not heard', async () => {
  const id = await line('twilio')
  const call = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${gateway.url}/v1/providers/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ MessageSid: 'SM1', From: person, To: number, Body: 'let me in' }),
    })
  expect((await call(`${id}/sms/inbound`)).status).toBe(403)
  expect((await call(`${id}/sms/inbound`, { 'x-twilio-signature': 'bm90aGluZw==' })).status).toBe(403)
  expect((await call(`${id}/imessage/inbound`)).status).toBe(404)
  expect((await call(`${gateway.customer.line.id}/sms/inbound`)).status).toBe(404)
  expect((await call('no-such-line/sms/inbound')).status).toBe(404)
  const big = { method: 'POST', body: Buffer.alloc(9 << 20) }
  expect((await fetch(`${gateway.url}/v1/providers/${id}/sms/inbound`, big)).status).toBe(413)
  // Of somebody who knows no line nothing is read: the answer is there before any of the body is.
  const stranger = request(`${gateway.url}/v1/providers/no-such-line/sms/inbound`, {
    method: 'POST',
    headers: { 'content-length': String(9 << 20) },
  })
  stranger.on('error', () => undefined)
  stranger.flushHeaders()
  const [refusal] = await once(stranger, 'response')
  stranger.destroy()
  expect(refusal.statusCode).toBe(404)
  expect(await heard()).toEqual([])
})

test('a line with a name instead of a number sends, and a short code is answered in its conversation', async () => {
  number = `Bistro ${count}`
  await line('smpp')
  await story.send(bySms('Your table is ready'))
  await told(...delivered)
  expect(await received()).toMatchObject([{ text: 'Your table is ready', from: number }])
  number = '72345'
  await line('smpp')
  await control('POST', '/people/32665/say', { network: 'smpp', to: number, text: 'Reply YES to confirm.' })
  await told(...delivered, 'message.inbound received sms')
  const [inbound] = (await story.call('GET', '/v1/messages?direction=inbound&limit=1')).body.data.messages
  expect(inbound).toMatchObject({ from: '32665', to: '72345' })
  const reply = await story.send({ chatId: inbound.conversationId, content: { text: 'YES' } })
  await until(async () => (await story.get(reply)).status === 'delivered', 'the reply to be delivered')
  expect(await received('32665')).toMatchObject([{ text: 'YES', from: '72345' }])
})

test('STOP is confirmed by the gateway over SMPP, and left to Twilio at Twilio', async () => {
  await line('smpp')
  const says = (network: string, text: string) =>
    control('POST', `/people/${encodeURIComponent(person)}/say`, { network, to: number, text })
  const out = ['message.inbound received sms', 'contact.opted_out - sms']
  await says('smpp', 'Stop!')
  await told(...out, ...delivered)
  expect((await received()).map(({ text }) => text?.split('.')[0])).toEqual([
    'You are unsubscribed and will get no more messages from this number',
  ])
  const refused = await story.call('POST', '/v1/messages', bySms('Please stay'))
  expect([refused.status, refused.body.error.code]).toEqual([403, 'RECIPIENT_OPTED_OUT'])
  count += 100
  number = `+1202555${5_000 + count}`
  person = `+1415555${6_000 + count}`
  await line('twilio')
  await says('twilio', 'STOP')
  await told(...out, ...delivered, ...out)
  await gateway.settled()
  expect(await received()).toEqual([])
})

test('two lines of one account each get what is theirs, whichever connection brings it', async () => {
  const first = number
  await line('smpp')
  count += 100
  const second = `+1202555${5_000 + count}`
  number = second
  await line('smpp')
  // The SMSC brings everything over the bind that came last.
  const ids = [
    await story.send(bySms('from the second')),
    await story.send({ ...bySms('from the first'), from: first }),
  ]
  await until(async () => (await heard()).length === 6, 'both to be delivered')
  for (const id of ids) expect((await story.get(id)).status).toBe('delivered')
  await control('POST', `/people/${encodeURIComponent(person)}/say`, {
    network: 'smpp',
    to: first,
    text: 'to the first',
  })
  await control('POST', `/people/${encodeURIComponent(person)}/say`, {
    network: 'smpp',
    to: second,
    text: 'to the second',
  })
  await until(async () => (await heard()).length === 8, 'both to be heard')
  const { messages } = (await story.call('GET', `/v1/messages?from=${encodeURIComponent(person)}`)).body.data
  const told = messages.map(({ to, content }: { to: string; content: { text: string } }) => [to, content.text])
  expect(told.sort()).toEqual([
    [first, 'to the first'],
    [second, 'to the second'],
  ])
})
