/** What can be done to a message later, and every code each of these calls can be refused with. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Handle } from '../../../src/model/ids.ts'
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
const nothing = 'msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const sendOver = async (channel: string, to = person): Promise<string> => {
  const { body } = await ask('POST /v1/messages', {
    to,
    content: { text: 'Before' },
    routing: { preference: [channel], fallback: false },
  })
  await gateway.settled()
  await gateway.advance(1_000)
  return body.data.id
}
const scheduled = async (): Promise<string> => {
  const scheduledAt = new Date(gateway.clock.now() + 3_600_000).toISOString()
  return (await ask('POST /v1/messages', { to: person, content: { text: 'Later' }, scheduledAt })).body.data.id
}
const inbound = async (channel: 'whatsapp' | 'sms'): Promise<string> => {
  gateway.network.as('+14155550177' as Handle).says(gateway.customer.line.address, channel, 'Hello')
  await gateway.advance(1_000)
  return (await ask(`GET /v1/messages?direction=inbound&channel=${channel}&limit=1`)).body.data.messages[0].id
}
const outcome = async (call: string, body?: unknown) => {
  const answer = await ask(call, body)
  return [answer.status, answer.body.success ? 'ok' : answer.body.error.code]
}

describe('edit', () => {
  test('changes the text and answers with the message', async () => {
    const id = await sendOver('imessage')
    const { status, body } = await ask(`PUT /v1/messages/${id}`, {
      text: 'After',
      backwardsCompatibilityMessage: '* After',
    })
    expect([status, body.data.id, body.data.content.text]).toEqual([200, id, 'After'])
    expect(gateway.network.acts().at(-1)).toMatchObject({ verb: 'edit', what: 'After' })
  })

  test('is refused', async () => {
    const edit = { text: 'After' }
    expect(await outcome(`PUT /v1/messages/${nothing}`, edit)).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`PUT /v1/messages/${await sendOver('sms')}`, edit)).toEqual([400, 'CHANNEL_NOT_SUPPORTED'])
    expect(await outcome(`PUT /v1/messages/${await scheduled()}`, edit)).toEqual([400, 'INVALID_STATUS'])
    const id = await sendOver('imessage')
    for (const body of [
      {},
      { text: '' },
      { text: 'x'.repeat(10_001) },
      { text: 7 },
      { text: 'a', backwardsCompatibilityMessage: 1 },
    ]) {
      expect(await outcome(`PUT /v1/messages/${id}`, body)).toEqual([400, 'VALIDATION_ERROR'])
    }
    expect(await outcome(`POST /v1/messages/${id}/unsend`)).toEqual([200, 'ok'])
    expect(await outcome(`PUT /v1/messages/${id}`, edit)).toEqual([409, 'ALREADY_UNSENT'])
  })
})

describe('unsend', () => {
  test('takes a message back, once', async () => {
    const id = await sendOver('imessage')
    const { status, body } = await ask(`POST /v1/messages/${id}/unsend`)
    expect([status, body.data]).toEqual([200, { id, status: 'unsent' }])
    expect((await ask(`GET /v1/messages/${id}`)).body.data.status).toBe('unsent')
    expect(await outcome(`POST /v1/messages/${id}/unsend`)).toEqual([409, 'ALREADY_UNSENT'])
  })

  test('is refused', async () => {
    expect(await outcome(`POST /v1/messages/${nothing}/unsend`)).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`POST /v1/messages/${await sendOver('sms')}/unsend`)).toEqual([400, 'CHANNEL_NOT_SUPPORTED'])
    expect(await outcome(`POST /v1/messages/${await scheduled()}/unsend`)).toEqual([400, 'INVALID_STATUS'])
  })
})

describe('retry', () => {
  test('sends a failed message again under its id, and counts', async () => {
    const id = await sendOver('imessage', '+14155550106')
    const failed = (await ask(`GET /v1/messages/${id}`)).body.data
    expect(failed).toMatchObject({ status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE', retryable: true })
    for (const retryCount of [1, 2]) {
      const { status, body } = await ask(`POST /v1/messages/${id}/retry`)
      expect([status, body.data]).toEqual([202, { id, status: 'queued', retryCount }])
      await gateway.settled()
      await gateway.advance(1_000)
    }
  })

  test('is refused for what did not fail', async () => {
    expect(await outcome(`POST /v1/messages/${nothing}/retry`)).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`POST /v1/messages/${await sendOver('imessage')}/retry`)).toEqual([400, 'INVALID_STATUS'])
    expect(await outcome(`POST /v1/messages/${await scheduled()}/retry`)).toEqual([400, 'INVALID_STATUS'])
  })
})

describe('a reaction', () => {
  test.each(['imessage', 'whatsapp'])('reaches the recipient over %s, and echoes', async (channel) => {
    const id = await sendOver(channel)
    for (const type of ['love', '-love']) {
      const { status, body } = await ask(`POST /v1/messages/${id}/reactions`, { type })
      expect([status, body.data]).toEqual([200, { messageId: id, reaction: type }])
    }
    expect(gateway.network.acts().filter(({ verb }) => verb === 'react').length).toBeGreaterThanOrEqual(2)
  })

  test('may be any emoji on WhatsApp, to either side', async () => {
    expect(await outcome(`POST /v1/messages/${await sendOver('whatsapp')}/reactions`, { type: '🎉' })).toEqual([
      200,
      'ok',
    ])
    expect(await outcome(`POST /v1/messages/${await inbound('whatsapp')}/reactions`, { type: '🎉' })).toEqual([
      200,
      'ok',
    ])
  })

  test('is refused', async () => {
    expect(await outcome(`POST /v1/messages/${nothing}/reactions`, { type: 'love' })).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`POST /v1/messages/${await sendOver('sms')}/reactions`, { type: 'love' })).toEqual([
      400,
      'CHANNEL_NOT_SUPPORTED',
    ])
    const id = await sendOver('imessage')
    for (const body of [{}, { type: '' }, { type: 5 }, { type: 'x'.repeat(65) }]) {
      expect(await outcome(`POST /v1/messages/${id}/reactions`, body)).toEqual([400, 'VALIDATION_ERROR'])
    }
  })
})

describe('a read receipt', () => {
  test('goes to the sender of a WhatsApp message', async () => {
    const id = await inbound('whatsapp')
    const { status, body } = await ask(`POST /v1/messages/${id}/read`)
    expect([status, body.data]).toEqual([200, { messageId: id, read: true }])
  })

  test('is refused', async () => {
    expect(await outcome(`POST /v1/messages/${nothing}/read`)).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`POST /v1/messages/${await inbound('sms')}/read`)).toEqual([400, 'CHANNEL_NOT_SUPPORTED'])
    expect(await outcome(`POST /v1/messages/${await sendOver('whatsapp')}/read`)).toEqual([400, 'INVALID_STATUS'])
  })
})

describe('cancelling', () => {
  test('keeps a scheduled message from being sent, once', async () => {
    const id = await scheduled()
    const { status, body } = await ask(`DELETE /v1/messages/${id}/schedule`)
    expect([status, body.data]).toEqual([200, { id, status: 'cancelled', cancelled: true }])
    expect((await ask(`GET /v1/messages/${id}`)).body.data.status).toBe('cancelled')
    expect(await outcome(`DELETE /v1/messages/${id}/schedule`)).toEqual([400, 'NOT_SCHEDULED'])
  })

  test('is refused', async () => {
    expect(await outcome(`DELETE /v1/messages/${nothing}/schedule`)).toEqual([404, 'NOT_FOUND'])
    expect(await outcome(`DELETE /v1/messages/${await sendOver('imessage')}/schedule`)).toEqual([400, 'NOT_SCHEDULED'])
  })
})

describe('deleting', () => {
  test('hides a message from every later read, once', async () => {
    const id = await sendOver('imessage')
    const { status, body } = await ask(`DELETE /v1/messages/${id}`)
    expect([status, body.data]).toEqual([200, { id, deleted: true }])
    expect(await outcome(`GET /v1/messages/${id}`)).toEqual([404, 'NOT_FOUND'])
    const ids = (await ask('GET /v1/messages?limit=100')).body.data.messages.map(
      (message: { id: string }) => message.id,
    )
    expect(ids).not.toContain(id)
    expect(await outcome(`DELETE /v1/messages/${id}`)).toEqual([409, 'ALREADY_DELETED'])
  })

  test('is refused for what is not there', async () => {
    expect(await outcome(`DELETE /v1/messages/${nothing}`)).toEqual([404, 'NOT_FOUND'])
  })
})
