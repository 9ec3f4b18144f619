/** Names of files are harmless on the Mac, whatever somebody called them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namesFor, safeName } from './file-names.ts'

test.each([
  ['holiday.jpeg', 'holiday.jpeg'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\Users\\me\\report.pdf', 'report.pdf'],
  ['.bashrc', 'bashrc'],
  ['-rf', 'rf'],
  ['--', 'file'],
  ['', 'file'],
  ['/', 'file'],
  ['Übersicht für März.pdf', 'Ubersicht fur Marz.pdf'],
  ['写真.png', 'file.png'],
  ['a$(reboot)`x`"b\';c.png', 'a_reboot_x_b_c.png'],
  ['line\nbreak\u0000.txt', 'line_break_.txt'],
  ['two..dots...png', 'two.dots.png'],
  ['ends in a dot.', 'ends in a dot'],
  ['archive.tar.gz', 'archive.tar.gz'],
  ['odd.p n g', 'odd.p n g'],
])('%j is called %j', (given, name) => {
  expect(safeName(given)).toBe(name)
})

const plain = { filename: 'x.png', kind: 'image', mimeType: 'image/png', voiceNote: false } as const

test('no two files of a message are called the same, in whatever letters', () => {
  const files = ['x.png', 'X.png', 'x 2.png', 'x.png', null].map((filename) => ({ ...plain, filename }))
  expect(namesFor(files)).toEqual(['x.png', 'X 2.png', 'x 2 2.png', 'x 3.png', 'image.png'])
})

test('voice notes are what the Mac takes for voice notes, and others get the ending of what they are', () => {
  const voice = { filename: 'memo.mp3', kind: 'audio', mimeType: 'audio/x-caf; codecs=opus', voiceNote: true } as const
  expect(namesFor([voice, { ...voice, filename: null }])).toEqual(['memo.caf', 'Audio Message.caf'])
  const others = [
    { ...plain, filename: 'no ending' },
    { ...plain, filename: null, kind: 'document', mimeType: 'application/pdf' },
    { ...plain, filename: 'v1.2 final draft of it', kind: 'document', mimeType: 'application/x-unknown' },
  ] as const
  expect(namesFor(others)).toEqual(['no ending.png', 'document.pdf', 'v1.2 final draft of it'])
})

test('whatever they are called: short, plain, no way out, with their ending, and all different', () => {
  const filename = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom('..', './', 'x.caf'),
  )
  const file = fc.record({ filename: fc.option(filename), voiceNote: fc.boolean() })
  fc.assert(
    fc.property(fc.array(file, { maxLength: 8 }), (files) => {
      const names = namesFor(files.map((one) => ({ ...plain, ...one })))
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}$/)
      for (const name of names) expect(name).not.toContain('..')
      for (const [nth, { voiceNote }] of files.entries()) if (voiceNote) expect(names[nth]).toMatch(/\.caf$/)
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(files.length)
    }),
  )
  const long = namesFor([
    { ...plain, filename: `${'a'.repeat(300)}.jpeg` },
    { ...plain, filename: `${'a'.repeat(300)}.jpeg` },
  ])
  expect(long.map((name) => [name.length, name.endsWith('.jpeg')])).toEqual([
    [100, true],
    [100, true],
  ])
})
