/** Somebody's one-time code reaches a line: it is kept, and nobody hears of it, unless it is what pairing the line waits for. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Channel, channels } from '../../src/model/channel.ts'
import type { Handle, ProviderMessageId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const person = (number: string) => gateway.network.as(number as Handle)
const line = () => gateway.customer.line.address
const listed = async (story: Story, number: string) =>
  (await story.call('GET', `/v1/messages?from=${encodeURIComponent(number)}`)).body.data.messages

/** What no caller is shown. */
async function stored(from: string): Promise<{ id: string; withheld: boolean; metadata: unknown }[]> {
  const text = 'select id, withheld, metadata from messages where customer_id = $1 and from_address = $2 order by id'
  return gateway.database.db.query({ name: '', text }, [gateway.customer.id, from])
}

test.each<[Channel, string]>([
  ['sms', '+14155550181'],
  ['imessage', '+14155550182'],
  ['whatsapp', '+14155550183'],
])('a code that comes by %s is kept and told to nobody', async (channel, from) => {
  const story = await tell(gateway)
  const providerId = `code-${channel}` as ProviderMessageId
  person(from).says(line(), channel, 'Your code is 482-139', { providerId })
  person(from).says(line(), channel, 'Your code is 482-139', { providerId })
  person(from).says(line(), channel, 'Did you get it?')
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([`message.inbound received ${channel}`])
  expect((await listed(story, from)).map((one: { content: { text: string } }) => one.content.text)).toEqual([
    'Did you get it?',
  ])
  const [code, ...rest] = await stored(from)
  expect(code).toMatchObject({
    withheld: true,
    metadata: { otp: { provider: 'generic', code: '482139', rawMatch: '482-139', confidence: 'medium' } },
  })
  expect(rest).toMatchObject([{ withheld: false, metadata: null }])
})

test('it has no address: every call that names it finds nothing', async () => {
  const from = '+14155550184'
  person(from).says(line(), 'imessage', 'PIN: 4821')
  await gateway.advance(1_000)
  const story = await tell(gateway)
  const id = `msg_${(await stored(from))[0]?.id}`
  const answers = [
    await story.call('GET', `/v1/messages/${id}`),
    await story.call('DELETE', `/v1/messages/${id}`),
    await story.call('POST', `/v1/messages/${id}/retry`),
    await story.call('DELETE', `/v1/messages/${id}/schedule`),
    await story.call('POST', `/v1/messages/${id}/react`, { type: 'love' }),
    await story.call('POST', `/v1/messages/${id}/read`),
  ]
  expect(answers.map(({ status, body }) => [status, body.error.code])).toEqual(answers.map(() => [404, 'NOT_FOUND']))
  const reply = await story.call('POST', '/v1/messages', { to: from, content: { text: 'Mine?' }, replyTo: id })
  expect(reply.status).toBe(404)
  expect(await story.heard()).toEqual([])
})

test('reactions and replies to it find nothing, and it is changed in silence', async () => {
  const from = '+14155550185'
  const story = await tell(gateway)
  const code = person(from).says(line(), 'whatsapp', 'Do not share 482139')
  person(from).reacts(line(), 'whatsapp', code, '👍')
  person(from).edits(line(), 'whatsapp', code, 'Oh, forget it')
  person(from).unsends(line(), 'whatsapp', code)
  person(from).says(line(), 'whatsapp', 'See above', { replyTo: code })
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['message.reaction - whatsapp', 'message.inbound received whatsapp'])
  const text = `select data from events where customer_id = $1 order by xid desc, seq desc limit 2`
  const [reply, reaction] = await gateway.database.db.query<{ data: object }>({ name: '', text }, [gateway.customer.id])
  expect(reaction?.data).toMatchObject({ target: null, targetExternalId: code, preview: null })
  expect(reply?.data).toMatchObject({ replyTo: { messageId: null, externalId: code } })
  expect(await listed(story, from)).toMatchObject([{ content: { text: 'See above' } }])
})

test('a number that is no code is told like anything else', async () => {
  const from = '+14155550187'
  const story = await tell(gateway)
  for (const channel of channels) person(from).says(line(), channel, 'We meet at gate 4821')
  await gateway.advance(1_000)
  expect((await story.heard()).sort()).toEqual(channels.map((channel) => `message.inbound received ${channel}`).sort())
  expect(await listed(story, from)).toHaveLength(channels.length)
})

test('a sign-up code of WhatsApp is withheld while the line is paired, and told while it is not', async () => {
  const from = '+14155550186'
  const signUp = 'Your WhatsApp code: 301-774'
  const otp = { provider: 'whatsapp', code: '301774', rawMatch: '301-774', confidence: 'high' }
  const story = await tell(gateway)
  person(from).says(line(), 'sms', signUp)
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([])
  expect(await stored(from)).toMatchObject([{ withheld: true, metadata: { otp } }])

  const linkIs = (wanted: string) => async () => {
    const text = `select state ->> 'status' as status from links where line_id = $1 and channel = 'whatsapp'`
    const [row] = await gateway.database.db.query<{ status: string }>({ name: '', text }, [gateway.customer.line.id])
    return row?.status === wanted
  }
  await gateway.network.unpair(line())
  await until(async () => !(await linkIs('connected')()), 'the link to be down')
  person(from).says(line(), 'sms', signUp)
  await gateway.settled()
  const inbound = (await story.heard()).filter((event) => !event.startsWith('line.status'))
  expect(inbound).toEqual(['message.inbound received sms'])
  const [told] = await listed(story, from)
  expect(told).toMatchObject({ content: { text: signUp }, metadata: { otp } })
  expect(await story.get(told.id)).toMatchObject({ metadata: { otp } })
  const events = gateway.gateway.events.follow(
    await gateway.gateway.callers.authenticate(gateway.apiKey),
    { after: '0.0', types: ['message.inbound'] },
    new AbortController().signal,
  )
  for await (const event of events) {
    if (event.type !== 'message.inbound' || event.data.message.from !== from) continue
    expect(event.data).toMatchObject({ otp, message: { metadata: { otp } } })
    break
  }
  // A code of anybody else’s is nobody’s business either way.
  person(from).says(line(), 'sms', 'Your bank code is 482139')
  await gateway.settled()
  expect((await story.heard()).filter((event) => event.startsWith('message'))).toHaveLength(1)
})
