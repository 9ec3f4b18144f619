/** A customer links a number with WhatsApp and unlinks it: each step is told once, and what else the number has stays as it is. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { joinWithoutLines, startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Answer, type Story, type Told, tell } from '../support/story.ts'

let gateway: TestGateway
let story: Story
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const line = () => gateway.customer.line.address
const jid = '15550100100:1@s.whatsapp.net'
const call = (method: string, step = '', body?: unknown) =>
  story.call(method, `/v1/whatsapp/numbers/${line()}${step}`, body)
const data = async (method: string, step = '', body?: unknown): Promise<Answer['body']> => {
  const answer = await call(method, step, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return answer.body.data
}
const statusIs = (status: string) =>
  until(async () => (await data('GET', '/status')).status === status, `the status ${status}`)
const qr = async () => (await data('GET', '/qr')).qrCode

/** All that was told of links since the story began: of every channel, by what differs. */
async function steps(): Promise<string[]> {
  const others = (await story.heard()).filter((one) => one.startsWith('line.status') && !one.endsWith(' whatsapp'))
  const told = (await story.told()).filter(({ type }) => type === 'whatsapp.status')
  return [...others, ...told.map(wordStep)]
}
function wordStep({ data: { status, disconnectReason, jid: as } }: Told): string {
  return [status, disconnectReason ?? as].filter((word) => word !== undefined).join(' ')
}
const stepsAre = (expected: string[]) => expect.poll(steps, { timeout: 10_000 }).toEqual(expected)

/** Linked with a phone, and nothing of it left to be told. */
beforeEach(async () => {
  story = await tell(gateway)
  await data('POST', '/reset-auth')
  await data('POST', '/enable')
  await until(async () => (await qr()) !== null, 'a QR code')
  await gateway.network.scan(line())
  await until(async () => (await steps()).at(-1) === `connected ${jid}`, 'the number to be linked')
  story = await tell(gateway)
})

test('by QR code: each code is told anew, and a phone that scans it connects the number', async () => {
  await gateway.network.unpair(line())
  await statusIs('disconnected')
  expect(await data('GET', '/status')).toEqual({
    phoneNumber: line(),
    status: 'disconnected',
    jid: null,
    lastConnectedAt: expect.stringMatching(/Z$/),
    lastDisconnectedAt: expect.stringMatching(/Z$/),
    disconnectReason: 'auth_revoked',
  })
  expect(await qr()).toBeNull()
  expect(await data('POST', '/enable')).toMatchObject({ phoneNumber: line(), status: 'connecting' })
  await statusIs('qr_pending')
  const first = await qr()
  gateway.network.renewQr(line())
  await until(async () => (await qr()) !== first, 'another QR code')
  const second = await qr()
  expect(second).toEqual(expect.any(String))
  await gateway.network.scan(line())
  await stepsAre(['disconnected auth_revoked', 'connecting', 'qr_pending', 'qr_pending', `connected ${jid}`])
  const told = (await story.told()).map((event) => event.data)
  const { id: customerId } = gateway.customer
  const phoneNumber = line()
  expect(told).toEqual([
    { phoneNumber, status: 'disconnected', disconnectReason: 'auth_revoked', customerId },
    { phoneNumber, status: 'connecting', customerId },
    { phoneNumber, status: 'qr_pending', qrCode: first, customerId },
    { phoneNumber, status: 'qr_pending', qrCode: second, customerId },
    { phoneNumber, status: 'connected', jid, customerId },
  ])
  expect(await qr()).toBeNull()
  expect(await data('GET', '/status')).toMatchObject({ status: 'connected', jid, disconnectReason: null })
  expect(await data('POST', '/enable')).toMatchObject({ status: 'connected' })
  expect(await steps()).toHaveLength(5)
})

test('by a code typed on the phone, which enables first what was off', async () => {
  await data('POST', '/reset-auth')
  const { code, pairingCode, phoneNumber } = await data('POST', '/pairing-code')
  expect([code, pairingCode, phoneNumber]).toEqual([expect.stringMatching(/^[A-Z2-9]{8}$/), code, line()])
  await gateway.network.enterCode(line(), code)
  await stepsAre(['disconnected auth_reset', 'connecting', 'qr_pending', `connected ${jid}`])
})

test('a phone with another number is refused, and the right one is welcome afterwards', async () => {
  await data('POST', '/reset-auth')
  await data('POST', '/enable')
  await statusIs('qr_pending')
  await gateway.network.scan(line(), gateway.other.line.address)
  await statusIs('disconnected')
  expect(await data('GET', '/status')).toMatchObject({ jid: null, disconnectReason: 'phone_number_mismatch' })
  const { code } = await data('POST', '/pairing-code')
  await gateway.network.enterCode(line(), code)
  await stepsAre([
    'disconnected auth_reset',
    'connecting',
    'qr_pending',
    'disconnected phone_number_mismatch',
    'connecting',
    'qr_pending',
    `connected ${jid}`,
  ])
})

test('disconnecting keeps the phone linked: enabling needs no code', async () => {
  const before = await data('GET', '/status')
  expect(await data('POST', '/disconnect')).toEqual({
    phoneNumber: line(),
    status: 'disconnected',
    disconnectReason: 'stopped',
  })
  await stepsAre(['disconnected stopped'])
  const off = await data('GET', '/status')
  expect(off).toMatchObject({ status: 'disconnected', jid, disconnectReason: 'stopped' })
  expect(off.lastConnectedAt).toBe(before.lastConnectedAt)
  expect(Date.parse(off.lastDisconnectedAt)).toBeGreaterThan(Date.parse(before.lastConnectedAt))
  expect(await data('POST', '/disconnect')).toMatchObject({ status: 'disconnected' })
  await gateway.pass(10_000)
  await stepsAre(['disconnected stopped'])
  expect(await data('POST', '/enable')).toMatchObject({ status: 'connecting' })
  await stepsAre(['disconnected stopped', 'connecting', `connected ${jid}`])
  const on = await data('GET', '/status')
  expect(on).toMatchObject({ status: 'connected', jid, disconnectReason: null })
  expect(Date.parse(on.lastConnectedAt)).toBeGreaterThan(Date.parse(off.lastDisconnectedAt))
})

test('it stays off whoever takes the line over, and that is no news', async () => {
  const { admin } = gateway.gateway
  const { id } = gateway.customer.line
  const isUp = async () => (await admin.line(id)).links.sms?.status === 'connected'
  await data('POST', '/disconnect')
  await stepsAre(['disconnected stopped'])
  await admin.changeLine(id, { status: 'maintenance' })
  await until(async () => !(await isUp()), 'the line to be given back')
  await admin.changeLine(id, { status: 'active' })
  await until(isUp, 'the line to be held again')
  expect(await data('GET', '/status')).toMatchObject({ status: 'disconnected', jid, disconnectReason: 'stopped' })
  expect((await steps()).filter((step) => !step.startsWith('line.status'))).toEqual(['disconnected stopped'])
})

test('a number that was enabled just now can be reset and taken away at once', async () => {
  await data('DELETE')
  await data('POST', '/enable')
  expect(await data('POST', '/reset-auth')).toMatchObject({ status: 'disconnected', disconnectReason: 'auth_reset' })
  await data('POST', '/enable')
  expect(await data('DELETE')).toMatchObject({ status: 'not_enabled' })
})

test('what is sent while it is off waits, and goes out once it is on', async () => {
  await data('POST', '/disconnect')
  await statusIs('disconnected')
  const id = await story.send({
    to: '+14155550199',
    content: { text: 'Later' },
    routing: { preference: ['whatsapp'], fallback: false },
  })
  await data('POST', '/enable')
  await statusIs('connected')
  await until(async () => {
    await gateway.pass(5_000)
    return (await story.get(id)).sentAt !== undefined
  }, 'the message to be sent')
})

test('a reset erases the credentials: the next link needs a code', async () => {
  expect(await data('POST', '/reset-auth')).toEqual({
    phoneNumber: line(),
    status: 'disconnected',
    disconnectReason: 'auth_reset',
  })
  await stepsAre(['disconnected auth_reset'])
  expect(await data('GET', '/status')).toMatchObject({ status: 'disconnected', jid: null })
  const [kept] = await gateway.database.db.query<{ secrets: number }>(
    { name: '', text: `select count(*)::int as secrets from vault where line_id = $1 and channel = 'whatsapp'` },
    [gateway.customer.line.id],
  )
  expect(kept?.secrets).toBe(0)
  expect(await data('POST', '/enable')).toMatchObject({ status: 'connecting', disconnectReason: 'auth_reset' })
  await stepsAre(['disconnected auth_reset', 'connecting', 'qr_pending'])
})

test('a number whose WhatsApp is taken away has none until it is enabled', async () => {
  expect(await data('DELETE')).toEqual({ phoneNumber: line(), status: 'not_enabled', removed: true })
  const nothing = { jid: null, lastConnectedAt: null, lastDisconnectedAt: null, disconnectReason: null }
  expect(await data('GET', '/status')).toEqual({ phoneNumber: line(), status: 'not_enabled', ...nothing })
  expect(await qr()).toBeNull()
  expect((await story.call('GET', '/v1/whatsapp')).body.data).toEqual([
    { phoneNumber: line(), instanceName: line(), isDefault: true, whatsapp: { status: 'not_enabled', ...nothing } },
  ])
  expect((await gateway.gateway.admin.line(gateway.customer.line.id)).channels).toEqual(['imessage', 'sms'])
  expect(await data('DELETE')).toMatchObject({ status: 'not_enabled', removed: true })
  for (const step of ['/disconnect', '/reset-auth'])
    expect(await data('POST', step)).toEqual({ phoneNumber: line(), status: 'not_enabled', disconnectReason: null })
  await stepsAre(['disconnected auth_reset'])
  expect(await data('POST', '/enable')).toMatchObject({ status: 'connecting', disconnectReason: 'auth_reset' })
  await stepsAre(['disconnected auth_reset', 'connecting', 'qr_pending'])
  expect((await gateway.gateway.admin.line(gateway.customer.line.id)).channels).toContain('whatsapp')
})

test('the other channels of the number go on as if nothing happened', async () => {
  const connectedSince = async () => {
    const { links } = await gateway.gateway.admin.line(gateway.customer.line.id)
    return [links.imessage, links.sms].map((state) => (state?.status === 'connected' ? state.since : state))
  }
  const before = await connectedSince()
  expect(before).toEqual([expect.any(String), expect.any(String)])
  await data('POST', '/disconnect')
  await data('POST', '/enable')
  await statusIs('connected')
  await data('DELETE')
  await data('POST', '/enable')
  await statusIs('qr_pending')
  expect(await connectedSince()).toEqual(before)
})

test('no webhook hears of it, even one that hears of everything; a stream does', async () => {
  const hook = await story.call('POST', '/v1/webhooks', {
    url: `${gateway.url}/health`,
    events: ['*', 'whatsapp.status'],
  })
  const ending = new AbortController()
  const stream = await fetch(`${gateway.url}/v1/events?events=whatsapp.status`, {
    headers: { authorization: `Bearer ${gateway.apiKey}` },
    signal: ending.signal,
  })
  let heard = ''
  const listening = (async () => {
    for await (const piece of stream.body ?? []) heard += new TextDecoder().decode(piece)
  })().catch((error: Error) => {
    if (error.name !== 'AbortError') throw error
  })
  await until(async () => heard.startsWith(': '), 'the first words')
  await data('POST', '/reset-auth')
  await data('POST', '/enable')
  await statusIs('qr_pending')
  const qrCode = await qr()
  // What the stories before have told may come first: a transaction of any database in this cluster holds the log back.
  const frames = () =>
    [...heard.matchAll(/^event: (.+)\ndata: (.+)\n/gm)].map(([, type, frame = '']) => [type, JSON.parse(frame).data])
  await expect
    .poll(() => frames().slice(-3), { timeout: 10_000 })
    .toEqual([
      ['whatsapp.status', expect.objectContaining({ status: 'disconnected', disconnectReason: 'auth_reset' })],
      ['whatsapp.status', expect.objectContaining({ status: 'connecting' })],
      ['whatsapp.status', expect.objectContaining({ status: 'qr_pending', qrCode })],
    ])
  ending.abort()
  await listening
  const { id } = hook.body.data
  // One that it does hear of comes after all of those.
  const scheduledAt = new Date(gateway.clock.now() + 3_600_000).toISOString()
  await story.send({ to: '+14155550199', content: { text: 'Hi' }, scheduledAt })
  const hearing = async () =>
    (await story.call('GET', `/v1/webhooks/${id}/deliveries`)).body.data.deliveries.map(
      (one: { eventType: string }) => one.eventType,
    )
  await until(async () => (await hearing()).length > 0, 'a delivery')
  expect(await hearing()).toEqual(['message.scheduled'])
  await story.call('DELETE', `/v1/webhooks/${id}`)
})

test('sign-up codes are found by the number, also those that nobody was told of', async () => {
  const codes = async () => (await data('GET', '/signup-codes')).codes
  expect(await data('GET', '/signup-codes')).toEqual({ windowMinutes: 15, codes: [] })
  const says = async (from: string, channel: 'sms' | 'imessage', text: string) => {
    gateway.network.as(from as never).says(line(), channel, text)
    await gateway.advance(1_000)
  }
  await says('+14155550181', 'sms', 'Your WhatsApp code: 301-774')
  await says('+14155550182', 'imessage', 'Your WhatsApp code: 301-775')
  await says('+14155550183', 'sms', 'Your bank code is 482139')
  expect((await story.heard()).filter((one) => one.startsWith('message.inbound'))).toEqual([])
  expect(await codes()).toEqual([
    {
      code: '301775',
      messageId: expect.stringMatching(/^msg_/),
      from: '+14155550182',
      channel: 'imessage',
      receivedAt: expect.stringMatching(/Z$/),
    },
    expect.objectContaining({ code: '301774', from: '+14155550181', channel: 'sms' }),
  ])
  await data('POST', '/disconnect')
  await statusIs('disconnected')
  await until(async () => (await steps()).includes('disconnected stopped'), 'the link to be down')
  await says('+14155550181', 'sms', 'Your WhatsApp code: 301-776')
  const [latest] = await codes()
  expect(latest).toMatchObject({ code: '301776', messageId: expect.stringMatching(/^msg_/) })
  expect((await story.get(latest.messageId)).content.text).toBe('Your WhatsApp code: 301-776')
  await gateway.pass(14 * 60_000)
  await says('+14155550181', 'sms', 'Your WhatsApp code: 301-777')
  await gateway.pass(90_000)
  expect((await codes()).map(({ code }: { code: string }) => code)).toEqual(['301777'])
})

test('any process takes the call, and whoever holds the line does it', async () => {
  const other = await joinWithoutLines(gateway)
  try {
    const by = await other.gateway.callers.authenticate(gateway.apiKey)
    const { pairing } = other.gateway
    expect(await pairing.check(by, line(), '+14155550107' as never)).toBe(false)
    expect(await pairing.disconnect(by, line())).toMatchObject({ state: { reason: 'stopped' } })
    await stepsAre(['disconnected stopped'])
    await pairing.enable(by, line())
    await stepsAre(['disconnected stopped', 'connecting', `connected ${jid}`])
    await pairing.resetAuth(by, line())
    const { code } = await pairing.pairingCode(by, line(), null)
    await gateway.network.enterCode(line(), code)
    await stepsAre([
      ...['disconnected stopped', 'connecting', `connected ${jid}`],
      ...['disconnected auth_reset', 'connecting', 'qr_pending', `connected ${jid}`],
    ])
    expect(await pairing.remove(by, line())).toMatchObject({ state: null })
    expect(await data('GET', '/status')).toMatchObject({ status: 'not_enabled' })
  } finally {
    await other.stop()
  }
})
