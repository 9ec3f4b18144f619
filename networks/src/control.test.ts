/** The control API over real HTTP: what it tells, what it changes, and whom and what it refuses. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Door, Refused } from './control/door.ts'
import { type Network, openControl } from './control.ts'
import { ordinary, People } from './people.ts'
import { systemClock } from './time.ts'

const ada = '+14155550199'
const line = '+15550100100'
let people: People
let door: Door
let happened: unknown[]
beforeEach(async () => {
  people = new People()
  happened = []
  door = await openControl({
    people,
    clock: systemClock,
    networks: { smpp: network('smpp'), twilio: network('twilio') },
  })
})
afterEach(() => door.stop())

/** It writes down what it is told to do. */
function network(name: string): Network {
  return {
    meaning: `The network ${name}.`,
    channel: 'sms',
    line: { url: `${name}://127.0.0.1:1`, password: 'secret' },
    async say(from, to, text) {
      if (to === '00000') throw new Refused(409, 'Nobody listens there.')
      happened.push({ name, from, to, text })
    },
    faults: {
      refuse: { meaning: 'Takes no connections.', set: (isOn) => happened.push({ name, refuse: isOn }) },
      loseNextAnswer: {
        meaning: 'One answer is lost.',
        once: true,
        set: (isOn) => happened.push({ name, lost: isOn }),
      },
    },
    settings: [{ name: 'inbound', meaning: 'Where it tells.', set: (body) => ({ set: body }) }],
  }
}

async function ask(call: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = '', path = ''] = call.split(' ')
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(`${door.url}${path}`, { method, ...sent, headers: { ...type, ...headers } })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const arrives = (to: string, text: string) =>
  people.take({ network: 'smpp', id: `id-${text}`, parts: [], from: line, to, text, media: [], at: 7 })

test('everybody behaves as their number says, until they are told otherwise', async () => {
  expect(await ask(`GET /people/${ada}`)).toEqual({
    status: 200,
    body: { number: ada, meaning: null, behaviour: ordinary },
  })
  const echo = await ask('GET /people/%2B14155550110')
  expect(echo.body).toMatchObject({ number: '+14155550110', behaviour: { writesBack: 'You said: $text' } })
  const changed = { exists: false, receiptAfterMs: null, writesBack: null }
  expect((await ask('PUT /people/+14155550110', changed)).body).toMatchObject({
    behaviour: { ...ordinary, ...changed },
  })
  await ask('PUT /people/+14155550110', { exists: true })
  expect(people.behaviourOf('+14155550110')).toEqual({ ...ordinary, receiptAfterMs: null })
  expect(people.behaviourOf('+14155550109')).toMatchObject({ receipt: 'failed' })
})

test.each<[body: unknown, status: number, words: string]>([
  ['{', 400, 'The body is not JSON.'],
  ['"\xff', 400, 'The body is not JSON.'],
  [[], 400, 'The body must be a JSON object.'],
  [null, 400, 'The body must be a JSON object.'],
  ['7', 400, 'The body must be a JSON object.'],
  [{}, 400, 'Name at least one of: exists, onWhatsapp'],
  [{ exist: true }, 400, 'There is no `exist` here, only: exists, onWhatsapp'],
  ['{"__proto__": {}}', 400, 'There is no `__proto__` here'],
  [{ constructor: true }, 400, 'There is no `constructor` here'],
  [{ exists: 1 }, 400, '`exists` must be true or false.'],
  [{ exists: true, receiptAfterMs: -1 }, 400, '`receiptAfterMs` must be a whole number from 0 to 86400000, or null.'],
  [{ receiptAfterMs: 1.5 }, 400, '`receiptAfterMs` must be'],
  [{ failsFirst: 1_001 }, 400, '`failsFirst` must be a whole number from 0 to 1000.'],
  [{ receipt: 'lost' }, 400, '`receipt` must be "delivered" or "failed".'],
  [{ writesBack: '' }, 400, '`writesBack` must be a text of 1 to 1600 characters, or null.'],
  [{ writesBack: 'x'.repeat(70_000) }, 413, 'A body has at most 65536 bytes.'],
])('a behaviour of %j is refused in words, and changes nothing', async (body, status, words) => {
  const answer = await ask(`PUT /people/${ada}`, body)
  expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(words)])
  expect(people.behaviourOf(ada)).toEqual(ordinary)
})

test.each(['', 'x'.repeat(12), '+12', '12', '+1415555abcd', '..%2f', '%00', '555 0199', '+14155550199%0a'])(
  'nobody is called %j',
  async (name) => {
    for (const path of [`/people/${name}/received`, `/people/${name}`])
      expect((await ask(`GET ${path.replace(' ', '%20')}`)).status).toBe(400)
  },
)

test('what has arrived is told in order, a thousand at a time, and to each only theirs', async () => {
  for (let count = 1; count <= 1_002; count += 1) arrives(ada, `to Ada ${count}`)
  arrives('+14155550198', 'to Eve')
  const first = (await ask(`GET /people/${ada}/received`)).body as { received: { seq: number }[]; more: boolean }
  expect([first.received.length, first.more]).toEqual([1_000, true])
  const rest = (await ask(`GET /people/${ada}/received?after=${first.received.at(-1)?.seq}`)).body
  expect(rest).toMatchObject({ received: [{ text: 'to Ada 1001' }, { text: 'to Ada 1002' }], more: false })
  expect((await ask('GET /people/+14155550198/received')).body).toMatchObject({ received: [{ text: 'to Eve', at: 7 }] })
  for (const query of ['after=x', 'after=-1', 'after=', 'before=1', 'after=1&limit=2'])
    expect((await ask(`GET /people/${ada}/received?${query}`)).status).toBe(400)
})

test('somebody says something on a network, under a number, a short code or a name', async () => {
  for (const from of [ada, '32665', 'WhatsApp']) {
    const said = { network: 'smpp', from, to: line, text: 'Hello' }
    const answer = await ask(`POST /people/${from}/say`, { network: 'smpp', to: line, text: 'Hello' })
    expect(answer).toEqual({ status: 200, body: { said } })
  }
  const named = ['+14155550199', '32665', 'WhatsApp'].map((from) => ({ name: 'smpp', from, to: line, text: 'Hello' }))
  expect(happened).toEqual(named)
  const unheard = await ask(`POST /people/${ada}/say`, { network: 'twilio', to: '00000', text: 'Hello' })
  expect(unheard).toEqual({ status: 409, body: { error: 'Nobody listens there.' } })
})

test.each<[body: object, words: string]>([
  [{ network: 'smpp', to: line }, 'Name `network`, `to` and `text`.'],
  [{ network: 'pigeon', to: line, text: 'Hi' }, '`network` must be "smpp" or "twilio".'],
  [{ network: 'smpp', to: 'https://x', text: 'Hi' }, '`to` must be a number such as'],
  [{ network: 'smpp', to: line, text: '' }, '`text` must be a text of 1 to 10000 characters.'],
  [{ network: 'smpp', to: line, text: 'x'.repeat(10_001) }, '`text` must be'],
  [{ network: 'smpp', to: line, text: 'Hi', from: ada }, 'There is no `from` here'],
])('%j cannot be said', async (body, words) => {
  const answer = await ask(`POST /people/${ada}/say`, body)
  expect([answer.status, answer.body.error]).toEqual([400, expect.stringContaining(words)])
  expect(happened).toEqual([])
})

test('faults are turned on and off, all that are named or none', async () => {
  const on = { refuse: true, loseNextAnswer: true }
  expect(await ask('POST /networks/twilio/faults', on)).toEqual({ status: 200, body: { faults: on } })
  await ask('POST /networks/smpp/faults', { refuse: false })
  const done = [
    { name: 'twilio', refuse: true },
    { name: 'twilio', lost: true },
    { name: 'smpp', refuse: false },
  ]
  expect(happened).toEqual(done)
  const wrong = [{ refuse: true, loseNextAnswer: false }, { refuse: true, explode: true }, { refuse: 'on' }, {}]
  for (const body of wrong) expect((await ask('POST /networks/smpp/faults', body)).status).toBe(400)
  const nowhere = await ask('POST /networks/pigeon/faults', { refuse: true })
  expect(nowhere).toEqual({ status: 404, body: { error: 'There is no such network, only: smpp, twilio.' } })
  expect(happened).toEqual(done)
})

test('everything is listed: the calls, the networks with what a line needs, the numbers', async () => {
  const { body } = await ask('GET /')
  expect(body.networks).toMatchObject({ smpp: { line: { url: 'smpp://127.0.0.1:1', password: 'secret' } } })
  expect((body.calls as { call: string }[]).map(({ call }) => call)).toEqual([
    'GET /people/{number}',
    'PUT /people/{number}',
    'GET /people/{number}/received',
    'POST /people/{number}/say',
    'POST /networks/smpp/faults',
    'POST /networks/twilio/faults',
    'POST /networks/smpp/inbound',
    'POST /networks/twilio/inbound',
    'GET /magic',
    'GET /events',
    'GET /',
  ])
  expect(await ask('POST /networks/smpp/inbound', { at: 1 })).toEqual({ status: 200, body: { set: { at: 1 } } })
  const { magic } = (await ask('GET /magic')).body as { magic: { ending: string; example: string }[] }
  for (const { ending, example } of magic) {
    const told = (await ask(`GET /people/${example}`)).body
    expect([example.endsWith(ending), told.meaning]).toEqual([true, expect.any(String)])
  }
})

test.each([
  ['GET /nothing', 404],
  ['GET /people', 404],
  ['GET /people/a/b/c', 404],
  ['GET /%zz', 400],
  ['DELETE /people/+14155550199', 405],
  ['POST /magic', 405],
  ['PUT /', 405],
])('%s is answered with %i', async (call, status) => {
  const answer = await ask(call)
  expect([answer.status, answer.body.error]).toEqual([status, expect.any(String)])
})

/** The Host header cannot be set with fetch. */
function askAs(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: door.port, host: '127.0.0.1', path: '/magic', headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.once('error', reject).end()
  })
}

test('only programs of this machine are answered, no page that a browser of it has open', async () => {
  const here = ['127.0.0.1', `127.0.0.1:${door.port}`, 'localhost', 'LOCALHOST:1', '[::1]:7091']
  for (const host of here) expect(await askAs({ host })).toBe(200)
  for (const host of ['evil.test', '127.0.0.1.evil.test', 'localhost:1:2', '192.168.0.7', 'x@127.0.0.1'])
    expect(await askAs({ host })).toBe(403)
  expect(await askAs({ host: 'localhost', origin: 'http://localhost:3000' })).toBe(200)
  for (const origin of ['https://evil.test', 'null', 'http://localhost.evil.test', ''])
    expect(await askAs({ host: 'localhost', origin })).toBe(403)
  const plain = await ask(`PUT /people/${ada}`, { exists: false }, { 'content-type': 'text/plain' })
  expect(plain.status).toBe(415)
  expect(people.behaviourOf(ada)).toEqual(ordinary)
})

test('what is no HTTP, and who goes away in the middle, harms nobody else', async () => {
  const starts = [
    '\0\x01\x02\r\n\r\n',
    'PUT /people/+14155550199 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n',
  ]
  for (const start of [...starts, `${starts[1]}Content-Type: application/json\r\n\r\n{"exists"`]) {
    const socket = connect(door.port, '127.0.0.1')
    await new Promise((resolve) => socket.write(start, resolve))
    socket.destroy()
  }
  expect((await ask('GET /magic')).status).toBe(200)
})

test('what happens is told as it happens', async () => {
  const over = new AbortController()
  const answer = await fetch(`${door.url}/events`, { signal: over.signal })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const message = arrives(ada, 'Good\nmorning')
  people.tell({ what: 'said', network: 'smpp', from: ada, to: line, text: 'Hi' } as Parameters<People['tell']>[0])
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('"Hi"')) break
  }
  const events = text.split('\n\n').filter((one) => one.startsWith('event'))
  expect(events).toHaveLength(2)
  expect(events[0]).toBe(`event: arrived\ndata: ${JSON.stringify({ what: 'arrived', message })}`)
  over.abort()
})

test('not everybody may listen at once, and a place that is left is free again', async () => {
  const leaving = new AbortController()
  const listen = (signal: AbortSignal) => fetch(`${door.url}/events`, { signal })
  await Promise.all(Array.from({ length: 20 }, () => listen(leaving.signal)))
  expect((await ask('GET /events')).status).toBe(503)
  leaving.abort()
  const staying = new AbortController()
  await expect.poll(async () => (await listen(staying.signal)).status).toBe(200)
})

test('it stops at once, whoever listens', async () => {
  const answer = await fetch(`${door.url}/events`)
  await door.stop()
  await expect(answer.text().catch(() => ':\n\n')).resolves.toContain(':')
  await expect(fetch(`${door.url}/magic`)).rejects.toThrow()
})

test('two do not listen on one port', async () => {
  await expect(openControl({ people, clock: systemClock, networks: {}, port: door.port })).rejects.toThrow('EADDRINUSE')
})
