/** Places to send from: one for each chat, so many for all, and nobody overtakes in their own chat. */
import { expect, test } from 'vitest'
import { createSlots } from './slots.ts'

function setUp(most = 2) {
  const slots = createSlots({ most, late: () => new Error('too late') })
  const began: string[] = []
  const ends = new Map<string, () => void>()
  const enter = (chat: string, name: string, signal = new AbortController().signal) =>
    slots.run(chat, signal, () => {
      began.push(name)
      return new Promise<void>((resolve) => ends.set(name, resolve))
    })
  const end = async (name: string) => {
    ends.get(name)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { slots, began, enter, end }
}

test('one chat has one place, and others go past those who wait for it', async () => {
  const { slots, began, enter, end } = setUp()
  for (const [chat, name] of ['a1', 'a2', 'b1', 'c1'].map((one) => [one.charAt(0), one] as const))
    void enter(chat, name)
  await end('')
  expect(began).toEqual(['a1', 'b1'])
  expect([slots.isFull, slots.isBusy('a'), slots.isBusy('c')]).toEqual([true, true, false])
  await end('b1')
  expect(began).toEqual(['a1', 'b1', 'c1'])
  await end('a1')
  expect(began).toEqual(['a1', 'b1', 'c1', 'a2'])
})

test('whoever gives up while waiting never begins, and takes no place', async () => {
  const { slots, began, enter, end } = setUp(1)
  const patience = new AbortController()
  void enter('a', 'a1')
  const late = enter('b', 'b1', patience.signal)
  patience.abort()
  await expect(late).rejects.toThrow('too late')
  await expect(enter('b', 'b2', AbortSignal.abort())).rejects.toThrow('too late')
  await end('a1')
  expect([began, slots.isFull]).toEqual([['a1'], false])
})

test('a place is free again after a failure', async () => {
  const { slots } = setUp(1)
  const never = new AbortController().signal
  await expect(slots.run('a', never, () => Promise.reject(new Error('broke')))).rejects.toThrow('broke')
  expect([slots.isBusy('a'), await slots.run('a', never, async () => 'again')]).toEqual([false, 'again'])
})
