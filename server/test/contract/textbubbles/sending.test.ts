/** Every way to send that the messages page documents, replayed with values of our own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { type Ask, askerOf } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const person = '+14155550199'
const send = (body: object) => ask('POST /v1/messages', body)
const sentOf = async (body: object) => {
  const { status, body: answer } = await send(body)
  expect(status, JSON.stringify(answer)).toBe(202)
  return (await ask(`GET /v1/messages/${answer.data.id}`)).body.data
}

describe('an answer to a send', () => {
  test('is 202 with the message in the envelope', async () => {
    const { status, body } = await send({ to: person, content: { text: 'Your table is ready.' } })
    expect(status).toBe(202)
    expect(body).toEqual({
      success: true,
      data: {
        id: expect.stringMatching(/^msg_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        status: 'queued',
        to: person,
        from: gateway.customer.line.address,
        channel: null,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
      requestId: expect.stringMatching(/^req_[0-9a-f-]{36}$/),
    })
  })

  test('names the conversation instead of `to` for a send into one, by either name of the field', async () => {
    await send({ to: '+14155550198', content: { text: 'First' } })
    await gateway.settled()
    const [first] = (await ask('GET /v1/messages?to=%2B14155550198')).body.data.messages
    for (const field of ['chatId', 'conversationId']) {
      const { status, body } = await send({ [field]: first.conversationId, content: { text: 'Second' } })
      expect(status).toBe(202)
      expect(body.data).toMatchObject({ conversationId: first.conversationId, from: gateway.customer.line.address })
      expect(body.data).not.toHaveProperty('to')
    }
    const both = await send({
      chatId: first.conversationId,
      conversationId: first.conversationId,
      content: { text: 'Third' },
    })
    expect(both.status).toBe(202)
  })

  test('says when it is due for a scheduled one', async () => {
    const scheduledAt = new Date(gateway.clock.now() + 3_600_000).toISOString()
    const { status, body } = await send({ to: person, content: { text: 'Later' }, scheduledAt })
    expect(status).toBe(202)
    expect(body.data).toMatchObject({ status: 'scheduled', scheduledAt })
  })
})

describe('what can be sent', () => {
  test.each<[string, object, object]>([
    [
      'to an iMessage e-mail address',
      { to: 'Guest@Example.com', content: { text: 'Hi' } },
      { to: 'guest@example.com' },
    ],
    ['from a named address', { to: person, from: '+15550100100', content: { text: 'Hi' } }, { from: '+15550100100' }],
    ['with an effect', { to: person, content: { text: 'Hooray' }, effect: 'confetti' }, { effect: 'confetti' }],
    [
      'with metadata of any kind',
      { to: person, content: { text: 'Hi' }, metadata: { table: 7, tags: ['a', null], nested: { deep: true } } },
      { metadata: { table: 7, tags: ['a', null], nested: { deep: true } } },
    ],
    [
      'with a callback',
      { to: person, content: { text: 'Hi' }, callbackUrl: 'https://shop.test/hook' },
      { status: expect.any(String) },
    ],
    [
      'with fields nobody knows',
      { to: person, content: { text: 'Hi', font: 'serif' }, priority: 9, createContact: true, messageType: 'text' },
      { content: { text: 'Hi' } },
    ],
    [
      'text and one image',
      { to: person, content: { text: 'Look', mediaUrls: ['https://images.shop.test/a.jpg'] } },
      { messageType: 'text', content: { text: 'Look', mediaUrls: ['https://images.shop.test/a.jpg'] } },
    ],
    [
      'images alone',
      { to: person, content: { mediaUrls: ['https://images.shop.test/a.jpg'] } },
      { content: { mediaUrls: ['https://images.shop.test/a.jpg'] } },
    ],
    [
      'an image by SMS alone',
      {
        to: person,
        content: { text: 'Look', mediaUrls: ['https://images.shop.test/a.jpg'] },
        routing: { preference: ['sms'] },
      },
      { content: { text: 'Look', mediaUrls: ['https://images.shop.test/a.jpg'] } },
    ],
    [
      'three images as a carousel with an effect',
      {
        to: person,
        content: {
          text: 'Three',
          mediaUrls: ['https://i.shop.test/1.jpg', 'https://i.shop.test/2.png', 'https://i.shop.test/3.webp'],
        },
        effect: 'fireworks',
      },
      { messageType: 'carousel', effect: 'fireworks' },
    ],
    [
      'a file by URL',
      {
        to: person,
        content: { text: 'The menu' },
        attachments: [
          { type: 'url', url: 'https://files.shop.test/menu.pdf', mimeType: 'application/pdf', filename: 'menu.pdf' },
        ],
      },
      {
        attachments: [
          {
            mimeType: 'application/pdf',
            filename: 'menu.pdf',
            totalBytes: null,
            isAudioMessage: false,
            url: 'https://files.shop.test/menu.pdf',
          },
        ],
      },
    ],
    [
      'a file with its bytes',
      {
        to: person,
        content: { text: 'A dot' },
        attachments: [{ type: 'base64', data: 'iVBORw0KGgo=', mimeType: 'image/png', filename: 'dot.png' }],
      },
      { attachments: [{ mimeType: 'image/png', filename: 'dot.png', totalBytes: 8, isAudioMessage: false }] },
    ],
    [
      'a voice memo with empty content',
      {
        to: person,
        content: {},
        attachments: [
          { type: 'url', url: 'https://files.shop.test/note.caf', mimeType: 'audio/x-caf', isAudioMessage: true },
        ],
      },
      { content: {}, attachments: [expect.objectContaining({ isAudioMessage: true })] },
    ],
    [
      'a voice memo with empty text',
      {
        to: person,
        content: { text: '' },
        attachments: [{ type: 'url', url: 'https://files.shop.test/note.caf', isAudioMessage: true }],
      },
      { attachments: [expect.objectContaining({ isAudioMessage: true })] },
    ],
    [
      'a file without any content',
      { to: person, attachments: [{ type: 'url', url: 'https://files.shop.test/a.bin' }] },
      { content: {}, attachments: [expect.objectContaining({ mimeType: 'application/octet-stream' })] },
    ],
    [
      'over WhatsApp alone',
      { to: person, content: { text: 'Hi' }, routing: { preference: ['whatsapp'] } },
      { status: expect.any(String) },
    ],
    [
      'over three channels in order',
      { to: person, content: { text: 'Hi' }, routing: { preference: ['whatsapp', 'imessage', 'sms'] } },
      { status: expect.any(String) },
    ],
    [
      'without a fallback',
      { to: person, content: { text: 'Hi' }, routing: { preference: ['imessage', 'sms'], fallback: false } },
      { fallbackTriggered: false },
    ],
    [
      'with mentions nobody can see',
      { to: person, content: { text: '@you hi' }, mentions: [{ address: person, start: 0, length: 4 }] },
      { content: { text: '@you hi' } },
    ],
  ])('%s', async (_what, body, expected) => {
    expect(await sentOf(body)).toMatchObject(expected)
  })

  test('10,000 characters, counted as people count them', async () => {
    const text = '😀'.repeat(10_000)
    expect((await sentOf({ to: person, content: { text } })).content.text).toBe(text)
    expect((await send({ to: person, content: { text: `${text}x` } })).status).toBe(400)
  })

  test('into a WhatsApp group by its id, with a mention', async () => {
    const group = gateway.network
      .as('+14155550177' as never)
      .createsGroup('whatsapp', 'Kitchen', [gateway.customer.line.address])
    const message = await sentOf({
      to: group,
      content: { text: '@Sam hello' },
      routing: { preference: ['whatsapp'] },
      mentions: [{ address: '+14155550177', start: 0, length: 4 }],
    })
    expect(message.to).toBe(group)
    await gateway.advance(1_000)
    expect((await ask(`GET /v1/messages/${message.id}`)).body.data).toMatchObject({ status: 'delivered' })
    expect(gateway.network.received()).toContainEqual(
      expect.objectContaining({ channel: 'whatsapp', text: '@Sam hello' }),
    )
  })

  test('a reply', async () => {
    const parent = await sentOf({ to: person, content: { text: 'Question?' } })
    const reply = await sentOf({ to: person, content: { text: 'Answer.' }, replyTo: parent.id })
    expect(reply.parentMessageId).toBe(parent.id)
  })
})

describe('an idempotency key', () => {
  test('gives the same message with 200 the second time, from the body or the header', async () => {
    const body = { to: person, content: { text: 'Once' }, idempotencyKey: 'order-1-shipped' }
    const first = await send(body)
    const second = await send(body)
    const { idempotencyKey, ...bare } = body
    const third = await ask('POST /v1/messages', bare, { headers: { 'idempotency-key': idempotencyKey } })
    const fourth = await ask('POST /v1/messages', body, { headers: { 'idempotency-key': idempotencyKey } })
    expect([first, second, third, fourth].map(({ status }) => status)).toEqual([202, 200, 200, 200])
    expect(new Set([first, second, third, fourth].map((one) => one.body.data.id)).size).toBe(1)
  })

  test('belongs to its customer', async () => {
    const body = { to: person, content: { text: 'Once' }, idempotencyKey: 'shared-word' }
    const own = await send(body)
    const other = await ask('POST /v1/messages', body, { key: gateway.otherApiKey })
    expect([own.status, other.status]).toEqual([202, 202])
    expect(own.body.data.id).not.toBe(other.body.data.id)
  })

  test('with another message is refused, and with two different keys too', async () => {
    await send({ to: person, content: { text: 'One' }, idempotencyKey: 'reused' })
    const changed = await send({ to: person, content: { text: 'Two' }, idempotencyKey: 'reused' })
    expect([changed.status, changed.body.error.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED'])
    const torn = await ask(
      'POST /v1/messages',
      { to: person, content: { text: 'x' }, idempotencyKey: 'a' },
      { headers: { 'idempotency-key': 'b' } },
    )
    expect([torn.status, torn.body.error.code, torn.body.error.details[0].path]).toEqual([
      400,
      'VALIDATION_ERROR',
      'idempotencyKey',
    ])
  })
})

test('the older carousel call is the same send', async () => {
  const mediaUrls = ['https://i.shop.test/1.jpg', 'https://i.shop.test/2.jpg']
  const body = { to: person, mediaUrls, text: 'Two', effect: 'love', idempotencyKey: 'gallery-1', metadata: { a: 1 } }
  const { status, body: answer } = await ask('POST /v1/messages/carousel', body)
  expect(status).toBe(202)
  expect(answer.data).toMatchObject({ to: person, messageType: 'carousel', imageCount: 2, status: 'queued' })
  expect((await ask('POST /v1/messages/carousel', body)).status).toBe(200)
  const message = (await ask(`GET /v1/messages/${answer.data.id}`)).body.data
  expect(message).toMatchObject({
    messageType: 'carousel',
    content: { text: 'Two', mediaUrls },
    effect: 'love',
    metadata: { a: 1 },
  })
  const single = await ask('POST /v1/messages/carousel', { to: person, mediaUrls: mediaUrls.slice(1) })
  expect([single.status, single.body.error.details[0].path]).toEqual([400, 'mediaUrls'])
})
