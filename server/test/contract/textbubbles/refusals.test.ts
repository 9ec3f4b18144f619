/** Every code a send can be refused with, provoked; and what a refusal tells. */
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
const text = { text: 'Hi' }
const missing = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const refusal = async (body: unknown, key?: string) => {
  const answer = await ask('POST /v1/messages', body, key === undefined ? {} : { key })
  expect(answer.body.success, JSON.stringify(answer.body)).toBe(false)
  return { status: answer.status, ...answer.body.error }
}
const inMs = (ms: number) => new Date(gateway.clock.now() + ms).toISOString()
const dayMs = 86_400_000

describe('fields that contradict each other', () => {
  test.each<[string, object]>([
    ['both an address and a conversation', { to: person, chatId: missing, content: text }],
    ['neither', { content: text }],
    ['two different conversations', { chatId: missing, conversationId: missing.replace('0', '1'), content: text }],
  ])('%s: INVALID_REQUEST', async (_what, body) => {
    expect(await refusal(body)).toMatchObject({
      status: 400,
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('chatId'),
    })
  })
})

describe('fields that are wrong: VALIDATION_ERROR names each', () => {
  test.each<[unknown, string]>([
    [{ to: 5, content: text }, 'to'],
    [{ to: '', content: text }, 'to'],
    [{ to: null, content: text }, 'to'],
    [{ to: person }, 'content'],
    [{ to: person, content: {} }, 'content'],
    [{ to: person, content: { text: '' } }, 'content'],
    [{ to: person, content: 'Hi' }, 'content'],
    [{ to: person, content: [] }, 'content'],
    [{ to: person, content: { text: 7 } }, 'content.text'],
    [{ to: person, content: { text: 'x'.repeat(10_001) } }, 'content.text'],
    [{ to: person, content: { mediaUrls: [] } }, 'content.mediaUrls'],
    [{ to: person, content: { mediaUrls: Array(21).fill('https://i.shop.test/1.jpg') } }, 'content.mediaUrls'],
    [{ to: person, content: { mediaUrls: ['http://i.shop.test/1.jpg'] } }, 'content.mediaUrls[0]'],
    [{ to: person, content: { mediaUrls: ['https://i.shop.test/1.jpg', 'https://'] } }, 'content.mediaUrls[1]'],
    [{ to: person, attachments: Array(21).fill({ type: 'url', url: 'https://i.shop.test/1.jpg' }) }, 'attachments'],
    [{ to: person, attachments: [{ type: 'url' }] }, 'attachments[0].url'],
    [{ to: person, attachments: [{ type: 'url', url: 'ftp://files.shop.test/a' }] }, 'attachments[0].url'],
    [{ to: person, attachments: [{ type: 'base64' }] }, 'attachments[0].data'],
    [{ to: person, attachments: [{ type: 'base64', data: 'data:image/png;base64,AAAA' }] }, 'attachments[0].data'],
    [{ to: person, attachments: [{ type: 'base64', data: 'AAA' }] }, 'attachments[0].data'],
    [{ to: person, attachments: [{ type: 'carrier pigeon' }] }, 'attachments[0].type'],
    [{ to: person, content: text, effect: 'sparkles' }, 'effect'],
    [{ to: person, content: text, messageType: 'fax' }, 'messageType'],
    [{ to: person, content: text, routing: { preference: [] } }, 'routing.preference'],
    [{ to: person, content: text, routing: { preference: ['sms', 'sms'] } }, 'routing.preference'],
    [{ to: person, content: text, routing: { preference: ['fax'] } }, 'routing.preference[0]'],
    [{ to: person, content: text, routing: { fallback: 'yes' } }, 'routing.fallback'],
    [{ to: person, content: text, mentions: [{ address: person, start: -1, length: 1 }] }, 'mentions[0].start'],
    [{ to: person, content: text, mentions: [{ address: person, start: 0, length: 0 }] }, 'mentions[0].length'],
    [{ to: person, content: text, idempotencyKey: '' }, 'idempotencyKey'],
    [{ to: person, content: text, idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey'],
    [{ to: person, content: text, callbackUrl: 'shop.test/hook' }, 'callbackUrl'],
    [{ to: person, content: text, metadata: ['a'] }, 'metadata'],
    [{ to: person, content: text, metadata: { a: 'x'.repeat(16_384) } }, 'metadata'],
    [[], ''],
    ['text', ''],
    [null, ''],
  ])('%j → %s', async (body, path) => {
    const found = await refusal(body)
    expect(found).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' })
    expect(found.details[0]).toEqual({ path, message: expect.stringMatching(/^[A-Z].{5,}\.$/s) })
    expect(found.message).toContain(path)
  })

  test('and all of them at once', async () => {
    const { details } = await refusal({ to: 5, content: { text: 7 }, effect: 'x', routing: { fallback: 1 } })
    expect(details.map(({ path }: { path: string }) => path)).toEqual([
      'to',
      'content.text',
      'routing.fallback',
      'effect',
    ])
  })
})

describe('what the gateway knows better', () => {
  test.each<[string, object, number, string]>([
    ['a recipient that is no address', { to: '12', content: text }, 400, 'INVALID_PHONE_NUMBER'],
    [
      'a sender that belongs to somebody else',
      { to: person, from: '+15550100200', content: text },
      403,
      'ADDRESS_NOT_AUTHORIZED',
    ],
    [
      'a sender that belongs to nobody',
      { to: person, from: '+19995550000', content: text },
      403,
      'ADDRESS_NOT_AUTHORIZED',
    ],
    ['a conversation that is not there', { chatId: missing, content: text }, 404, 'CONVERSATION_NOT_FOUND'],
    ['a conversation that is no id', { chatId: 'kitchen', content: text }, 404, 'CONVERSATION_NOT_FOUND'],
    ['a reply to nothing', { to: person, content: text, replyTo: `msg_${missing}` }, 404, 'REPLY_NOT_FOUND'],
    ['a reply to what is no id', { to: person, content: text, replyTo: 'yesterday' }, 404, 'REPLY_NOT_FOUND'],
    [
      'an e-mail address over SMS',
      { to: 'guest@example.com', content: text, routing: { preference: ['sms'] } },
      400,
      'NO_CHANNEL_AVAILABLE',
    ],
    [
      'a WhatsApp group over SMS',
      { to: '120363000000000001@g.us', content: text, routing: { preference: ['sms'] } },
      400,
      'NO_CHANNEL_AVAILABLE',
    ],
    ['a time that is none', { to: person, content: text, scheduledAt: 'tomorrow' }, 400, 'INVALID_SCHEDULED_AT'],
  ])('%s', async (_what, body, status, code) => {
    expect(await refusal(body)).toMatchObject({ status, code, message: expect.stringMatching(/\.$/) })
  })

  test('a schedule in the past or too far ahead, to the second', async () => {
    expect(await refusal({ to: person, content: text, scheduledAt: inMs(-1_000) })).toMatchObject({
      status: 400,
      code: 'SCHEDULED_IN_PAST',
    })
    expect(await refusal({ to: person, content: text, scheduledAt: inMs(30 * dayMs + 1_000) })).toMatchObject({
      status: 400,
      code: 'SCHEDULED_TOO_FAR',
    })
    const { status } = await ask('POST /v1/messages', {
      to: person,
      content: text,
      scheduledAt: inMs(30 * dayMs - 1_000),
    })
    expect(status).toBe(202)
  })

  test('no default address', async () => {
    const { id } = await gateway.gateway.admin.createCustomer({
      email: 'new@example.com',
      name: 'New',
      company: null,
      requestsPerMinute: null,
    })
    const { key } = await gateway.gateway.admin.createKey({
      name: 'k',
      customer: { id },
      scopes: ['send'],
      expiresAt: null,
    })
    expect(await refusal({ to: person, content: text }, key)).toMatchObject({ status: 400, code: 'NO_DEFAULT_ADDRESS' })
  })

  test('a sender that is not where the conversation lives, or has not the channel', async () => {
    const second = await gateway.gateway.admin.createLine({
      ...{
        name: 'SMS only',
        address: '+15550100109' as never,
        email: null,
        provider: 'sandbox',
        channels: ['sms'],
        url: null,
        password: null,
        providers: {},
      },
      ...{ hostType: null, hostInfo: null },
    })
    await gateway.gateway.admin.addNumber(gateway.customer.id, {
      address: '+15550100109' as never,
      provider: 'sandbox',
      line: second.id,
    })
    const { body } = await ask('POST /v1/messages', { to: '+14155550188', content: text })
    await gateway.settled()
    const { conversationId } = (await ask(`GET /v1/messages/${body.data.id}`)).body.data
    const elsewhere = { status: 400, code: 'FROM_INSTANCE_CANNOT_REACH' }
    expect(await refusal({ chatId: conversationId, from: '+15550100109', content: text })).toMatchObject(elsewhere)
    expect(
      await refusal({ to: person, from: '+15550100109', content: text, routing: { preference: ['whatsapp'] } }),
    ).toMatchObject(elsewhere)
  })
})

test('nothing of what is refused is kept', async () => {
  const before = (await ask('GET /v1/messages?limit=100')).body.data.messages.length
  await refusal({ to: person, content: text, routing: { preference: ['sms'], fallback: 1 } })
  await refusal({ to: '12', content: text, idempotencyKey: 'never-used' })
  expect((await ask('GET /v1/messages?limit=100')).body.data.messages).toHaveLength(before)
  expect((await ask('POST /v1/messages', { to: person, content: text, idempotencyKey: 'never-used' })).status).toBe(202)
})
