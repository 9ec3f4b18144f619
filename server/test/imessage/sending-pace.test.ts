/** How fast a line writes over iMessage: one at a time in a chat, few at once, no faster than it may, to few new people a day. */
import { afterEach, expect, test } from 'vitest'
import { type Mac, type MacOptions, openMac, textTo } from '../support/imessage-sending.ts'

let mac: Mac
afterEach(() => mac.stop())
const open = async (options?: MacOptions) => {
  mac = await openMac(options)
}

test('bursts are short, and then each waits for its turn and keeps it', async () => {
  await open({ settings: { perSecond: 1 } })
  const messages = Array.from({ length: 7 }, (_, nth) => textTo(mac.somebody(), `text ${nth}`))
  const waits = messages.map((message) => mac.sending.turn(message))
  expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0])
  expect(waits[5]).toBeGreaterThan(1_000)
  expect(waits[6]).toBeGreaterThan(2_000)
  mac.clock.advance(waits[5] ?? 0)
  expect(messages.slice(5).map((message) => mac.sending.turn(message) === 0)).toEqual([true, false])
})

test('four are under way at most, and whose chat is busy waits without a place', async () => {
  await open({ quirks: { mixesGuids: true } })
  const people = Array.from({ length: 6 }, () => mac.somebody())
  const [first] = people
  if (first === undefined) return
  const sends = people.map((person) => mac.send(textTo(person, 'Hi')))
  await expect.poll(() => mac.network.busy).toBeGreaterThan(0)
  expect(mac.sending.turn(textTo(first, 'Again'))).toBeGreaterThan(0)
  expect(mac.sending.turn(textTo(mac.somebody(), 'Another'))).toBeGreaterThan(0)
  await mac.hurry(Promise.all(sends))
  expect(mac.sending.turn(textTo(first, 'Again'))).toBe(0)
})

test('so many new people a day, also after a restart; who wrote first is none', async () => {
  await open({ settings: { newPerDay: 2 } })
  const turn = async (person: ReturnType<Mac['somebody']>) => {
    const message = textTo(person, 'Hello you')
    await expect.poll(() => mac.sending.turn(message)).not.toBe(200)
    const waitMs = mac.sending.turn(message)
    if (waitMs === 0) await mac.hurry(mac.send(message))
    return waitMs
  }
  for (let nth = 0; nth < 2; nth += 1) expect(await turn(mac.somebody({ isNew: true }))).toBe(0)
  expect(await turn(mac.somebody())).toBe(0)
  const third = mac.somebody({ isNew: true })
  expect(await turn(third)).toBeGreaterThan(60_000)
  await mac.restart()
  expect(await turn(third)).toBeGreaterThan(60_000)
  expect(mac.arrived(third)).toEqual([])
  mac.network.person(third).says('Hello to you')
  mac.clock.advance(61_000)
  expect(await turn(third)).toBe(0)
})

test('what was sent before is read first, and a link that is down makes nobody wait', async () => {
  await open()
  const { getAll } = mac.vault
  mac.vault.getAll = () => Promise.reject(new Error('The vault is away.'))
  await expect(mac.restart()).rejects.toThrow('away')
  const message = textTo(mac.somebody(), 'Hi')
  expect(mac.sending.turn(message)).toBeGreaterThan(0)
  expect(await mac.fail(message)).toMatchObject({ kind: 'retryable', scope: 'link' })
  mac.isUp = false
  expect(mac.sending.turn(message)).toBe(0)
  mac.isUp = true
  mac.vault.getAll = getAll
  await expect.poll(() => mac.sending.turn(message)).toBe(0)
})
