/** How long it is remembered what was sent: whoever forgets it says that nothing was, and then it goes out again. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../../test/support/hand-clock.ts'
import type { ClientRef, ProviderChatId } from '../../../model/ids.ts'
import { memoryVault } from '../../conformance-stage.ts'
import { createJournal, type Entry } from './journal.ts'

const hourMs = 3_600_000

function stage() {
  const clock = createHandClock()
  const vault = memoryVault()
  const open = async () => {
    const journal = createJournal({ vault, clock, restore() {}, alsoRead: [] })
    await journal.load()
    return journal
  }
  const entry = (name: string): Entry => ({
    ...{ ref: name as ClientRef, chat: 'iMessage;-;x' as ProviderChatId, at: clock.now(), bubbles: [] },
    ...{ before: { tries: 0, guids: [] }, end: 'open', failure: null, server: 'http://mac.test' },
  })
  return { clock, vault, open, entry }
}

test.each(['open', 'sent'] as const)('what was left %s is known after days in which nobody was there', async (end) => {
  const { clock, vault, open, entry } = stage()
  const before = await open()
  const first = entry('first')
  await before.write(first)
  if (end === 'sent') before.sent(first)
  await before.write(entry('second'))
  await clock.advance(60 * hourMs)
  const after = await open()
  await after.write(entry('third'))
  expect(after.get(first.ref)?.end).toBe(end)
  await clock.advance(25 * hourMs)
  await after.write(entry('fourth'))
  expect([after.get(first.ref), await vault.keys('send/')]).toEqual([null, ['send/fourth']])
})

test('what was sent is known when the store was away for hours since', async () => {
  const { clock, open, entry } = stage()
  const journal = await open()
  const first = entry('first')
  await journal.write(first)
  journal.sent(first)
  await clock.advance(3 * hourMs)
  await journal.write(entry('second'))
  expect(journal.get(first.ref)?.end).toBe('sent')
})
