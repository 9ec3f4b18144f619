/** The limits on shape catch a planted breach of each, and leave what is just within them alone. */
import { describe, expect, test } from 'vitest'
import { deepFunctions, limits, longFiles, longFunctions, manyParameters, missingFirstLine } from './shape.ts'
import { parseSource } from './source.ts'

const at = (text: string, path = 'server/src/messaging/submit.ts') => parseSource(path, text)
const times = (count: number, line: string) => Array.from({ length: count }, () => line).join('\n')

describe('file length', () => {
  test('a file of 400 lines passes, one more is caught', () => {
    expect(longFiles(at(`${times(limits.fileLines, '//')}\n`))).toEqual([])
    expect(longFiles(at(times(limits.fileLines + 1, '//')))).toMatchObject([
      { line: 401, found: expect.stringContaining('401 lines') },
    ])
  })

  test.each(['server/src/surfaces/console/schema.ts', 'server/src/surfaces/console/message-schema.ts'])(
    '%s may be long',
    (path) => {
      expect(longFiles(at(times(900, '//'), path))).toEqual([])
    },
  )

  test('a name that only sounds like a schema may not', () => {
    expect(longFiles(at(times(900, '//'), 'server/src/store/myschema.ts'))).toHaveLength(1)
  })
})

describe('function length', () => {
  const sized = (open: string, lines: number, close = '}') => `${open}\n${times(lines - 2, '  0')}\n${close}`

  test('a function of 70 lines passes', () => {
    expect(longFunctions(at(sized('function send() {', limits.functionLines)))).toEqual([])
  })

  test.each([
    ['`send`', sized('function send() {', 71)],
    ['`send`', sized('export const send = async () => {', 71)],
    ['`send`', sized('class Outbox { async send() {', 71, '} }')],
    ['`send`', sized('const outbox = { send() {', 71, '} }')],
    ['a function without a name', sized('call(() => {', 71, '})')],
  ])('%s of 71 lines is caught by name', (name, text) => {
    expect(longFunctions(at(text))).toMatchObject([{ line: 1, found: expect.stringContaining(`${name} has 71 lines`) }])
  })
})

describe('nesting', () => {
  const nested = (depth: number) => `function send() {\n${'for (;;) { '.repeat(depth)}${'}'.repeat(depth)}\n}`

  test('four levels pass, five are caught', () => {
    expect(deepFunctions(at(nested(limits.nesting)))).toEqual([])
    expect(deepFunctions(at(nested(5)))).toMatchObject([{ found: expect.stringContaining('`send` nests 5 levels') }])
  })

  test('every statement that opens a level counts', () => {
    const text =
      'function send() { try { if (a) { while (b) { switch (c) { case 1: for (const d of e) f() } } } } catch {} }'
    expect(deepFunctions(at(text))).toHaveLength(1)
  })

  test('a ladder of else-ifs is one level', () => {
    const ladder = Array.from({ length: 8 }, (_, step) => `if (x === ${step}) y();`).join(' else ')
    expect(deepFunctions(at(`function send() { ${ladder} }`))).toEqual([])
  })
})

describe('parameters', () => {
  test('four pass, five are caught, `this` is free', () => {
    expect(manyParameters(at('function send(a, b, c, d) {}'))).toEqual([])
    expect(manyParameters(at('function send(this: Outbox, a, b, c, d) {}'))).toEqual([])
    expect(manyParameters(at('\nconst send = (a, b, c, d, e) => {}'))).toMatchObject([
      { line: 2, found: '`send` takes 5 parameters; a function takes at most 4' },
    ])
  })
})

describe('first line', () => {
  test.each([
    '/** Sends messages. */\n',
    '// Sends messages.\n',
    '/**\n * Sends messages.\n */\n',
    '#!/usr/bin/env node\n/** Starts it. */\n',
  ])('%j says what the file is for', (text) => {
    expect(missingFirstLine(at(text))).toEqual([])
  })

  test.each([
    '',
    'export const a = 1\n',
    '\n/** Late. */\n',
    '/** */\n',
    '/**\n */\n',
    '// @ts-check\n',
    '#!/usr/bin/env node\nstart()\n',
  ])('%j does not', (text) => {
    expect(missingFirstLine(at(text))).toHaveLength(1)
  })
})
