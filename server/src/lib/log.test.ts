/** The log never tells what people wrote, whom they are or what is secret: canaries are planted and looked for. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createLog, type LogOptions, maskHandle } from './log.ts'

function record(options: Partial<LogOptions> & { isTTY?: boolean } = {}) {
  const lines: string[] = []
  const destination = { isTTY: options.isTTY ?? false, write: (line: string) => lines.push(line) }
  const log = createLog({ level: 'info', format: 'json', destination, ...options })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> }
}

const text = 'meet me at the harbour'
const phone = '+14155550123'
const key = `tb_${'x9'.repeat(24)}`
const masterKey = randomBytes(32).toString('base64')

class DatabaseTrouble extends Error {
  detail = `Key (handle)=(${phone}) already exists.`
  parameters = [text]
  code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

function syntaxError(): unknown {
  try {
    return JSON.parse('harbour')
  } catch (error) {
    return error
  }
}

const canaries: [string, object][] = [
  ['a body', { body: { text } }],
  ['a text under any name', { text, content: text, note: [text], nested: { text } }],
  ['a body inside an allowed name', { status: { text } }],
  ['an object inside a list', { statusIds: [{ text }] }],
  ['an address', { from: phone, to: phone, handle: phone }],
  ['an address in the path', { path: `/v1/numbers/${phone}`, url: `https://${phone}:pw@host/x?key=${key}` }],
  ['an address as WhatsApp writes it', { path: '/chats/14155550123@s.whatsapp.net' }],
  ['a bare number', { path: '/chats/14155550123' }],
  ['a number with spaces', { err: new Error('cannot reach +1 415 555-0123 now') }],
  ['a key', { apiKey: key, authorization: key, path: `/x/${key}` }],
  ['a key in an error', { err: new Error(`refused: Authorization: Bearer ${key}`) }],
  ['the master key', { err: new Error(`bad key ${masterKey}`), masterKey }],
  ['a password in an address', { err: new Error('cannot connect to postgres://gateway:harbour@db/main') }],
  [
    'what a database adds to its error',
    { err: new DatabaseTrouble('duplicate key value violates unique constraint', '23505') },
  ],
  ['a value a database quotes', { err: new DatabaseTrouble('invalid input syntax for type uuid: "harbour"', '22P02') }],
  ['a text an error quotes', { err: new Error(`cannot send "${text}"`) }],
  ['a text the parser quotes', { err: syntaxError() }],
  ['a body in an error', { err: new Error(`400 {"to":"harbour","text":["harbour"]}`) }],
  ['the cause of an error', { err: new Error('failed', { cause: new Error(`{"text":"${text}"} for ${phone}`) }) }],
  ['an error that is no error', { err: text, error: { message: text } }],
  ['a handle that is a list', { to: [phone, text] }],
  ['a name that is itself a text', { [`${phone} harbour {"x":1}`.slice(0, 12)]: 1 }],
]

test.each(canaries)('%s does not reach the log', (_, fields) => {
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines } = record({ format })
    log.error(fields, 'something happened')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('something happened')
    expect(lines[0]).not.toMatch(/harbour|4155550123|555-0123|x9x9x9/)
    expect(lines[0]).not.toContain(masterKey)
  }
})

test('a message that was put together is covered as well', () => {
  const { log, last } = record()
  log.info({}, `sent to ${phone} with ${key}`)
  expect(last().msg).toBe('sent to +1415…23 with [secret]')
})

test('the id of a request is shown whole, since callers quote it; what only begins like one is not', () => {
  const { log, last } = record()
  const id = 'req_0b8f5d1e-4c52-4f0e-9a57-1f6f2d5f8c11'
  log.info({ requestId: id }, 'answered')
  expect(last().requestId).toBe(id)
  log.info({ requestId: `${id}0` }, 'answered')
  expect(last().requestId).toBe('[secret]')
})

test('a secret cut by the length limit does not show its beginning', () => {
  const { log, lines } = record()
  for (let length = 400; length < 520; length += 1) log.info({}, `${'.'.repeat(length)} ${key}`)
  expect(lines.join('')).not.toContain('x9x9')
})

test('what is safe is told, and what was left out is named', () => {
  const { log, last } = record()
  const messageId = '0192f1c4-7d1e-7abc-8def-0123456789ab'
  log.info({ messageId, status: 'sent', durationMs: 12.5, retryable: false, nothing: undefined, text }, 'Sent')
  expect(last()).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    messageId,
    status: 'sent',
    durationMs: 12.5,
    retryable: false,
    omitted: ['text'],
    msg: 'Sent',
  })
})

test('an error keeps its name, code, message, frames and cause', () => {
  const { log, last } = record()
  log.error({ err: new DatabaseTrouble('relation "messages" does not exist', '42P01') }, 'Failed')
  expect(last().err).toMatchObject({ name: 'Error', code: '42P01', message: 'relation "messages" does not exist' })
  expect(JSON.stringify(last().err)).toContain('log.test.ts')
})

test('only lines of the level or above are written', () => {
  const { log, lines } = record({ level: 'warn' })
  log.info({}, 'no')
  log.warn({}, 'yes')
  expect(lines).toHaveLength(1)
})

test('a person gets one readable line, a machine JSON', () => {
  const watched = record({ format: 'auto', isTTY: true })
  watched.log.warn({ lineId: 'a b', attempt: 3 }, 'Link lost')
  expect(watched.lines[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}Link lost lineId="a b" attempt=3\n$/)
  const piped = record({ format: 'auto' })
  piped.log.warn({}, 'Link lost')
  expect(piped.last().msg).toBe('Link lost')
})

test.each([
  ['+14155550100', '+1415…00'],
  ['14155550100@s.whatsapp.net', '14155…00@s.whatsapp.net'],
  ['anna.smith@example.com', 'a…@example.com'],
  ['+4479', '…79'],
  ['', '…'],
])('maskHandle(%s) is %s', (handle, masked) => {
  expect(maskHandle(handle)).toBe(masked)
})
