/** A session from its making to its end, through either surface or both by turns: one core underneath, and each webhook told once. */
import { createHmac } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { until } from '../support/gateway.ts'
import type { Received, Receiver } from '../support/receiver.ts'
import { type Bridge, openBridge } from '../support/whatsbridge.ts'

let numbers = 0
let number: Handle
let bridge: Bridge
let ours: Awaited<ReturnType<Bridge['hook']>>
let theirs: Awaited<ReturnType<Bridge['hook']>>
beforeAll(async () => {
  bridge = await openBridge()
  ours = await bridge.hook('whatsbridge')
  theirs = await bridge.hook('textbubbles', ['*'])
})
beforeEach(() => {
  numbers += 1
  number = `+120255501${60 + numbers}` as Handle
})
afterAll(async () => {
  await bridge.stop()
  expect(bridge.gateway.errors).toEqual([])
})

/** `session.status_changed old > new`, and texts. */
const told = ({ received }: Receiver, id: string) =>
  received
    .filter(({ body }) => body.session_id === id)
    .map(({ body }) => body.message?.content ?? `${body.old_status} > ${body.new_status}`)

const heard = ({ received }: Receiver) =>
  received
    .filter(({ body }) => body.type === 'message.inbound' && body.data.to === number)
    .map(({ body }) => body.data.text)

const pairing = ['created > connecting', 'connecting > qr_ready', 'qr_ready > ready']

/** Whatever came too often came before the last. */
async function quiet(id: string, last: string): Promise<void> {
  await until(async () => told(ours, id).at(-1) === last, last)
  await bridge.gateway.pass(1_000)
  await until(async () => {
    const text = `select from webhook_queue where due_at <= gateway_now() limit 1`
    return (await bridge.gateway.database.db.query({ name: '', text })).length === 0
  }, 'the queue to be empty')
}

function isSigned({ raw, headers }: Received, secret: string): boolean {
  return headers['x-wabsync-signature'] === `sha256=${createHmac('sha256', secret).update(raw).digest('hex')}`
}

/** An operator's number on the loopback WhatsApp. */
async function given(address: Handle): Promise<LineId> {
  const { admin } = bridge.gateway.gateway
  const line = await admin.createLine({
    ...{ name: 'Shop', address, email: null, provider: 'whatsapp', channels: ['whatsapp'], providers: {} },
    ...{ url: bridge.network.lineUrl, password: null, hostType: null, hostInfo: null },
  })
  await admin.addNumber(bridge.gateway.customer.id, { address, provider: 'whatsapp', line: line.id })
  return line.id
}

test('made, linked, used and deleted through this surface alone', async () => {
  const ada = bridge.somebody()
  const { body: made } = await bridge.ask('POST /session/create', { session_name: 'Front desk' })
  const before = (await bridge.v1('GET /numbers')).body.data.length
  await bridge.scan(made.id, number)
  await bridge.statusIs(made.id, 'ready')
  expect((await bridge.v1('GET /whatsapp')).body.data).toContainEqual(
    expect.objectContaining({ phoneNumber: number, instanceName: 'Front desk' }),
  )
  expect((await bridge.v1('GET /numbers')).body.data).toHaveLength(before + 1)
  // What the holder reads of the line has an address now, and the connection stays as it is.
  await bridge.gateway.pass(5_000)
  await bridge.ask(`POST /session/${made.id}/send-message`, { phone: ada.digits, type: 'text', content: 'Welcome' })
  await until(async () => ada.received.length === 1, 'the message')
  await ada.says(number, 'Thank you')
  await quiet(made.id, 'Thank you')
  const gone = await bridge.ask(`DELETE /session/${made.id}`)
  expect([gone.status, gone.body]).toEqual([200, { success: true, message: expect.any(String) }])
  await quiet(made.id, 'ready > disconnected')
  expect(told(ours, made.id)).toEqual([...pairing, 'Thank you', 'ready > disconnected'])
  expect(heard(theirs)).toEqual(['Thank you'])
  expect(theirs.types().filter((type) => !type.startsWith('message.'))).toEqual([])
  expect(bridge.network.phoneOf(number).devices).toBe(0)
  expect((await bridge.ask(`GET /session/${made.id}`)).status).toBe(404)
  expect((await bridge.v1('GET /numbers')).body.data).toHaveLength(before)
})

test('each telling is signed as clients of both kinds check it, and says when', async () => {
  const id = await bridge.paired(number)
  await quiet(id, 'qr_ready > ready')
  const received = ours.received.filter(({ body }) => body.session_id === id)
  expect(received).toHaveLength(3)
  for (const one of received) {
    expect(isSigned(one, ours.secret)).toBe(true)
    expect(isSigned(one, `${ours.secret}x`)).toBe(false)
    expect(one.headers['webhook-signature']).toMatch(/^v1,/)
    expect(Object.keys(one.body)).toEqual(['event', 'session_id', 'old_status', 'new_status', 'timestamp'])
    expect(Date.parse(one.body.timestamp)).not.toBeNaN()
  }
  expect(new Set(ours.received.map(({ headers }) => headers['webhook-id'])).size).toBe(ours.received.length)
})

test('enabled, linked, used and taken away through /v1 alone, and told in both dialects', async () => {
  const ada = bridge.somebody()
  const id = await given(number)
  const path = `/whatsapp/numbers/${number.slice(1)}`
  const qr = async () => (await bridge.v1(`GET ${path}/qr`)).body.data.qrCode
  await until(async () => (await qr()) !== null, 'a code')
  bridge.people.set(number, {})
  await bridge.network.phoneOf(number).scan(await qr())
  await bridge.statusIs(id, 'ready')
  const to = { to: ada.handle, from: number, routing: { preference: ['whatsapp'] }, content: { text: 'Hello' } }
  expect((await bridge.v1('POST /messages', to)).status).toBe(202)
  await until(async () => ada.received.length === 1, 'the message')
  await ada.says(number, 'Hello yourself')
  await quiet(id, 'Hello yourself')
  expect((await bridge.v1(`DELETE ${path}`)).body.data).toMatchObject({ status: 'not_enabled', removed: true })
  await quiet(id, 'ready > disconnected')
  expect(told(ours, id)).toEqual([...pairing, 'Hello yourself', 'ready > disconnected'])
  expect(heard(theirs)).toEqual(['Hello yourself'])
  expect((await bridge.ask(`GET /session/${id}`)).body.status).toBe('disconnected')
})

test('by turns: what one surface does the other sees, and each change is told once', async () => {
  const ada = bridge.somebody()
  const id = await bridge.paired(number)
  const path = `/whatsapp/numbers/${number.slice(1)}`
  const to = { to: ada.handle, from: number, content: { text: 'Over the other surface' } }
  expect((await bridge.v1('POST /messages', { ...to, routing: { preference: ['whatsapp'] } })).status).toBe(202)
  await until(async () => ada.received.length === 1, 'the message')
  await bridge.v1(`POST ${path}/disconnect`)
  await bridge.statusIs(id, 'disconnected')
  const send = () => bridge.ask(`POST /session/${id}/send-message`, { phone: ada.digits, type: 'text', content: 'No' })
  const refused = await send()
  expect([refused.status, refused.body.code]).toEqual([400, 'SESSION_NOT_READY'])
  await quiet(id, 'ready > disconnected')
  // It has its credentials still, so there is nothing to scan.
  const code = await bridge.ask(`GET /session/${id}/get-qr-code`)
  expect([code.status, code.body.code]).toEqual([400, 'SESSION_ALREADY_CONNECTED'])
  await quiet(id, 'connecting > ready')
  expect((await bridge.v1(`GET ${path}/status`)).body.data.status).toBe('connected')
  await bridge.ask(`POST /session/${id}/logout`)
  expect((await bridge.v1(`GET ${path}/status`)).body.data).toMatchObject({ disconnectReason: 'auth_reset' })
  await quiet(id, 'ready > disconnected')
  await bridge.v1(`POST ${path}/enable`)
  await bridge.statusIs(id, 'qr_ready')
  await bridge.scan(id, number)
  await quiet(id, 'qr_ready > ready')
  await ada.says(number, 'Still there?')
  await quiet(id, 'Still there?')
  const again = ['disconnected > connecting', 'connecting > ready']
  const anew = ['disconnected > connecting', 'connecting > qr_ready', 'qr_ready > ready']
  expect(told(ours, id)).toEqual([
    ...[...pairing, 'ready > disconnected', ...again],
    ...['ready > disconnected', ...anew, 'Still there?'],
  ])
  expect(heard(theirs)).toEqual(['Still there?'])
})

test('a session that is deleted fails what waits there, and no agent is attached to it any more', async () => {
  const ada = bridge.somebody()
  const id = await bridge.paired(number)
  const model = { name: 'Desk', system_prompt: 'Be brief.', base_url: new URL(ours.url).origin, model: 'any' }
  const { body: agent } = await bridge.ask('POST /agents', model)
  const attached = await bridge.ask(`PUT /session/${id}/agents/${agent.id}`, { is_active: true })
  expect(attached.body.session_ids).toEqual([id])
  // More than the pace of a number lets out at once.
  for (const nth of ['1', '2', '3', '4', '5', '6'])
    await bridge.ask(`POST /session/${id}/send-message`, { phone: ada.digits, type: 'text', content: nth })
  expect((await bridge.ask(`DELETE /session/${id}`)).status).toBe(200)
  const states = async (): Promise<string[]> => {
    const { body } = await bridge.v1(`GET /messages?to=${encodeURIComponent(ada.handle)}`)
    return body.data.messages.map((one: { status: string }) => one.status)
  }
  await until(async () => {
    await bridge.gateway.pass(6_000)
    return (await states()).every((state) => !['queued', 'pending'].includes(state))
  }, 'the messages to end')
  expect((await states()).slice(0, 3)).toEqual(['failed', 'failed', 'failed'])
  const { body: after } = await bridge.ask(`GET /agents/${agent.id}`)
  expect(after).toMatchObject({ session_ids: [], sessions: [], is_active: false, is_default: false })
})

test('a number that an operator gave only loses WhatsApp when it is deleted here, and can be linked again', async () => {
  const id = await given(number)
  await bridge.statusIs(id, 'qr_ready')
  await bridge.scan(id, number)
  await bridge.statusIs(id, 'ready')
  expect((await bridge.ask(`DELETE /session/${id}`)).status).toBe(200)
  expect((await bridge.ask(`GET /session/${id}`)).body).toMatchObject({ id, status: 'disconnected' })
  const status = `GET /whatsapp/numbers/${number.slice(1)}/status`
  expect((await bridge.v1(status)).body.data.status).toBe('not_enabled')
  await bridge.scan(id, number)
  await bridge.statusIs(id, 'ready')
})

test('a phone that is linked with another session is let go again, and the session says so', async () => {
  const first = await bridge.paired(number)
  const { body: second } = await bridge.ask('POST /session/create', { session_name: 'Another' })
  await bridge.scan(second.id, number)
  await bridge.statusIs(second.id, 'auth_failed')
  await quiet(second.id, 'qr_ready > auth_failed')
  expect(told(ours, second.id)).toEqual([...pairing.slice(0, 2), 'qr_ready > auth_failed'])
  expect((await bridge.ask(`GET /session/${first}`)).body.status).toBe('ready')
  expect(bridge.network.phoneOf(number).devices).toBe(1)
  await bridge.scan(second.id, '+12025550193')
  await bridge.statusIs(second.id, 'ready')
})

test('a session keeps its number: after a logout no other phone can be linked with it', async () => {
  const id = await bridge.paired(number)
  await bridge.ask(`POST /session/${id}/logout`)
  await bridge.scan(id, '+12025550194')
  await bridge.statusIs(id, 'auth_failed')
  expect(bridge.network.phoneOf('+12025550194').devices).toBe(0)
  await bridge.scan(id, number)
  await bridge.statusIs(id, 'ready')
})

test('whoever unlinks on the phone is told as failed, and once', async () => {
  const id = await bridge.paired(number)
  bridge.network.phoneOf(number).unlink()
  await bridge.statusIs(id, 'auth_failed')
  await quiet(id, 'ready > auth_failed')
  expect(told(ours, id)).toEqual([...pairing, 'ready > auth_failed'])
})

test('what people send is told with its kind: a picture behind a link, a document, a place, and who of a group', async () => {
  const ada = bridge.somebody()
  const id = await bridge.paired(number)
  const mine = () => ours.received.filter(({ body }) => body.session_id === id)
  const messages = () => mine().flatMap(({ body }) => (body.message === undefined ? [] : [body.message]))
  const next = async (count: number) => {
    await until(async () => messages().length >= count, `message ${count}`)
    return messages()[count - 1]
  }
  const bytes = await picture()
  await ada.sends(number, { kind: 'image', bytes, mimeType: 'image/jpeg', caption: 'Our table' })
  const image = await next(1)
  expect(image).toMatchObject({
    ...{ from: ada.digits, type: 'image' },
    content: { url: expect.stringContaining('/v1/attachments/'), mimetype: 'image/jpeg', caption: 'Our table' },
  })
  expect(Buffer.from(await (await fetch(image.content.url)).arrayBuffer())).toEqual(bytes)
  await ada.posts(number, {
    locationMessage: { degreesLatitude: 48.5, degreesLongitude: -2.25, name: 'Here', address: '1 Road' },
  })
  expect(await next(2)).toMatchObject({
    type: 'location',
    content: { title: 'Here', latitude: 48.5, longitude: -2.25 },
  })
  const group = ada.creates('Regulars', number)
  await ada.says(group, 'To all of you')
  const said = await next(3)
  expect(said).toMatchObject({ from: ada.digits, group, type: 'text', content: 'To all of you' })
  expect(said.id).toMatch(/^false_\d+@g\.us_[0-9A-F]{32}$/)
  const seen = await bridge.ask(`POST /session/${id}/send-seen`, { phone: group, messageId: said.id })
  expect(seen.body.success).toBe(true)
})

test('the first number of a customer without a default becomes it', async () => {
  const { admin } = bridge.gateway.gateway
  await admin.removeNumber(bridge.gateway.customer.id, bridge.gateway.customer.line.id)
  await bridge.paired(number)
  const defaults = (await bridge.v1('GET /numbers')).body.data.filter((one: { isDefault: boolean }) => one.isDefault)
  expect(defaults).toMatchObject([{ phoneNumber: number }])
})

function picture(): Promise<Buffer> {
  return sharp({ create: { width: 20, height: 10, channels: 3, background: 'blue' } })
    .jpeg()
    .toBuffer()
}
