/** The event stream as a client lives with it: frames, filters, heartbeats, and resuming without a gap. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Handle } from '../../../src/model/ids.ts'
import { subscribableEvents } from '../../../src/surfaces/textbubbles/event-schema.ts'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
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

interface Frame {
  id: string
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  data: any
}

interface Listener {
  text(): string
  frames(): Frame[]
  types(): string[]
  ended: Promise<void>
  close(): void
}

async function listen(query = '', headers: Record<string, string> = {}, key = gateway.apiKey): Promise<Listener> {
  const controller = new AbortController()
  const response = await fetch(`${gateway.url}/v1/events${query}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: controller.signal,
  })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  let text = ''
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
  })().catch((error: Error) => {
    if (error.name !== 'AbortError') throw error
  })
  const frames = () =>
    [...text.matchAll(/^id: (.+)\nevent: (.+)\ndata: (.+)\n\n/gm)].map(([, id = '', event = '', data = '']) => ({
      id,
      event,
      data: JSON.parse(data),
    }))
  await until(async () => text.startsWith(': '), 'the first words')
  return {
    text: () => text,
    frames,
    types: () => frames().map(({ event }) => event),
    ended,
    close: () => controller.abort(),
  }
}

const send = async (text = 'Hi') =>
  (await ask('POST /v1/messages', { to: '+14155550199', content: { text } })).body.data.id
const delivered = async (listener: Listener, count = 1) =>
  until(async () => {
    await gateway.advance(200)
    return listener.types().filter((type) => type === 'message.delivered').length >= count
  }, `${count} deliveries to be told`)

test('tells what happens to a message, in order, one frame each', async () => {
  const listener = await listen()
  const id = await send('Frame me\nin two lines')
  await delivered(listener)
  listener.close()
  expect(listener.types()).toEqual(['message.queued', 'message.sent', 'message.delivered'])
  for (const { id: frameId, event, data } of listener.frames()) {
    expect(data).toMatchObject({
      id: frameId,
      eventId: frameId,
      type: event,
      data: { messageId: id, text: 'Frame me\nin two lines', customerId: gateway.customer.id },
    })
    expect(Object.keys(data).slice(0, 4)).toEqual(['id', 'type', 'timestamp', 'data'])
    expect(frameId).toMatch(/^evt_[0-9a-f-]{36}$/)
  }
  expect(
    listener
      .text()
      .replaceAll(/^(id|event|data): .*\n/gm, '')
      .replaceAll('\n', ''),
  ).toBe(': connected')
})

test('carries what came in, with its conversation under both names', async () => {
  const listener = await listen('?events=message.inbound')
  gateway.network.as('+14155550177' as Handle).says(gateway.customer.line.address, 'whatsapp', 'Hello')
  await until(async () => {
    await gateway.advance(200)
    return listener.frames().length > 0
  }, 'the message to be told')
  listener.close()
  const { data } = listener.frames()[0]?.data ?? {}
  expect(data).toMatchObject({
    from: '+14155550177',
    to: gateway.customer.line.address,
    text: 'Hello',
    channel: 'whatsapp',
    attachments: [],
    parentMessageId: null,
  })
  expect(data.chat).toMatchObject({ channel: 'whatsapp', isGroup: false, name: null })
  expect(data.conversation).toMatchObject({ id: data.chat.chatId, groupName: null })
  expect(data.chat.participants.at(-1)).toEqual({
    handle: 'self',
    contactId: null,
    role: 'self',
    isPhoneResolved: true,
  })
})

describe('a filter', () => {
  test.each(['message.sent,message.delivered', 'message.sent,,%20message.delivered,message.sent,facetime.incoming'])(
    '%s lets only those through',
    async (events) => {
      const listener = await listen(`?events=${events}`)
      await send()
      await delivered(listener)
      listener.close()
      expect(listener.types()).toEqual(['message.sent', 'message.delivered'])
    },
  )

  test.each(['', '?events=', '?events=*', '?events=message.sent,*'])('of %j lets everything through', async (query) => {
    const listener = await listen(query)
    await send()
    await delivered(listener)
    listener.close()
    expect(listener.types()).toContain('message.queued')
  })

  test('may name every event there is', async () => {
    const listener = await listen(`?events=${subscribableEvents.filter((name) => name !== '*').join(',')}`)
    await send()
    await delivered(listener)
    listener.close()
    expect(listener.types()).toEqual(['message.queued', 'message.sent', 'message.delivered'])
  })

  test('with a name that does not exist is refused', async () => {
    const { status, body } = await ask('GET /v1/events?events=message.received')
    expect([status, body.error.details[0].path]).toEqual([400, 'events'])
  })
})

test('every stream of a key gets everything, and another customer nothing', async () => {
  const streams = [await listen(), await listen(), await listen('', {}, gateway.otherApiKey)]
  await send()
  await delivered(streams[0] as Listener)
  await until(async () => streams[1]?.types().length === 3, 'the second stream')
  for (const stream of streams) stream.close()
  expect(streams.map((stream) => stream.types().length)).toEqual([3, 3, 0])
})

test('a heartbeat comes every 15 seconds while nothing happens', async () => {
  const listener = await listen()
  for (let beats = 1; beats <= 3; beats += 1) {
    await gateway.pass(15_000)
    await until(async () => listener.text().split(': heartbeat\n\n').length - 1 >= beats, 'a heartbeat')
  }
  listener.close()
})

const messageEvents = '?events=message.queued,message.sent,message.delivered'

describe('resuming', () => {
  test.each(['header', 'query'])('after any event goes on with the next one, by %s', async (place) => {
    const first = await listen(messageEvents)
    await send('one')
    await delivered(first)
    first.close()
    await send('two')
    const [seen, ...missed] = first.frames()
    const again = await (place === 'header'
      ? listen(messageEvents, { 'last-event-id': seen?.id ?? '' })
      : listen(`${messageEvents}&lastEventId=${seen?.id}`))
    await delivered(again, 2)
    again.close()
    expect(again.frames().slice(0, missed.length)).toEqual(missed)
    expect(again.types()).toEqual([
      'message.sent',
      'message.delivered',
      'message.queued',
      'message.sent',
      'message.delivered',
    ])
  })

  test('after an event that is unknown is refused, and says what to do', async () => {
    for (const id of ['evt_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650', 'evt_', 'x']) {
      const { status, body } = await ask('GET /v1/events', undefined, { headers: { 'last-event-id': id } })
      expect([status, body.error.code, body.error.details[0].path]).toEqual([400, 'VALIDATION_ERROR', 'last-event-id'])
      expect(body.error.message).toContain('Connect without it')
    }
  })
})

test('a key may have 100 streams open, not more; closing one makes room', async () => {
  const key = await gateway.createKey(['read'])
  const open = await Promise.all(Array.from({ length: 100 }, () => listen('', {}, key)))
  const over = await ask('GET /v1/events', undefined, { key })
  expect([over.status, over.body.error.code, over.headers.get('retry-after')]).toEqual([
    429,
    'RATE_LIMIT_EXCEEDED',
    '15',
  ])
  open[0]?.close()
  await until(async () => {
    const response = await fetch(`${gateway.url}/v1/events`, { headers: { authorization: `Bearer ${key}` } })
    await response.body?.cancel()
    return response.status === 200
  }, 'room for another stream')
  for (const stream of open) stream.close()
})

test('a stop ends the streams and then the server', async () => {
  const stopping = await startTestGateway()
  const response = await fetch(`${stopping.url}/v1/events`, { headers: { authorization: `Bearer ${stopping.apiKey}` } })
  const ended = (async () => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const piece of response.body ?? []) text += decoder.decode(piece)
    return text
  })()
  await stopping.stop()
  expect(await ended).toContain(': connected')
})
