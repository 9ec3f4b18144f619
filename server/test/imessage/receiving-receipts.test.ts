/** What becomes of our own messages: proved, delivered, read, failed, each told once, whoever says so or nobody. */
import { afterEach, describe, expect, test } from 'vitest'
import type { ClientRef } from '../../src/model/ids.ts'
import { openStand, pollEveryMs, type Stand, type StandOptions } from './receiving-stand.ts'

const ada = '+12025550142'
const bob = '+12025550143'
const oursEveryMs = 5 * 60_000
const stands: Stand[] = []

afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.close()
})

async function openUp(options?: StandOptions): Promise<Stand> {
  const stand = await openStand(options)
  stands.push(stand)
  // A chat that is known, so that a send is a send and no beginning.
  stand.network.person(ada).says('before')
  await expect.poll(() => stand.network.busy).toBe(0)
  await stand.up()
  return stand
}

function receipts(stand: Stand): (string | undefined)[][] {
  return stand.of('receipt').map(({ providerId, status, code }) => [providerId, status, ...(code ? [code] : [])])
}

function echoes(stand: Stand) {
  return stand.of('message').map(({ providerId, echoOf }) => [providerId, echoOf])
}

describe('a send', () => {
  test('of which the server tells twice is proved once, and no message', async () => {
    const stand = await openUp({ refOf: ({ guid }) => `ref of ${guid}` as ClientRef })
    stand.people.set(ada, { receiptAfterMs: null })
    const row = await stand.sends(ada, 'Hi')
    await expect.poll(() => stand.notes.length).toBe(2)
    await expect.poll(() => echoes(stand)).toEqual([[row.guid, `ref of ${row.guid}`]])
    await stand.pass(2 * pollEveryMs)
    expect(stand.host.taken).toHaveLength(1)
    expect(stand.texts()).toEqual([])
  })

  test('that the owner of the Mac made is not told', async () => {
    const stand = await openUp()
    stand.people.set(ada, { receiptAfterMs: null })
    stand.network.owner.says(ada, 'from the Mac itself')
    stand.network.person(ada).says('Hello')
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
    await stand.pass(2 * pollEveryMs)
    expect(stand.host.taken).toHaveLength(1)
  })

  test('is delivered and read, each once, although the server says so several times', async () => {
    const stand = await openUp()
    stand.people.set(ada, { receiptAfterMs: 20, readAfterMs: 20 })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect
      .poll(() => receipts(stand))
      .toEqual([
        [guid, 'delivered'],
        [guid, 'read'],
      ])
    stand.network.faults.resend(3)
    await stand.pass(oursEveryMs)
    expect(receipts(stand)).toHaveLength(2)
  })

  test('is known to be delivered without any call', async () => {
    const stand = await openUp({ webhooks: false })
    stand.people.set(ada, { receiptAfterMs: 20 })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect.poll(() => receipts(stand.later())).toEqual([[guid, 'delivered']])
  })

  test('to a group is delivered although nobody says when', async () => {
    const stand = await openUp()
    for (const person of [ada, bob]) stand.people.set(person, { receiptAfterMs: 20 })
    const group = stand.network.person(ada).startsGroup([bob])
    const draft = { tempId: 'temp', privately: true, replyTo: null, effect: null, text: 'Hi all' }
    const { guid } = await stand.backend.sendText({ ...draft, chat: group as never }, new AbortController().signal)
    await expect.poll(() => receipts(stand.later(100))).toEqual([[guid, 'delivered']])
    expect(stand.of('receipt')[0]?.at.getTime()).toBeGreaterThan(0)
  })

  test('that is read hours later is told as read, and as nothing else', async () => {
    const stand = await openUp()
    stand.people.set(ada, { receiptAfterMs: 20 })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect.poll(() => receipts(stand)).toEqual([[guid, 'delivered']])
    const toldBefore = stand.notes.length
    stand.clock.advance(3 * 3_600_000)
    stand.network.person(ada).reads()
    // The server has forgotten that it told of it, and calls it a new message.
    await expect.poll(() => stand.notes.slice(toldBefore)).toContainEqual({ what: 'rows' })
    await expect
      .poll(() => receipts(stand.later(10_000)))
      .toEqual([
        [guid, 'delivered'],
        [guid, 'read'],
      ])
    expect(stand.texts()).toEqual([])
  })

  test('that arrives only when the phone is switched on again is told then', async () => {
    const stand = await openUp({ webhooks: false })
    stand.people.set(ada, { receiptAfterMs: 20 * 3_600_000 })
    const { guid } = await stand.sends(ada, 'Hi')
    stand.receiving.follow(guid)
    await stand.pass(120_000)
    expect(receipts(stand)).toEqual([])
    stand.clock.advance(20 * 3_600_000)
    await expect.poll(() => receipts(stand.later(10_000))).toEqual([[guid, 'delivered']])
  })
})

describe('a send that fails after it was answered', () => {
  test.each([[22], [34], [3]])(
    'with %i is told within a minute to whoever follows it, with its number',
    async (code) => {
      const stand = await openUp()
      stand.network.faults.nextSends({ kind: 'errorLater', code, afterMs: 3_000 })
      const { guid } = await stand.sends(ada, 'Hi')
      stand.receiving.follow(guid)
      const begunMs = stand.clock.now()
      await expect.poll(() => receipts(stand.later(250))).toEqual([[guid, 'failed', `imessage_error_${code}`]])
      expect(stand.clock.now() - begunMs).toBeLessThan(10_000)
      expect(stand.of('receipt')[0]?.detail).toMatch(/^[A-Z].+\.( \(\d+\))?/)
      await stand.pass(oursEveryMs)
      expect(receipts(stand)).toHaveLength(1)
    },
  )

  test('is told to those who do not follow it too, a little later', async () => {
    const stand = await openUp()
    stand.network.faults.nextSends({ kind: 'errorLater', code: 22, afterMs: 3_000 })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect.poll(() => receipts(stand.later(1_000))).toEqual([[guid, 'failed', 'imessage_error_22']])
  })

  test('is told when the server says so, whatever it calls it', async () => {
    const stand = await openUp()
    stand.network.faults.nextSends({ kind: 'errorLater', code: 22, afterMs: 50, isTold: true })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect.poll(() => receipts(stand.later(1_000))).toEqual([[guid, 'failed', 'imessage_error_22']])
  })

  test('is told after a start although it was sent hours before', async () => {
    const stand = await openUp()
    stand.people.set(ada, { receiptAfterMs: null })
    stand.network.faults.nextSends({ kind: 'errorLater', code: 22, afterMs: 3_600_000 })
    const { guid } = await stand.sends(ada, 'Hi')
    await expect.poll(() => echoes(stand)).toHaveLength(1)
    await stand.down()
    stand.clock.advance(10 * 3_600_000)
    await stand.up()
    await expect.poll(() => receipts(stand)).toEqual([[guid, 'failed', 'imessage_error_22']])
  })
})

describe('asking', () => {
  test('goes on for a minute, more and more seldom, and then no more', async () => {
    const stand = await openUp({ webhooks: false })
    stand.people.set(ada, { receiptAfterMs: null })
    const { guid } = await stand.sends(ada, 'Hi')
    const asked = () => stand.network.requests().filter(({ path }) => path.includes(`/message/${guid}`)).length
    stand.receiving.follow(guid)
    await expect.poll(() => stand.later(1_000) && asked()).toBe(7)
    await stand.pass(10 * 60_000)
    expect(asked()).toBe(7)
  })

  test('ends when it is delivered', async () => {
    const stand = await openUp({ webhooks: false })
    stand.people.set(ada, { receiptAfterMs: 10 })
    const { guid } = await stand.sends(ada, 'Hi')
    const asked = () => stand.network.requests().filter(({ path }) => path.includes(`/message/${guid}`)).length
    stand.receiving.follow(guid)
    await expect.poll(() => receipts(stand.later(250))).toEqual([[guid, 'delivered']])
    await stand.pass(120_000)
    // Once more where the row itself was still to be told.
    expect(asked()).toBeLessThanOrEqual(2)
  })

  test('about a thousand calls takes few questions', async () => {
    const stand = await openUp()
    const guid = stand.network.person(bob).says('Helo')
    await expect.poll(() => stand.texts()).toEqual(['Helo'])
    stand.network.person(bob).edits(guid, 'Hello')
    await expect.poll(() => stand.of('edit')).toHaveLength(1)
    const before = stand.network.requests().length
    for (let nth = 0; nth < 1_000; nth += 1) {
      stand.receiving.hear({ what: 'rows' })
      stand.receiving.hear({ what: 'changed', guid: `${guid}-${nth}` })
    }
    await stand.pass(10_000)
    expect(stand.network.requests().length - before).toBeLessThan(40)
    expect(stand.host.taken).toHaveLength(2)
  })
})
