/** A chat is found under each of its names, asked for once, and anew when it is not as it was. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../test/support/hand-clock.ts'
import type { Handle, ProviderChatId } from '../../model/ids.ts'
import type { Chat, ServerChat } from './backend.ts'
import { createChatBook } from './chats.ts'

const never = new AbortController().signal
const ada = '+14155550101' as Handle
const direct = (name: string): Chat => ({ chat: name as ServerChat, isGroup: false, name: null, members: [ada] })
const group = (members: readonly Handle[] | null): Chat => ({
  ...{ chat: 'any;+;chat1' as ServerChat, isGroup: true, name: 'Plans', members },
})

function setUp(...there: Chat[]) {
  const clock = createHandClock()
  const chats = new Map(there.map((one) => [one.chat, one]))
  const asked: string[] = []
  const backend = {
    chat: async (name: ServerChat) => {
      asked.push(name)
      return chats.get(name) ?? null
    },
  }
  return { clock, chats, asked, book: createChatBook({ backend, clock }) }
}

test('under the first name that the Mac knows, and then from memory', async () => {
  const { book, asked } = setUp(direct(`any;-;${ada}`))
  expect(await book.withPerson(ada, never)).toBe(`any;-;${ada}`)
  expect(await book.onServer(`any;-;${ada}` as ProviderChatId, never)).toBe(`any;-;${ada}`)
  expect(asked).toEqual([`iMessage;-;${ada}`, `any;-;${ada}`])
})

test('what is not there is looked for again, since it may be there by now', async () => {
  const { book, asked, chats } = setUp()
  expect(await book.withPerson(ada, never)).toBeNull()
  const chat = direct(`iMessage;-;${ada}`)
  chats.set(chat.chat, chat)
  expect(await book.withPerson(ada, never)).toBe(chat.chat)
  expect(asked).toHaveLength(3)
})

test('what was learnt by the way needs no asking, until it is forgotten or old', async () => {
  const { book, asked, clock } = setUp(group([ada]))
  book.noted(group([]))
  expect(await book.facts('any;+;chat1' as ServerChat, never)).toEqual(group([]))
  expect(asked).toEqual([])
  book.forget('iMessage;+;chat1' as ServerChat)
  expect(await book.facts('any;+;chat1' as ServerChat, never)).toEqual(group([ada]))
  const before = asked.length
  await clock.advance(11 * 60_000)
  await book.facts('any;+;chat1' as ServerChat, never)
  expect(asked.length).toBeGreaterThan(before)
})

test('who is in it is asked for when the Mac did not say', async () => {
  const { book } = setUp(group([ada]))
  book.noted(group(null))
  expect((await book.facts('any;+;chat1' as ServerChat, never))?.members).toEqual([ada])
})

test('an answer to a question from before it was forgotten is not kept', async () => {
  const { book, chats } = setUp(group([]))
  const asking = book.facts('any;+;chat1' as ServerChat, never)
  book.forget('any;+;chat1' as ServerChat)
  expect((await asking)?.members).toEqual([])
  chats.set('any;+;chat1' as ServerChat, group([ada]))
  expect((await book.facts('any;+;chat1' as ServerChat, never))?.members).toEqual([ada])
})
