/** A line that has no number: it is called by the e-mail address of its Apple Account, everywhere. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

const email = 'desk@example.com'
let scene: Scene
let story: ImessageStory
let ada: Person
beforeAll(async () => {
  scene = await openScene({ phone: null, email, mac: { aliases: [email] } })
  ada = scene.somebody('Ada')
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

test('is listed by it and sends from it', async () => {
  const numbers = (await scene.ask('GET /v1/numbers')).body.data
  expect(numbers).toContainEqual(expect.objectContaining({ phoneNumber: null, email, healthStatus: 'healthy' }))
  const id = await story.writes(ada, 'From the desk')
  await story.hears(...out('From the desk'))
  expect(ada.received.at(-1)).toMatchObject({ text: 'From the desk', from: email })
  expect(await story.get(id)).toMatchObject({ from: email, status: 'delivered' })
  expect((await story.last('message.sent')).from).toBe(email)
})

test('gets what is written to it, in a chat and in a group', async () => {
  const bob = scene.somebody('Bob')
  ada.says('To the desk')
  const group = bob.startsGroup([ada.address], { text: 'All of us' })
  await story.hearsOf('message.inbound Ada: To the desk', 'message.inbound Bob: All of us')
  const inbound = (await story.told()).filter(({ type }) => type === 'message.inbound').map(({ data }) => data.to)
  expect(inbound).toEqual([email, email])
  const { chat } = (await scene.ask(`GET /v1/chats/${encodeURIComponent(group)}`)).body.data
  expect(chat.participants.map(({ handle }: { handle: string }) => handle).sort()).toEqual(
    [ada.address, bob.address, 'self'].sort(),
  )
})
