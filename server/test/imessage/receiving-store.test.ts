/** What came in is told until it is durable, to a store that refuses, is stuck or cannot take one of them, and order holds. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Incoming } from '../../src/channels/connector.ts'
import { openStand, pollEveryMs, type Stand, type StandOptions } from './receiving-stand.ts'

const ada = '+12025550142'
const bob = '+12025550143'
const entryKey = 'receiving/rows'
const stands: Stand[] = []

afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.close()
})

async function openUp(options?: StandOptions): Promise<Stand> {
  const stand = await openStand(options)
  stands.push(stand)
  await stand.up()
  return stand
}

function keptRow({ host }: Stand): number {
  return JSON.parse(new TextDecoder().decode(host.entries.get(entryKey))).row
}

const isText = (event: Incoming, text: string) => event.kind === 'message' && event.text === text

describe('a store that refuses', () => {
  test('is told again, in the same order', async () => {
    const stand = await openUp()
    stand.host.refuse(7)
    for (const text of ['one', 'two', 'three']) stand.network.person(ada).says(text)
    await expect.poll(() => stand.later(250).texts()).toEqual(['one', 'two', 'three'])
    await stand.pass(2 * pollEveryMs)
    expect(stand.texts()).toEqual(['one', 'two', 'three'])
  })

  test('is told after the next start what it did not take before', async () => {
    const stand = await openUp()
    stand.host.refuse(1_000)
    stand.network.person(ada).says('Hello')
    await expect.poll(() => stand.later(250).logged.length).toBeGreaterThan(3)
    await stand.down()
    stand.host.refuse(0)
    await stand.up()
    await expect.poll(() => stand.texts()).toEqual(['Hello'])
  })

  test('never has the cursor before the message', async () => {
    const stand = await openUp()
    const before = keptRow(stand)
    stand.host.refuse(6)
    stand.network.person(ada).says('Hello')
    await expect
      .poll(() => {
        if (stand.texts().length === 0) expect(keptRow(stand)).toBe(before)
        return stand.later(100).texts()
      })
      .toEqual(['Hello'])
    await expect.poll(() => keptRow(stand)).toBe(before + 1)
  })
})

describe('a store that is stuck', () => {
  test('holds up no end of the link, and is told the same after the next start', async () => {
    const stand = await openUp()
    stand.host.hold()
    for (const text of ['one', 'two']) stand.network.person(ada).says(text)
    await expect.poll(() => stand.notes.length).toBe(2)
    await stand.down()
    stand.host.release()
    expect(stand.texts()).toEqual([])
    await stand.up()
    await expect.poll(() => stand.texts()).toEqual(['one', 'two'])
  })

  test('for one chat holds up no other', async () => {
    const receive: StandOptions['receive'] = (event, take) =>
      event.kind === 'message' && event.from === ada ? new Promise<void>(() => undefined) : take()
    const stand = await openUp({ receive })
    stand.network.person(ada).says('stuck')
    for (const text of ['one', 'two', 'three']) stand.network.person(bob).says(text)
    await expect.poll(() => stand.texts()).toEqual(['one', 'two', 'three'])
  })
})

describe('a message that alone is refused', () => {
  test('holds up its own chat for ten minutes and nobody else, and is told when it is taken at last', async () => {
    let isRefused = true
    const receive: StandOptions['receive'] = async (event, take) => {
      if (isRefused && isText(event, 'bad')) throw new Error('That cannot be stored.')
      await take()
    }
    const stand = await openUp({ receive })
    for (const text of ['good', 'bad', 'after it']) stand.network.person(ada).says(text)
    stand.network.person(bob).says('elsewhere')
    await expect.poll(() => stand.texts().toSorted()).toEqual(['elsewhere', 'good'])
    await stand.pass(5 * 60_000)
    expect(stand.texts().toSorted()).toEqual(['elsewhere', 'good'])
    await expect.poll(() => stand.later(5_000).texts()).toContain('after it')
    await stand.down()
    await stand.up()
    await stand.pass(10 * 60_000)
    expect(stand.texts().toSorted()).toEqual(['after it', 'elsewhere', 'good'])
    isRefused = false
    await expect.poll(() => stand.later(5_000).texts()).toContain('bad')
    await stand.pass(10 * 60_000)
    expect(stand.texts().toSorted()).toEqual(['after it', 'bad', 'elsewhere', 'good'])
    expect(stand.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(JSON.stringify(stand.logged)).not.toContain('bad')
  })

  test('is given up after a day, which is an error', async () => {
    const receive: StandOptions['receive'] = async (event, take) => {
      if (isText(event, 'bad')) throw new Error('That cannot be stored.')
      await take()
    }
    const stand = await openUp({ receive })
    stand.network.person(ada).says('bad')
    const errors = () => stand.logged.filter(({ level }) => level === 'error').map(({ message }) => message)
    await expect.poll(() => stand.later(5_000) && errors()).toHaveLength(1)
    await stand.pass(60_000)
    stand.clock.advance(24 * 3_600_000)
    await expect.poll(() => stand.later(5_000) && errors()).toHaveLength(2)
  })

  test('is not put aside while the store takes nothing at all: order is kept, however long it takes', async () => {
    let isAway = true
    const receive: StandOptions['receive'] = async (_, take) => {
      if (isAway) throw new Error('The store is away.')
      await take()
    }
    const stand = await openUp({ receive })
    const { put } = stand.host.vault
    stand.host.vault.put = async (entries) => {
      if (isAway) throw new Error('The store is away.')
      await put(entries)
    }
    for (const text of ['one', 'two', 'three']) stand.network.person(ada).says(text)
    await stand.pass(30 * 60_000)
    isAway = false
    await expect.poll(() => stand.later(5_000).texts()).toEqual(['one', 'two', 'three'])
    expect(stand.logged.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('the cursor', () => {
  test('is written once for a page, and not at all when nothing has come', async () => {
    const stand = await openUp()
    await stand.down()
    for (let nth = 0; nth < 500; nth += 1) stand.network.person(nth % 2 ? ada : bob).says(`${nth}`)
    const writes = countWrites(stand)
    await stand.up()
    await expect.poll(() => stand.texts()).toHaveLength(500)
    await expect.poll(() => keptRow(stand)).toBe(500)
    await stand.pass(10 * pollEveryMs)
    expect(writes()).toBe(1)
  })

  test('that cannot be written costs nothing but being told again', async () => {
    const stand = await openUp()
    const { put } = stand.host.vault
    let failures = 1
    stand.host.vault.put = async (entries) => {
      failures -= 1
      if (failures >= 0) throw new Error('The store is away.')
      await put(entries)
    }
    stand.network.person(ada).says('one')
    await expect.poll(() => stand.logged.length).toBe(1)
    stand.network.person(ada).says('two')
    await expect.poll(() => keptRow(stand)).toBe(2)
    expect(stand.texts()).toEqual(['one', 'two'])
  })

  test('that cannot be read at first is asked for again', async () => {
    const stand = await openStand()
    stands.push(stand)
    await stand.up()
    await stand.down()
    stand.network.person(ada).says('Hello')
    const { get } = stand.host.vault
    let failures = 2
    const control = new AbortController()
    stand.host.vault.get = async (key) => {
      failures -= 1
      if (failures >= 0) throw new Error('The store is away.')
      return get(key)
    }
    const ended = stand.receiving.keepReceiving(control.signal)
    await expect.poll(() => stand.later().texts()).toEqual(['Hello'])
    control.abort()
    await ended
  })
})

describe('a server that is away', () => {
  test('is asked again, and what came meanwhile is told', async () => {
    const stand = await openUp()
    await stand.network.cut('refuses')
    stand.network.person(ada).says('Hello')
    await stand.pass(60_000)
    expect(stand.texts()).toEqual([])
    await stand.network.mend()
    await expect.poll(() => stand.later().texts()).toEqual(['Hello'])
    expect(JSON.stringify(stand.logged)).not.toContain(stand.network.password)
  })

  test('and never answers holds up no end of the link', async () => {
    const stand = await openUp()
    await stand.network.cut('silent')
    stand.receiving.hear({ what: 'rows' })
    await expect.poll(() => stand.network.hanging).toBeGreaterThan(0)
    await stand.down()
    await stand.network.mend()
    await expect.poll(() => stand.network.hanging).toBe(0)
  })
})

function countWrites({ host }: Stand): () => number {
  const { put } = host.vault
  let writes = 0
  host.vault.put = async (entries) => {
    writes += 1
    await put(entries)
  }
  return () => writes
}
