/** What a message becomes on iMessage, case by case. */
import { describe, expect, test } from 'vitest'
import { blankFile } from '../../../../test/support/blank-file.ts'
import type { Handle } from '../../../model/ids.ts'
import type { OutgoingFile } from '../../../model/media/file.ts'
import { newOutgoing } from '../../conformance-stage.ts'
import type { Outgoing } from '../../connector.ts'
import { type Bubble, bubblesFor, patienceFor } from './bubbles.ts'

const file = (filename: string, more: Partial<OutgoingFile> = {}): OutgoingFile => ({
  ...blankFile({ kind: 'image', mimeType: 'image/png', bytes: 1 }),
  ...{ id: filename, filename },
  ...more,
})
const linked = (nth: number, more: Partial<OutgoingFile> = {}) => file('x.png', { id: `media-${nth}`, ...more })
const voice = file('memo.m4a', { kind: 'audio', voiceNote: true })
const location = { title: null, latitude: 1, longitude: -2.5 }
const mentions = [{ handle: '+14155550101' as Handle, start: 0, length: 3 }]
const map = 'https://maps.apple.com/?ll=1%2C-2.5'

const message = (what: Partial<Outgoing>) =>
  newOutgoing('imessage', { handle: '+14155550100' as Handle }, { text: null, ...what })

/** "text", "[file]" and "{text+file+file}". */
function shown(bubble: Bubble): string {
  if (bubble.kind === 'text') return bubble.text
  if (bubble.kind === 'file') return `[${bubble.name}]`
  const names = bubble.files.map(({ name }) => name)
  return `{${[bubble.text ?? '', ...names].join('+')}${bubble.mentions.length > 0 ? '@' : ''}}`
}

const [a, b, c] = [file('a.png'), file('b.png'), file('c.png')]
const cases: [what: string, Partial<Outgoing>, privately: string[], scripted: string[], opening: string[]][] = [
  ['a text', { text: 'Hi' }, ['Hi'], ['Hi'], ['Hi']],
  ['a file', { attachments: [a] }, ['[a.png]'], ['[a.png]'], ['[a.png]']],
  ['a text and a file', { text: 'Hi', attachments: [a] }, ['Hi', '[a.png]'], ['Hi', '[a.png]'], ['Hi', '[a.png]']],
  [
    'a text and two files',
    { text: 'Hi', attachments: [a, b] },
    ['Hi', '{+a.png+b.png}'],
    ['Hi', '[a.png]', '[b.png]'],
    ['Hi', '{+a.png+b.png}'],
  ],
  [
    'three files',
    { attachments: [a, b, c] },
    ['{+a.png+b.png+c.png}'],
    ['[a.png]', '[b.png]', '[c.png]'],
    ['[a.png]', '{+b.png+c.png}'],
  ],
  [
    'pictures by links',
    { text: 'Hi', attachments: [linked(0), linked(1)] },
    ['{Hi+x.png+x 2.png}'],
    ['Hi', '[x.png]', '[x 2.png]'],
    ['Hi', '{+x.png+x 2.png}'],
  ],
  [
    'one picture by a link',
    { text: 'Hi', attachments: [linked(0)] },
    ['Hi', '[x.png]'],
    ['Hi', '[x.png]'],
    ['Hi', '[x.png]'],
  ],
  [
    'links to what are no pictures',
    { text: 'Hi', attachments: [linked(0), linked(1, { kind: 'document' })] },
    ['Hi', '{+x.png+x 2.png}'],
    ['Hi', '[x.png]', '[x 2.png]'],
    ['Hi', '{+x.png+x 2.png}'],
  ],
  ['a voice note', { attachments: [voice] }, ['[memo.caf]'], ['[memo.caf]'], ['[memo.caf]']],
  [
    'a voice note among files',
    { text: 'Hi', attachments: [a, voice, b] },
    ['Hi', '{+a.png+b.png}', '[memo.caf]'],
    ['Hi', '[a.png]', '[memo.caf]', '[b.png]'],
    ['Hi', '{+a.png+b.png}', '[memo.caf]'],
  ],
  ['a place', { location }, [map], [map], [map]],
  ['a text and a place', { text: 'Hi', location }, ['Hi', map], ['Hi', map], ['Hi', map]],
  ['a place and a file', { location, attachments: [a] }, ['[a.png]', map], ['[a.png]', map], [map, '[a.png]']],
  ['mentions', { text: 'Bob!', mentions }, ['{Bob!@}'], ['Bob!'], ['Bob!']],
  [
    'pictures by links with mentions',
    { text: 'Bob!', mentions, attachments: [linked(0), linked(1)] },
    ['{Bob!+x.png+x 2.png@}'],
    ['Bob!', '[x.png]', '[x 2.png]'],
    ['Bob!', '{+x.png+x 2.png}'],
  ],
  ['nothing', {}, [], [], []],
]

test.each(cases)('%s', (_what, content, privately, scripted, opening) => {
  const whole = message(content)
  expect(bubblesFor(whole, { manner: 'private', opensChat: false }).map(shown)).toEqual(privately)
  expect(bubblesFor(whole, { manner: 'script', opensChat: false }).map(shown)).toEqual(scripted)
  expect(bubblesFor(whole, { manner: 'private', opensChat: true }).map(shown)).toEqual(opening)
})

describe('what it answers and its effect', () => {
  const replyTo = { chat: 'c', providerId: 'GUID', fromMe: false, text: null } as unknown as Outgoing['replyTo']
  const asked = message({ text: 'Hi', attachments: [a], replyTo, effect: 'slam' })
  const marks = ({ replyTo: answered, effect }: Bubble) => [answered, effect]

  test('are on the first bubble', () => {
    expect(bubblesFor(asked, { manner: 'private', opensChat: false }).map(marks)).toEqual([
      ['GUID', 'slam'],
      [null, null],
    ])
  })

  test('are on none that a script sends', () => {
    const none = bubblesFor(asked, { manner: 'script', opensChat: false }).map(marks)
    expect(none.flat()).toEqual([null, null, null, null])
  })
})

test.each([
  [{ text: 'Hi' }, 240],
  [{ attachments: [a] }, 600],
  [{ text: 'Hi', attachments: [a] }, 840],
  [{ text: 'Hi', attachments: [a, b] }, 1_140],
  [{ text: 'Hi', attachments: [a, b, voice], location }, 1_200],
] as const)('its patience: %#', (content, seconds) => {
  expect(patienceFor(message(content))).toBe(seconds * 1_000)
})
