/** Which message came again and which is a new one with the same words, told from when and over what it came. */
import { describe, expect, test } from 'vitest'
import { decode, encode, type Pdu } from '../pdu.ts'
import { Heard } from './heard.ts'

function said(text: string, sequence = 1): Pdu {
  const frame = decode(
    encode({ command: 'deliver_sm', sequence }, { source: '12025550177', shortMessage: Buffer.from(text) }),
  )
  if (!('pdu' in frame)) throw new Error('it is no PDU')
  return frame.pdu
}

function setUp() {
  let now = 0
  const heard = new Heard({ monotonic: () => now, sleep: async () => undefined })
  return { heard, pass: (ms: number) => (now += ms) }
}

const [first, second] = [{ session: 1 }, { session: 2 }]

describe('the same words', () => {
  test('on the same session are another message', () => {
    const { heard } = setUp()
    expect(heard.open(said('yes', 1), first).id).not.toBe(heard.open(said('yes', 2), first).id)
  })

  test('after we asked for them again are the same message, once', () => {
    const { heard } = setUp()
    const one = heard.open(said('yes'), first)
    heard.again(one, first)
    expect(heard.open(said('no'), first).id).not.toBe(one.id)
    expect(heard.open(said('yes'), first).id).toBe(one.id)
    expect(heard.open(said('yes'), first).id).not.toBe(one.id)
  })

  test('on the next session are the same message, as long as nothing proves that the SMSC heard us', () => {
    const { heard } = setUp()
    const deliveries = ['unanswered', 'unproved', 'proved'].map((text) => heard.open(said(text), first))
    for (const [index, delivery] of deliveries.entries()) {
      delivery.taken = index > 0
      if (index > 0) heard.acknowledged(delivery, 10 - index)
    }
    heard.proved(first, 9)
    heard.proved(second, 99)
    heard.left(first)
    const again = deliveries.map(({ id }, index) => {
      const one = heard.open(said(['unanswered', 'unproved', 'proved'][index] ?? ''), second)
      return [one.id === id, one.taken]
    })
    expect(again).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ])
  })

  test('a while after the session ended are a new message if the first was taken', () => {
    const { heard, pass } = setUp()
    const [taken, missed] = [heard.open(said('taken'), first), heard.open(said('missed'), first)]
    taken.taken = true
    heard.left(first)
    pass(60_001)
    const later = heard.open(said('taken'), second)
    expect([later.id === taken.id, later.taken]).toEqual([false, false])
    expect(heard.open(said('missed'), second).id).toBe(missed.id)
  })
})

test('the while begins when somebody may bring it again, however long nobody was there', () => {
  const { heard, pass } = setUp()
  const taken = heard.open(said('taken'), first)
  taken.taken = true
  heard.left(first)
  pass(600_000)
  heard.resume()
  pass(59_000)
  expect(heard.open(said('taken'), second).id).toBe(taken.id)
})

test('only so much is remembered', () => {
  const { heard } = setUp()
  const oldest = heard.open(said('0'), first)
  for (let index = 1; index <= 10_000; index += 1) heard.open(said(`${index}`), first)
  heard.left(first)
  expect(heard.open(said('0'), second).id).not.toBe(oldest.id)
})
