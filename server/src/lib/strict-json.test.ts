/** Promises of the strict parser: what it lets through is what JSON.parse reads, and what it refuses it can point at. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStrictJson } from './strict-json.ts'

const refusal = (text: string) => {
  const parsed = parseStrictJson(text)
  if (parsed.ok) throw new Error(`${text} was let through`)
  return { message: parsed.message, path: parsed.path }
}

/** Texts a database can hold, so that nothing but syntax decides. */
const soundText = fc
  .string({ unit: 'grapheme' })
  .filter((text) => !text.includes('\0') && text.isWellFormed() && text !== '__proto__' && text !== 'constructor')
const soundJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    soundText,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(soundText, tie('value'), { maxKeys: 5 }),
  ),
})).value

const syntaxErrorOf = (text: string): boolean => {
  try {
    JSON.parse(text)
    return false
  } catch {
    return true
  }
}

describe('reads what JSON.parse reads', () => {
  test('for any sound value, with any spacing', () => {
    fc.assert(
      fc.property(soundJson, fc.constantFrom(undefined, 2, '\t', '\n \r'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(parseStrictJson(text)).toEqual({ ok: true, value: JSON.parse(text) })
      }),
    )
  })

  test('and refuses, with a position inside the text, whatever JSON.parse refuses', () => {
    const alphabet = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      'a',
      '1',
      '-',
      '.',
      'e',
      ' ',
      '\n',
      'true',
      'null',
      '"k"',
      '\\u00',
      '\u0001',
    )
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 14 }), (parts) => {
        const text = parts.join('')
        const parsed = parseStrictJson(text)
        if (!syntaxErrorOf(text)) return
        expect(parsed).toMatchObject({ ok: false, path: null })
        const position = parsed.ok ? -1 : Number(/^Position (\d+):/.exec(parsed.message)?.[1])
        expect(position).toBeGreaterThanOrEqual(0)
        expect(position).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('points at what is wrong', () => {
  test.each([
    ['', 'Position 0: the text ends too early.'],
    ['{"a":1', 'Position 6: the text ends too early.'],
    ['{"a" 1}', 'Position 5: "1" cannot stand here.'],
    ['{"a":1,}', 'Position 7: "}" cannot stand here.'],
    ['[1 2]', 'Position 3: "2" cannot stand here.'],
    ['[01]', 'Position 1: "0" cannot stand here.'],
    ['{"a":tru}', 'Position 5: "t" cannot stand here.'],
    ["{'a':1}", 'Position 1: "\'" cannot stand here.'],
    ['["open]', 'Position 1: this string does not end.'],
    ['["\\x"]', 'Position 1: this string holds a control character or a broken escape.'],
    ['["a\nb"]', 'Position 1: this string holds a control character or a broken escape.'],
    ['{} {}', 'Position 3: "{" cannot stand here.'],
    ['\uFEFF{}', 'Position 0: "\uFEFF" cannot stand here.'],
  ])('%j', (text, message) => {
    expect(refusal(text)).toEqual({ message, path: null })
  })

  test.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"a":{"b":[{},{"c":1,"d":2,"c":3}]}}', 'a.b[1].c'],
    ['{"a":{"x":1},"b":{"x":2,"\\u0078":3}}', 'b.x'],
    ['[[1,2],{"k":"\\"k\\":","k":0}]', '[1].k'],
  ])('a key given twice: %s', (text, path) => {
    expect(refusal(text)).toEqual({ message: 'This key is given twice; keep one.', path })
  })

  test.each([
    ['{"__proto__":{"admin":true}}', '__proto__'],
    ['{"a":[{"\\u005f_proto__":1}]}', 'a[0].__proto__'],
    ['{"metadata":{"constructor":{"prototype":{}}}}', 'metadata.constructor'],
  ])('a key that reaches a prototype: %s', (text, path) => {
    expect(refusal(text)).toEqual({ message: 'This key is not allowed.', path })
  })

  test('but a key that is only named like one is let through', () => {
    expect(parseStrictJson('{"constructor":"Frank Lloyd","prototype":1}').ok).toBe(true)
  })

  test.each([
    ['{"a":{"b":"x\\u0000y"}}', 'NUL', 'a.b'],
    ['{"a":["ok","\\ud83d"]}', 'surrogate', 'a[1]'],
    ['{"a\\u0000":1}', 'NUL', 'a\0'],
    ['{"a":1e999}', 'too large', 'a'],
  ])('a value no database can hold: %s', (text, word, path) => {
    const { message, path: at } = refusal(text)
    expect(message).toContain(word)
    expect(at).toBe(path)
  })

  test('and half a pair that finds its other half is a character', () => {
    expect(parseStrictJson('"\\ud83d\\ude00"')).toEqual({ ok: true, value: '😀' })
  })
})

describe('is bounded', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const keyed = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join()}}`

  test('in depth, keys and values, exactly', () => {
    expect(parseStrictJson(nested(32)).ok).toBe(true)
    expect(refusal(nested(33)).message).toContain('32 levels')
    expect(parseStrictJson(keyed(1_000)).ok).toBe(true)
    expect(refusal(keyed(1_001)).message).toContain('1000 keys')
    expect(parseStrictJson(`[${'0,'.repeat(10_000)}0]`).ok).toBe(true)
    expect(refusal(`[${'0,'.repeat(10_001)}0]`).message).toContain('10000 values')
  })

  test('before anything is built: a million brackets cost less than parsing them would', () => {
    const text = flat(nested(1_000_000))
    expect(msOf(() => refusal(text))).toBeLessThan(5 * msOf(() => JSON.parse(text)) + 50)
  })

  test('and strings are skipped, not read: 100 MB of base64 cost little more than JSON.parse', () => {
    const text = flat(`{"data":"${'QUJD'.repeat(25_000_000)}"}`)
    const plain = msOf(() => JSON.parse(text))
    expect(msOf(() => expect(parseStrictJson(text).ok).toBe(true))).toBeLessThan(3 * plain + 100)
  })

  test('and a string full of escaped quotes or backslashes stays linear', () => {
    const cost = (count: number) => {
      const texts = [flat(`["${'\\"'.repeat(count)}"]`), flat(`["${'\\\\'.repeat(count)}"]`)]
      return msOf(() => texts.map((text) => expect(parseStrictJson(text).ok).toBe(true)))
    }
    cost(1_000)
    expect(cost(800_000)).toBeLessThan(40 * cost(80_000) + 100)
  })
})

/** As a body arrives: one piece, not the rope that concatenation leaves. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

function msOf(work: () => unknown): number {
  const before = performance.now()
  work()
  return performance.now() - before
}
