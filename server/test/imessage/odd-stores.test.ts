/** Stores with gaps, rows that are in no chat yet, dates in no order, and servers that answer anything at all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, ServerChat } from '../../src/channels/imessage/backend.ts'
import { createBlueBubbles } from '../../src/channels/imessage/bluebubbles/bluebubbles.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch, type SafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle } from '../../src/model/ids.ts'
import { fileOf } from './mac.ts'

const { signal } = new AbortController()
const chat = 'iMessage;-;+14155550199' as ServerChat

type Answer = (request: IncomingMessage, response: ServerResponse, body: unknown) => void

let answer: Answer
let asked: unknown[]
let http: SafeFetch
let backend: Backend
let close: () => Promise<void>

beforeEach(async () => {
  asked = []
  const server = createServer(async (request, response) => {
    const isJson = request.headers['content-type'] === 'application/json'
    const body = isJson ? await json(request) : request.resume() && null
    asked.push(body)
    answer(request, response, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  http = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  backend = createBlueBubbles({ clock: systemClock, http }, { origin, basePath: '', password: 'pass word&' })
  close = async () => {
    await http.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

afterEach(() => close())

function reply(response: ServerResponse, status: number, rest: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ status, ...rest }))
}

interface Kept {
  number: number
  at: number
  inChat?: boolean
}

interface Query {
  where: { statement: string; args: Record<string, number> }[]
  with: string[]
  sort: 'ASC' | 'DESC'
  limit: number
  offset: number
}

/** Answers as the database behind the server does. */
function store(rows: readonly Kept[], text = 'hi'): Answer {
  return (_, response, body) => {
    const { where, with: wanted, sort, limit, offset } = body as Query
    const isMeant = ({ number }: Kept) =>
      where.every(({ statement, args }) => {
        const [, operator, name = ''] = /^message\.ROWID (>|<=) :(\w+)$/.exec(statement) ?? []
        const bound = args[name] ?? Number.NaN
        return operator === '>' ? number > bound : number <= bound
      })
    const direction = sort === 'ASC' ? 1 : -1
    const found = rows
      .filter((row) => isMeant(row) && (!wanted.includes('chats') || row.inChat !== false))
      .sort((one, other) => (one.at - other.at) * direction)
    const data = found.slice(offset, offset + limit).map(({ number, at }) => ({
      ...{ originalROWID: number, guid: `G-${number}`, text, isFromMe: false, dateCreated: at, itemType: 0 },
      ...{ handle: { address: '+14155550199', service: 'iMessage' }, attachments: [] },
      chats: wanted.includes('chats') ? [{ guid: chat, style: 45 }] : [],
    }))
    reply(response, 200, { data, metadata: { offset, limit, total: found.length, count: data.length } })
  }
}

async function walk(from = 0): Promise<number[]> {
  const seen: number[] = []
  for (let isMore = true; isMore; ) {
    const { rows, upTo, more } = await backend.rowsAfter(from, signal)
    expect(more ? upTo > from : upTo >= from, `from ${from} to ${upTo}`).toBe(true)
    seen.push(...rows.map(({ number }) => number))
    from = upTo
    isMore = more
  }
  return seen
}

const day = Date.UTC(2026, 5, 1)

describe('rows are read each once and in their order', () => {
  const many = (count: number, numberOf: (place: number) => number, atOf: (place: number) => number): Kept[] =>
    Array.from({ length: count }, (_, place) => ({ number: numberOf(place), at: atOf(place) }))

  test.each<[string, Kept[]]>([
    ['without any', []],
    ['with one, far out', [{ number: 900_000_000, at: day }]],
    [
      'with dates that run backwards',
      many(
        2_500,
        (place) => place + 1,
        (place) => day - place,
      ),
    ],
    [
      'with all at the same time',
      many(
        2_500,
        (place) => place + 1,
        () => day,
      ),
    ],
    [
      'with gaps of thousands',
      many(
        2_500,
        (place) => place * 7_001 + 3,
        (place) => day + place,
      ),
    ],
    [
      'beginning far out',
      many(
        3_000,
        (place) => 5_000_000 + place,
        (place) => day + place,
      ),
    ],
    [
      'in two heaps far apart',
      many(
        2_400,
        (place) => (place < 1_200 ? place + 1 : 90_000_000 + place),
        () => day,
      ),
    ],
    [
      'exactly a page',
      many(
        1_000,
        (place) => place + 1,
        () => day,
      ),
    ],
    [
      'a page and one',
      many(
        1_001,
        (place) => place + 1,
        () => day,
      ),
    ],
  ])('%s', async (_, rows) => {
    answer = store(rows)
    const numbers = rows.map(({ number }) => number)
    expect(await walk()).toEqual(numbers)
    expect(asked.length, 'requests').toBeLessThan(200)
    expect(await backend.lastRow(signal)).toBe(Math.max(0, ...numbers))
    expect(asked.length, 'requests').toBeLessThan(300)
  })

  test('when some are in no chat yet', async () => {
    const rows = many(
      1_500,
      (place) => place + 1,
      (place) => day + place,
    )
    answer = store(rows.map((row) => ({ ...row, inChat: row.number % 10 !== 0 })))
    expect(await walk()).toEqual(rows.map(({ number }) => number))
    const { rows: first } = await backend.rowsAfter(1_498, signal)
    expect(first).toMatchObject([
      { number: 1_499, chat: { chat } },
      { number: 1_500, chat: null },
    ])
  })

  test('when they are too long to be read a thousand at a time', async () => {
    const rows = many(
      700,
      (place) => place + 1,
      (place) => day - place,
    )
    answer = store(rows, 'x'.repeat(50_000))
    expect(await walk()).toEqual(rows.map(({ number }) => number))
    expect(await backend.rowsSince(new Date(0), {}, signal)).toHaveLength(700)
  })

  test('and nothing new costs one small request', async () => {
    answer = store([{ number: 7, at: day }])
    expect(await backend.rowsAfter(7, signal)).toEqual({ rows: [], upTo: 7, more: false })
    expect(asked).toMatchObject([{ limit: 1, with: [] }])
  })

  test('and only numbers go into a statement', async () => {
    answer = store(
      many(
        1_200,
        (place) => place + 1,
        () => day,
      ),
    )
    await walk()
    const statements = asked.flatMap((body) => (body as Query).where.map(({ statement }) => statement))
    expect(new Set(statements)).toEqual(new Set(['message.ROWID > :behind', 'message.ROWID <= :upTo']))
  })
})

describe('whatever the server answers', () => {
  const garbage: readonly [string, Answer][] = [
    ['nothing', (_, response) => response.end()],
    [
      'a page of HTML',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hi</html>'),
    ],
    ['half of it', (_, response) => response.end('{"status":200,"data":[{"guid":')],
    ['a list', (_, response) => response.end('[]')],
    ['an envelope of another status', (_, response) => response.end('{"status":500,"data":{"guid":"G"}}')],
    ['an envelope without anything', (_, response) => reply(response, 200, {})],
    ['null', (_, response) => reply(response, 200, { data: null })],
    ['a text', (_, response) => reply(response, 200, { data: 'pong' })],
    ['a number', (_, response) => reply(response, 200, { data: 7 })],
    ['a list of lists', (_, response) => reply(response, 200, { data: [[[]], null, 'x'], metadata: 'x' })],
    ['a row of nothing', (_, response) => reply(response, 200, { data: { guid: 5, originalROWID: 'x', chats: {} } })],
    ['too much', (_, response) => response.end(`{"status":200,"data":"${'x'.repeat(33 * 1024 * 1024)}"}`)],
    ['another door', (_, response) => response.writeHead(302, { location: 'http://10.0.0.1/' }).end()],
    ['an error page', (_, response) => response.writeHead(502).end('<html>Bad gateway</html>')],
  ]

  test.each(garbage)('%s: a send is never taken for done, and says nothing of it', async (_, with_) => {
    answer = with_
    const draft = { chat, tempId: 't', privately: true, replyTo: null, effect: null }
    const sends = [
      backend.sendText({ ...draft, text: 'my words' }, signal),
      backend.sendFile({ ...draft, file: fileOf(Buffer.from('png')), name: 'a.png' }, signal),
      backend.sendParts({ ...draft, text: 'my words', mentions: [], files: [] }, signal),
      backend.startChat(
        { people: ['+14155550199' as Handle], tempId: 't', privately: true, text: 'my words', effect: null },
        signal,
      ),
      backend.upload(fileOf(Buffer.from('png')), 'a.png', signal),
    ]
    const results = await Promise.allSettled(sends)
    // Nothing is sent by an upload.
    expect(results[4]).toMatchObject({ reason: { kind: 'retryable' } })
    for (const result of results) {
      expect(result.status).toBe('rejected')
      const failure = result.status === 'rejected' ? result.reason : null
      expect(failure).toBeInstanceOf(SendFailure)
      expect(['uncertain', 'retryable']).toContain(failure.kind)
      expect(failure.message).not.toMatch(/pass|my words|html|10\.0/)
    }
  })

  test.each(garbage)('%s: a question fails, or nothing was found', async (_, with_) => {
    answer = with_
    const questions: Promise<unknown>[] = [
      backend.rowsAfter(5, signal).then(({ rows, upTo }) => (rows.length === 0 && upTo === 5 ? null : rows)),
      backend.rowsSince(new Date(0), {}, signal).then((rows) => (rows.length === 0 ? null : rows)),
      backend.lastRow(signal).then((row) => (row === 0 ? null : row)),
      backend.row('G', signal),
      backend.chat(chat, signal),
      backend.person(4, signal),
      backend.onImessage('+14155550199' as Handle, signal).then((is) => (is ? true : null)),
      backend.focus('+14155550199' as Handle, signal).then((is) => (is === 'unknown' ? null : is)),
    ]
    for (const result of await Promise.allSettled(questions)) {
      if (result.status === 'fulfilled') expect(result.value).toBeNull()
      else expect(String(result.reason)).not.toMatch(/pass|html|10\.0|TypeError/)
    }
    const looked = await backend.look(signal).catch((error: unknown) => error)
    expect(looked).toBeInstanceOf(Error)
    expect(String(looked)).not.toMatch(/pass|html|TypeError/)
  })

  test('the password goes along with every request, whatever is in it', async () => {
    const urls: string[] = []
    answer = ({ url = '' }, response) => {
      urls.push(url)
      reply(response, 200, { data: { server_version: '1.9.9' } })
    }
    await backend.look(signal)
    await backend.row('at_0/../?x=#1', signal)
    expect(urls[0]).toBe('/api/v1/server/info?password=pass+word%26')
    expect(urls[1]).toMatch(/^\/api\/v1\/message\/at_0%2F\.\.%2F%3Fx%3D%231\?with=.*&password=pass\+word%26$/)
  })
})

test.each([
  ['1.9.9', false],
  ['1.9.8', false],
  ['1.9.10', true],
  ['2.0.0', true],
  ['1.10', true],
  ['v1.9.9', false],
])('a server of version %s stops showing that somebody types: %s', async (version, stops) => {
  const methods: string[] = []
  answer = ({ method = '', url = '' }, response) => {
    if (url.includes('typing')) methods.push(method)
    reply(response, 200, { data: { server_version: version, os_version: '14.1' } })
  }
  await backend.typing(chat, false, signal)
  await backend.typing(chat, true, signal)
  expect(methods).toEqual(stops ? ['DELETE', 'POST'] : ['POST'])
})
