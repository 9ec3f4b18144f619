/**
 * The link is down for a minute while twenty people write a thousand messages, and whatever the server calls out is lost
 * at random: afterwards each message has come once, in the order of its chat, and nothing old as new.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { openStand, pollEveryMs, type Stand, type StandOptions } from './receiving-stand.ts'

const people = Array.from({ length: 20 }, (_, nth) => `+120255502${String(nth).padStart(2, '0')}`)
const messagesMax = 1_000
const stands: Stand[] = []

afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.close()
})

/** The same seed makes the same choices: the generator Mulberry32. */
function diceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    const once = Math.imul(state ^ (state >>> 15), 1 | state)
    const twice = (once + Math.imul(once ^ (once >>> 7), 61 | once)) ^ once
    return ((twice ^ (twice >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Written {
  guid: string
  chat: string
}

interface Writing {
  stand: Stand
  dice(): number
  written: Written[]
  /** Three of the twenty write in a group as often as in their own chats. */
  group: string
}

async function openWriting(seed: number, options: StandOptions = {}): Promise<Writing> {
  const stand = await openStand(options)
  stands.push(stand)
  for (const person of people) stand.network.person(person).says('long ago')
  const group = stand.network.person(people[0] ?? '').startsGroup(people.slice(1, 3), { text: 'long ago' })
  stand.network.faults.loseWebhooks({ share: 0.5, seed })
  await stand.up()
  return { stand, dice: diceOf(seed), written: [], group }
}

function write({ stand, dice, written, group }: Writing, count: number): void {
  for (let nth = 0; nth < count; nth += 1) {
    const at = Math.floor(dice() * people.length)
    const person = stand.network.person(people[at] ?? '')
    const inGroup = at < 3 && dice() < 0.5
    const guid = person.says(`message ${written.length}`, inGroup ? { to: group } : {})
    written.push({ guid, chat: inGroup ? group : `iMessage;-;${person.address}` })
  }
}

async function expectAllOnce({ stand, written }: Writing): Promise<void> {
  await expect
    .poll(() => stand.later(100).messages().length, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(written.length)
  // Silence, too: nothing more comes however often is asked.
  await stand.pass(4 * pollEveryMs)
  expect(byChat(stand.messages().map(({ providerId, chat }) => ({ guid: providerId, chat })))).toEqual(byChat(written))
  expect(stand.host.taken).toHaveLength(written.length)
}

function byChat(told: readonly Written[]): Record<string, string[]> {
  const chats: Record<string, string[]> = {}
  for (const { guid, chat } of told) {
    const list = chats[chat] ?? []
    list.push(guid)
    chats[chat] = list
  }
  return chats
}

/** Before the link goes down, while it is, and after it has come back. */
async function writeThrough(writing: Writing, meanwhile: (part: number) => void = () => {}): Promise<void> {
  const { stand } = writing
  const parts = 10
  write(writing, messagesMax / parts)
  await expect.poll(() => stand.later(100).messages().length).toBe(writing.written.length)
  await stand.down()
  for (let part = 0; part < parts - 2; part += 1) {
    write(writing, messagesMax / parts)
    meanwhile(part)
    await stand.pass(60_000 / (parts - 2))
  }
  await stand.up()
  write(writing, messagesMax / parts)
}

describe.each([1, 2, 3])('with the dice of seed %i', (seed) => {
  test('every message comes once and in order', async () => {
    const writing = await openWriting(seed)
    await writeThrough(writing)
    await expectAllOnce(writing)
  })

  test('no message of an old store that comes in between is told as new', async () => {
    const writing = await openWriting(seed)
    const { stand, dice } = writing
    await writeThrough(writing, (part) => {
      const old = Array.from({ length: 100 }, (_, nth) => {
        const from = people[Math.floor(dice() * people.length)] ?? ''
        return { from, text: `old ${part} ${nth}`, agoMs: Math.floor((1 + dice() * 300) * 24 * 3_600_000) }
      })
      stand.network.faults.backfill(old)
    })
    await expectAllOnce(writing)
    const oldCount = () => stand.logged.reduce((sum, { facts }) => sum + Number(facts.oldCount ?? 0), 0)
    await expect.poll(() => stand.later(10_000) && oldCount()).toBe(800)
  })

  test('a store that refuses now and then gets them all, and in order', async () => {
    const refusing = diceOf(seed + 100)
    const receive: StandOptions['receive'] = async (_, take) => {
      if (refusing() < 0.1) throw new Error('The store is away.')
      await take()
    }
    const writing = await openWriting(seed, { receive })
    await writeThrough(writing)
    await expectAllOnce(writing)
  })
})

test('a server that starts again in the middle, and tells old messages as new, changes nothing', async () => {
  const writing = await openWriting(4)
  await writeThrough(writing, () => writing.stand.network.faults.restart(50))
  writing.stand.network.faults.restart(500)
  await expectAllOnce(writing)
})

test('more than a page of the server’s is told at one go, once and in order', async () => {
  const writing = await openWriting(5, { webhooks: false })
  const { stand, written } = writing
  await stand.down()
  write(writing, 3_500)
  await stand.up()
  await expect.poll(() => stand.messages().length, { timeout: 25_000 }).toBe(written.length)
  await expectAllOnce(writing)
})

test('a link that comes and goes tells in the end each of them, each in its order', async () => {
  const writing = await openWriting(6)
  const { stand } = writing
  for (let round = 0; round < 20; round += 1) {
    write(writing, 50)
    await stand.pass(1_000 * writing.dice())
    await stand.down()
    await stand.up()
  }
  await expect.poll(() => new Set(stand.messages().map(({ providerId }) => providerId)).size).toBe(1_000)
  // What was taken as the link went may be told again, under its own id: what counts is the first time.
  const seen = new Set<string>()
  const first = stand.messages().filter(({ providerId }) => !seen.has(providerId) && seen.add(providerId))
  expect(byChat(first.map(({ providerId, chat }) => ({ guid: providerId, chat })))).toEqual(byChat(writing.written))
})
