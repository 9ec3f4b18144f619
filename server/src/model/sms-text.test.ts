/** What an alphabet holds, where a text is cut and where never, and that a well-known calculator counts the same. */
import fc from 'fast-check'
import { SegmentedMessage } from 'sms-segments-calculator'
import { describe, expect, test } from 'vitest'
import { gsmOctets, smsTextOf, textOfGsmOctets } from './sms-text.ts'

const plain =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'
const extended = '^{}\\[]~|€\f'
const family = '👨‍👩‍👧‍👦'
const flag = '🇩🇪'

const sizes = (text: string) => smsTextOf(text).parts.map(({ length }) => length)
const cost = (part: string, encoding: string) => (encoding === 'gsm7' ? gsmOctets(part).length : part.length)
const graphemesOf = (text: string) => [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment)

describe('the alphabet', () => {
  test('has 127 characters of one octet and ten of two', () => {
    expect([...plain].map((character) => [...gsmOctets(character)])).toEqual(
      Array.from({ length: 128 }, (_none, octet) => [octet]).filter(([octet]) => octet !== 0x1b),
    )
    expect([...extended].map((character) => Buffer.from(gsmOctets(character)).toString('hex'))).toEqual([
      '1b14',
      '1b28',
      '1b29',
      '1b2f',
      '1b3c',
      '1b3e',
      '1b3d',
      '1b40',
      '1b65',
      '1b0a',
    ])
  })

  test.each(['`', 'ç', '\t', '\u00a0', '\u001b', '“', '’', 'ş', 'Α', '\0', 'e\u0301', '\ud83d', '😀'])(
    'has no %j',
    (text) => {
      expect(smsTextOf(`so ${text}`).encoding).toBe('ucs2')
      expect(() => gsmOctets(`so ${text}`)).toThrow('UCS-2')
    },
  )

  test('comes back as it went', () => {
    const texts = fc.string({ unit: fc.constantFrom(...plain, ...extended), maxLength: 400, size: 'max' })
    fc.assert(fc.property(texts, (text) => void expect(textOfGsmOctets(gsmOctets(text))).toBe(text)))
  })

  test.each<[what: string, octets: number[], text: string]>([
    ['an escape to nothing shows the octet by itself', [0x41, 0x1b, 0x73, 0x42], 'AsB'],
    ['an escape to another table shows a space', [0x41, 0x1b, 0x1b, 0x42], 'A B'],
    ['an escape at the end shows a space', [0x41, 0x1b], 'A '],
    ['what is no septet shows that', [0x41, 0x80, 0x1b, 0xff, 0x42], 'A\ufffd\ufffdB'],
    ['nothing is nothing', [], ''],
  ])('%s', (_what, octets, text) => expect(textOfGsmOctets(Uint8Array.from(octets))).toBe(text))

  test('whatever octets come, there is a text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), (octets) => {
        expect(textOfGsmOctets(octets).length).toBeLessThanOrEqual(octets.length)
      }),
    )
  })
})

describe('parts', () => {
  test('of nothing there is one, and it is empty', () => {
    expect(smsTextOf('')).toEqual({ encoding: 'gsm7', parts: [''] })
  })

  test.each<[text: string, lengths: number[]]>([
    ['a'.repeat(160), [160]],
    ['a'.repeat(161), [153, 8]],
    ['a'.repeat(306), [153, 153]],
    ['a'.repeat(307), [153, 153, 1]],
    ['€'.repeat(80), [80]],
    ['€'.repeat(81), [76, 5]],
    [`${'a'.repeat(152)}€${'b'.repeat(10)}`, [152, 11]],
    [`${'a'.repeat(152)}\r\n${'b'.repeat(10)}`, [152, 12]],
    ['ж'.repeat(70), [70]],
    ['ж'.repeat(71), [67, 4]],
    ['ж'.repeat(134), [67, 67]],
    ['ж'.repeat(135), [67, 67, 1]],
    ['😀'.repeat(35), [70]],
    ['😀'.repeat(36), [66, 6]],
    [`${'ж'.repeat(60)}${family}`, [60, 11]],
    [`${'ж'.repeat(66)}${flag}${'ж'.repeat(9)}`, [66, 13]],
    [`${'ж'.repeat(66)}e\u0301${'ж'.repeat(9)}`, [66, 11]],
    // No part could hold it: it is taken apart, though not within a character of its own.
    [`ж${'😀\u200d'.repeat(30)}`, [67, 24]],
    [`e${'\u0301'.repeat(100)}`, [67, 34]],
    [`жж${'👩\u200d'.repeat(30)}`, [67, 25]],
    [`жжж${'👩\u200d'.repeat(30)}`, [66, 27]],
    ['\ud83d'.repeat(71), [67, 4]],
  ])('%# are of the right length', (text, lengths) => expect(sizes(text)).toEqual(lengths))

  const units = [
    ...'aé€{\r\n ',
    'ж',
    '😀',
    family,
    flag,
    'e\u0301',
    '\u200d',
    '\ufe0f',
    '👍🏽',
    'क्षि',
    '\ud83d',
    '\udc00',
    '\r\n',
  ]
  const texts = fc.array(fc.constantFrom(...units), { maxLength: 400, size: 'max' }).map((some) => some.join(''))

  test('are the text again, each fits, nothing that is seen as one is cut, and no fewer would do', () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.string({ unit: 'binary', maxLength: 400, size: 'max' })), (text) => {
        const { encoding, parts } = smsTextOf(text)
        const [alone, max] = encoding === 'gsm7' ? [160, 153] : [70, 67]
        expect(parts.join('')).toBe(text)
        expect(parts.every((part) => part.isWellFormed()) || !text.isWellFormed()).toBe(true)
        expect(parts.length === 1 || cost(text, encoding) > alone).toBe(true)
        const seams = new Set(parts.map((_part, index) => parts.slice(0, index).join('').length))
        let at = 0
        for (const grapheme of graphemesOf(text)) {
          const inside = Array.from({ length: grapheme.length - 1 }, (_none, index) => at + index + 1)
          if (grapheme.length <= max) expect(inside.filter((place) => seams.has(place))).toEqual([])
          at += grapheme.length
        }
        for (const [index, part] of parts.entries()) {
          const next = parts[index + 1]
          expect(cost(part, encoding)).toBeLessThanOrEqual(parts.length === 1 ? alone : max)
          if (next === undefined) continue
          expect(next).not.toBe('')
          const first = graphemesOf(next)[0] ?? ''
          if (first.length <= max) expect(cost(part, encoding) + cost(first, encoding)).toBeGreaterThan(max)
        }
      }),
    )
  })

  test('a text of 10,000 characters is cut in a moment, whatever it is made of', () => {
    const some = ['a', '€', 'ж', '😀', '\u0301', '\u200d', '🇩', `${family}\u200d`, '\r\n', '\ud83d', 'क्']
    const started = performance.now()
    for (const one of some) {
      const text = one.repeat(10_000 / one.length)
      expect(smsTextOf(text).parts.join('')).toBe(text)
    }
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})

/**
 * The calculator differs where it honestly may: it keeps together what no part can hold, knows the graphemes of an older
 * Unicode, and cuts between a carriage return and its line feed. The texts here leave these out.
 */
describe('the calculator', () => {
  const counted = (text: string) => {
    const message = new SegmentedMessage(text)
    return { encoding: message.encodingName === 'GSM-7' ? 'gsm7' : 'ucs2', count: message.segmentsCount }
  }
  const ours = (text: string) => {
    const { encoding, parts } = smsTextOf(text)
    return { encoding, count: parts.length }
  }

  test.each([
    'Hello',
    'Grüße aus Köln – bis gleich',
    'It costs 5 € [net] ~ {really} | \\o/ ^',
    'a'.repeat(1_600),
    '€'.repeat(400),
    'ж'.repeat(700),
    `${'a'.repeat(159)}€`,
    `${'x'.repeat(152)}${'|'.repeat(200)}`,
    `${'ж'.repeat(66)}😀${'ж'.repeat(66)}😀`,
    family.repeat(40),
    flag.repeat(60),
    '日本語のとても長い文章'.repeat(40),
    'Ünïcödé with “smart quotes” and — dashes '.repeat(20),
  ])('counts the same of %#', (text) => expect(ours(text)).toEqual(counted(text)))

  test('counts the same of whatever is put together', () => {
    const pieces = [...plain.replace('\r', ''), ...extended, 'ж', '日', '“', '😀', family, flag, '👍🏽', 'e\u0301']
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 500, size: 'max' }).map((some) => some.join(''))
    const gsm = fc.string({
      unit: fc.constantFrom(...plain.replace('\r', ''), ...extended),
      maxLength: 700,
      size: 'max',
    })
    fc.assert(fc.property(fc.oneof(text, gsm), (one) => void expect(ours(one)).toEqual(counted(one))))
  })
})
