/** Which of a network's tellings are echoes of what callers asked for, which of those are old, and for how long that is remembered. */
import { describe, expect, test } from 'vitest'
import { type ChatChange, memberOf, type Origin } from './chat-change.ts'
import {
  answered,
  awaiting,
  echoed,
  echoWithinMs,
  isNewPhoto,
  isTouched,
  nothingRecent,
  type Recent,
  recentAt,
  touch,
  withdrawn,
  withPhoto,
} from './echo.ts'
import type { Handle } from './ids.ts'

const title = (name: string): ChatChange => ({ what: 'title', title: name })
const bob = memberOf('+14155550178' as Handle)
const joined: ChatChange = { what: 'joined', member: bob }
const left: ChatChange = { what: 'left', member: bob }
const photo = (mark: string | null): ChatChange => ({ what: 'photo', photo: { mark, url: null } })

type Step = ['ask' | 'refuse' | 'news' | 'same' | 'notice', ChatChange]

/** What each telling came to, and what is still awaited. */
function play(steps: readonly Step[], start: Recent = nothingRecent) {
  let recent = start
  const came: (string | null)[] = []
  for (const [what, change] of steps) {
    if (what === 'ask') recent = awaiting(recent, change, 'asked', 0)
    else if (what === 'refuse') recent = withdrawn(recent, change)
    else if (what === 'notice') {
      const { echo, recent: after } = echoed(recent, change)
      recent = after
      came.push(echo)
    } else {
      const { stage, recent: after } = answered(recent, { change, isNews: what === 'news' }, 0)
      recent = after
      came.push(stage)
    }
  }
  return { came, left: recent.awaited.map(({ stage }) => stage) }
}

const [a, b, c] = [title('A'), title('B'), title('C')]

describe('a change that a caller asks for', () => {
  test.each<[string, Step[], (string | null)[], string[]]>([
    [
      'is told with the answer, and its echo is the last word',
      [
        ['ask', a],
        ['news', a],
        ['notice', a],
      ],
      ['asked', 'last'],
      [],
    ],
    [
      'is told with its echo, if that comes first',
      [
        ['ask', a],
        ['notice', a],
        ['news', a],
      ],
      ['last', 'heard'],
      [],
    ],
    [
      'has one echo',
      [
        ['ask', a],
        ['news', a],
        ['notice', a],
        ['notice', a],
      ],
      ['asked', 'last', 'none'],
      [],
    ],
    [
      'is forgotten when it is refused',
      [
        ['ask', a],
        ['refuse', a],
        ['notice', a],
      ],
      ['none'],
      [],
    ],
    [
      'is forgotten when it is refused after its echo',
      [
        ['ask', a],
        ['notice', a],
        ['refuse', a],
      ],
      ['last'],
      [],
    ],
    [
      'is not the same as another',
      [
        ['ask', a],
        ['notice', b],
      ],
      ['none'],
      ['crossed'],
    ],
    [
      'waits for its echo after another',
      [
        ['ask', a],
        ['notice', b],
        ['news', a],
        ['notice', a],
      ],
      ['none', 'crossed', 'last'],
      [],
    ],
    [
      'is not crossed by what is about something else',
      [
        ['ask', joined],
        ['notice', a],
        ['news', joined],
      ],
      ['none', 'asked'],
      ['told'],
    ],
    [
      'is crossed by its opposite',
      [
        ['ask', joined],
        ['notice', left],
        ['news', joined],
      ],
      ['none', 'crossed'],
      ['due'],
    ],
    [
      'that changed nothing is told with its echo after another',
      [
        ['ask', a],
        ['same', a],
        ['notice', b],
      ],
      ['asked', 'none'],
      ['due'],
    ],
  ])('%s', (_what, steps, came, rest) => {
    expect(play(steps)).toEqual({ came, left: rest })
  })

  test('has an old echo when a caller has changed the same thing since', () => {
    const steps: Step[] = [a, b].flatMap((one): Step[] => [
      ['ask', one],
      ['news', one],
    ])
    expect(play([...steps, ['notice', a], ['notice', b]])).toEqual({
      came: ['asked', 'asked', 'old', 'last'],
      left: [],
    })
    expect(play([...steps, ['notice', b]])).toEqual({ came: ['asked', 'asked', 'last'], left: [] })
    expect(play([...steps, ['notice', c]])).toEqual({ came: ['asked', 'asked', 'none'], left: ['told', 'told'] })
  })

  test('of which nobody knew is nobody’s', () => {
    expect(play([['news', a]])).toEqual({ came: [null], left: [] })
    expect(play([['news', a]], awaiting(nothingRecent, a, 'told', 0))).toEqual({ came: [null], left: ['told'] })
  })
})

test('nothing is remembered for longer than an echo may take', () => {
  const known = withPhoto(touch(awaiting(nothingRecent, a, 'told', 1_000), a, 1_000), photo('x'), 'caller', 1_000)
  expect(recentAt(known, 1_000 + echoWithinMs - 1)).toEqual(known)
  expect(recentAt(known, 1_000 + echoWithinMs)).toEqual(nothingRecent)
})

test('what was touched is known by what it is about', () => {
  const known = touch(touch(nothingRecent, joined, 0), a, 0)
  expect(['title', `member ${bob.handle}`, 'photo', 'constructor'].map((about) => isTouched(known, about))).toEqual([
    ...[true, true, false, false],
  ])
})

test.each<[string, [ChatChange, Origin][], boolean[]]>([
  [
    'the other’s telling of it is none',
    [
      [photo('x'), 'caller'],
      [photo('x'), 'network'],
    ],
    [true, false],
  ],
  [
    'either may set it again after both have told',
    [
      [photo('x'), 'caller'],
      [photo('x'), 'network'],
      [photo('x'), 'network'],
    ],
    [true, false, true],
  ],
  [
    'the same by the same is another',
    [
      [photo(null), 'network'],
      [photo(null), 'network'],
    ],
    [true, true],
  ],
  [
    'another is',
    [
      [photo('x'), 'caller'],
      [photo('y'), 'network'],
      [photo('x'), 'caller'],
    ],
    [true, true, true],
  ],
])('a picture is news: %s', (_what, tellings, expected) => {
  let recent = nothingRecent
  const news = tellings.map(([change, by]) => {
    const isNew = isNewPhoto(recent, change, by)
    recent = withPhoto(recent, change, by, 0)
    return isNew
  })
  expect(news).toEqual(expected)
})
