/** Every request that clients of WhatsBridge make, as they make it: what it is answered with, and what it does on WhatsApp. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { type Bridge, openBridge, textOf } from '../support/whatsbridge.ts'

const number = '+12025550161'
let bridge: Bridge
let ada: ReturnType<Bridge['somebody']>
let id: string
let files: Server
beforeAll(async () => {
  bridge = await openBridge()
  ada = bridge.somebody()
  id = await bridge.paired(number)
  files = createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/pdf' }).end(pdf))
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await bridge.stop()
  await new Promise((resolve) => files.close(resolve))
  expect(bridge.gateway.errors).toEqual([])
})

const pdf = '%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const fileUrl = () => `http://127.0.0.1:${(files.address() as AddressInfo).port}/menu.pdf`

describe('a session', () => {
  const made = { id: expect.stringMatching(uuid), status: 'created', qr_code_url: null, ai_agents: [] }

  test.each([
    ['JSON', { session_name: 'Takeaway & more' }],
    ['a form', 'session_name=Takeaway+%26+more'],
  ])('is created with %s', async (_encoding, body) => {
    const { status, body: session } = await bridge.ask('POST /session/create', body)
    expect([status, session]).toEqual([201, { ...made, name: 'Takeaway & more' }])
    expect((await bridge.ask(`GET /session/${session.id}`)).body).toEqual(session)
    await bridge.ask(`DELETE /session/${session.id}`)
  })

  test('is listed with all the others', async () => {
    const { status, body } = await bridge.ask('GET /session/all')
    expect(status).toBe(200)
    expect(Object.keys(body)).toEqual(['data'])
    expect(body.data).toContainEqual({ id, name: 'Front desk', status: 'ready', qr_code_url: null, ai_agents: [] })
  })

  test('is read', async () => {
    const { status, body } = await bridge.ask(`GET /session/${id}`)
    expect([status, body]).toEqual([200, { id, name: 'Front desk', status: 'ready', qr_code_url: null, ai_agents: [] }])
  })

  test('shows a code that a phone can read, as a picture, and the same one when it is read', async () => {
    const { body: session } = await bridge.ask('POST /session/create', { session_name: 'Kitchen' })
    const { status, body } = await bridge.ask(`GET /session/${session.id}/get-qr-code`)
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        qr_code_url: expect.stringMatching(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/),
        message: expect.any(String),
      },
    ])
    expect(await textOf(body.qr_code_url)).toMatch(/^[^,]+(?:,[A-Za-z0-9+/=]+){3,}/)
    const shown = (await bridge.ask(`GET /session/${session.id}`)).body
    expect([shown.status, await textOf(shown.qr_code_url)]).toEqual(['qr_ready', expect.stringContaining(',')])
    await bridge.ask(`DELETE /session/${session.id}`)
  })

  test('is linked by a code that is typed on the phone, in JSON or a form', async () => {
    const { body: session } = await bridge.ask('POST /session/create', { session_name: 'Bar' })
    const first = await bridge.ask(`POST /session/${session.id}/request-auth-code`, { phone: '+1 (202) 555-0162' })
    expect([first.status, first.body]).toEqual([
      200,
      { success: true, message: expect.any(String), code: expect.stringMatching(/^[A-Z0-9]{8}$/) },
    ])
    const { body } = await bridge.ask(`POST /session/${session.id}/request-auth-code`, 'phone=12025550162')
    await bridge.network.phoneOf('+12025550162').enterCode(body.code)
    await bridge.statusIs(session.id, 'ready')
    await bridge.ask(`DELETE /session/${session.id}`)
    expect(bridge.network.phoneOf('+12025550162').devices).toBe(0)
  })
})

describe('a message', () => {
  const send = async (body: unknown, headers: Record<string, string> = {}) => {
    const count = ada.received.length
    const answer = await bridge.ask(`POST /session/${id}/send-message`, body, { headers })
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        success: true,
        message: expect.any(String),
        data: { messageId: expect.stringMatching(new RegExp(`^true_${ada.digits}@c\\.us_[0-9A-F]{32}$`)) },
      },
    ])
    await until(async () => ada.received.length > count, 'the message')
    return { shown: ada.received.at(-1), messageId: answer.body.data.messageId as string }
  }

  test('is a text, in which a backslash and an n are a new line', async () => {
    const { shown, messageId } = await send({ phone: ada.digits, type: 'text', content: 'Your table\\nis ready' })
    expect(shown).toMatchObject({ kind: 'text', text: 'Your table\nis ready', from: number })
    const inside = (await bridge.v1('GET /messages?limit=1')).body.data.messages[0]
    expect(inside.id.replaceAll('-', '').replace('msg_', '').toUpperCase()).toBe(messageId.split('_').at(-1))
    expect(inside).toMatchObject({ to: ada.handle, from: number, content: { text: 'Your table\nis ready' } })
  })

  test('is a text in a form', async () => {
    const { shown } = await send(`phone=%2B${ada.digits}&type=text&content=As+a+form+%E2%82%AC`)
    expect(shown?.text).toBe('As a form €')
  })

  test.each([
    ['by its URL', () => ({ file: { mimetype: 'application/pdf', filename: 'menu.pdf', url: fileUrl() } })],
    ['by its URL, without a fold', () => ({ mimetype: 'application/pdf', filename: 'menu.pdf', url: fileUrl() })],
    [
      'within the request',
      () => ({
        file: { mimetype: 'application/pdf', filename: 'menu.pdf', data: Buffer.from(pdf).toString('base64') },
      }),
    ],
    [
      'within the request, as a data URL',
      () => ({
        file: {
          ...{ mimetype: 'application/pdf', filename: 'menu.pdf' },
          data: `data:application/pdf;base64,${Buffer.from(pdf).toString('base64')}`,
        },
      }),
    ],
  ])('is a file %s', async (_how, content) => {
    const { shown } = await send({ phone: ada.digits, type: 'file', content: content() })
    expect(shown).toMatchObject({ kind: 'document', file: { mimeType: 'application/pdf', name: 'menu.pdf' } })
    expect((await shown?.file?.open())?.toString()).toBe(pdf)
  })

  test('is a picture with its caption', async () => {
    const blank = { width: 20, height: 10, channels: 3, background: 'red' } as const
    const jpeg = await sharp({ create: blank }).jpeg().toBuffer()
    const file = { mimetype: 'image/jpeg', filename: 'dish.jpg', data: jpeg.toString('base64'), caption: 'Today' }
    const { shown } = await send({ phone: ada.digits, type: 'file', content: { file } })
    expect(shown).toMatchObject({ kind: 'image', text: 'Today' })
  })

  test('is a place, in JSON or a form', async () => {
    const content = { title: 'The bistro', latitude: 48.8606, longitude: -2.3376 }
    const place = { kind: 'location', location: { name: 'The bistro', latitude: 48.8606, longitude: -2.3376 } }
    expect((await send({ phone: ada.digits, type: 'location', content })).shown).toMatchObject(place)
    const form = `phone=${ada.digits}&type=location&content[title]=The+bistro&content[latitude]=48.8606&content[longitude]=-2.3376`
    expect((await send(form)).shown).toMatchObject(place)
  })

  test('goes to a group by its id', async () => {
    const group = ada.creates('Regulars', number)
    const body = { phone: group, type: 'text', content: 'Hello all' }
    const { body: answer } = await bridge.ask(`POST /session/${id}/send-message`, body)
    expect(answer.data.messageId).toMatch(/^true_\d+@g\.us_[0-9A-F]{32}$/)
    await until(async () => ada.received.some(({ chat, text }) => chat === group && text === 'Hello all'), 'it')
  })

  test('is sent once, however often it is repeated under one idempotency key', async () => {
    const body = { phone: ada.digits, type: 'text', content: 'Only once' }
    const key = { 'idempotency-key': 'once-1' }
    const { messageId } = await send(body, key)
    const again = await bridge.ask(`POST /session/${id}/send-message`, body, { headers: key })
    expect(again.body.data.messageId).toBe(messageId)
    await send({ phone: ada.digits, type: 'text', content: 'The one after' })
    expect(ada.received.filter(({ text }) => text === 'Only once')).toHaveLength(1)
    const other = await bridge.ask(
      `POST /session/${id}/send-message`,
      { ...body, content: 'Another' },
      { headers: key },
    )
    expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED'])
  })

  test.each([
    'http://127.0.0.1.nip.example/x',
    'http://10.0.0.1/x.pdf',
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00::1]/x',
  ])('with a file at %s reaches nobody', async (url) => {
    const count = ada.received.length
    const body = { phone: ada.digits, type: 'file', content: { file: { url, filename: 'x.pdf' } } }
    const { status, body: answer } = await bridge.ask(`POST /session/${id}/send-message`, body)
    expect([status, answer.code, Object.keys(answer.details)]).toEqual([422, 'VALIDATION_ERROR', ['content.file.url']])
    expect(ada.received).toHaveLength(count)
  })
})

describe('what is shown', () => {
  test.each([
    ['typing', 'composing', 'a form'],
    ['recording', 'recording', 'JSON'],
    ['stop', 'paused', 'a form'],
  ])('%s, to somebody with whom there is no chat yet (%s, in %s)', async (state, seen, encoding) => {
    const eve = bridge.somebody()
    const body = encoding === 'JSON' ? { phone: eve.digits, state } : `phone=${eve.digits}&state=${state}`
    const { status, body: answer } = await bridge.ask(`POST /session/${id}/send-chat-state`, body)
    expect([status, answer]).toEqual([200, { success: true, message: expect.any(String) }])
    await until(async () => eve.seen.length > 0, 'it to be seen')
    expect(eve.seen).toMatchObject([{ from: number, state: seen }])
  })

  test('ends by itself after ten seconds', async () => {
    const eve = bridge.somebody()
    await bridge.ask(`POST /session/${id}/send-chat-state`, { phone: eve.digits, state: 'typing' })
    await bridge.gateway.pass(10_000)
    await until(async () => eve.seen.length > 1, 'the end')
    expect(eve.seen.map(({ state }) => state)).toEqual(['composing', 'paused'])
  })

  test('that a message was seen, by each form of its id', async () => {
    const hook = await bridge.hook('whatsbridge', ['message.received'])
    const shapes = [(whole: string) => whole, (whole: string) => whole.replace('false', 'true')]
    const last = (whole: string) => whole.split('_').at(-1) ?? ''
    for (const form of [...shapes, last]) {
      const eve = bridge.somebody()
      const theirs = await eve.says(number, 'Have you seen this?')
      const told = () => hook.received.find(({ body }) => body.message.from === eve.digits)
      await until(async () => told() !== undefined, 'the webhook')
      const messageId = form(told()?.body.message.id)
      const asked =
        form === last
          ? { phone: eve.digits, messageId }
          : `phone=${eve.digits}&messageId=${encodeURIComponent(messageId)}`
      const { status, body } = await bridge.ask(`POST /session/${id}/send-seen`, asked)
      expect([status, body]).toEqual([200, { success: true, message: expect.any(String) }])
      await until(async () => eve.heard.some(({ what }) => what === 'read'), 'the receipt')
      expect(eve.heard.filter(({ what }) => what === 'read')).toMatchObject([{ from: number, id: theirs }])
    }
  })

  test('nothing of messages that are of another chat, of us, or of nobody', async () => {
    const { body: sent } = await bridge.ask(`POST /session/${id}/send-message`, {
      ...{ phone: ada.digits, type: 'text', content: 'Ours' },
    })
    const seen = async (phone: string, messageId: string) => {
      const { status, body } = await bridge.ask(`POST /session/${id}/send-seen`, { phone, messageId })
      return [status, body.code]
    }
    expect(await seen(ada.digits, sent.data.messageId)).toEqual([400, 'INVALID_STATUS'])
    expect(await seen('13035550100', sent.data.messageId)).toEqual([404, 'NOT_FOUND'])
    expect(await seen(ada.digits, `false_${ada.digits}@c.us_3A30BDECACB201A59D44`)).toEqual([404, 'NOT_FOUND'])
  })
})

test('somebody whose number nobody knows is answered under the name that the webhook told', async () => {
  const hook = await bridge.hook('whatsbridge', ['message.received'])
  const eve = bridge.somebody()
  eve.isKnownBy('lid')
  const theirs = await eve.says(number, 'Who am I?')
  const told = () => hook.received.find(({ body }) => body.message.content === 'Who am I?')?.body.message
  await until(async () => told() !== undefined, 'the webhook')
  const { from: phone, id: messageId } = told()
  expect(phone).toMatch(/^\d+@lid$/)
  const seen = await bridge.ask(`POST /session/${id}/send-seen`, { phone, messageId })
  expect([seen.status, seen.body.success]).toEqual([200, true])
  await until(async () => eve.heard.some(({ what, id }) => what === 'read' && id === theirs), 'the receipt')
  const typing = await bridge.ask(`POST /session/${id}/send-chat-state`, { phone, state: 'typing' })
  expect([typing.status, typing.body.success]).toEqual([200, true])
  await until(async () => eve.seen.length > 0, 'it to be seen')
  const sent = await bridge.ask(`POST /session/${id}/send-message`, { phone, type: 'text', content: 'You are Eve' })
  expect([sent.status, sent.body.data?.messageId]).toEqual([
    200,
    expect.stringMatching(new RegExp(`^true_${phone}_[0-9A-F]{32}$`)),
  ])
  await until(async () => eve.received.some(({ text }) => text === 'You are Eve'), 'the answer')
  const other = await bridge.paired('+12025550163')
  for (const [session, name] of [
    [id, '123456789@lid'],
    [other, phone],
  ]) {
    const hello = { phone: name, type: 'text', content: 'Hello' }
    const unknown = await bridge.ask(`POST /session/${session}/send-message`, hello)
    expect([unknown.status, unknown.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND'])
  }
})
