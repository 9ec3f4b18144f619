/** What devices agree on about chats: the phone shares the key, the server keeps the changes, and every device learns them. */
import { expect, test } from 'vitest'
import { type Client, freshNetwork } from '../testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()

const collections = ['critical_block', 'critical_unblock_low', 'regular_high', 'regular_low', 'regular'] as const

async function archive(device: Client, isArchived: boolean) {
  const id = await here.network.person(bob).says(us, 'Archive this')
  const { key, messageTimestamp } = await device.message(id)
  const lastMessages = [{ key, messageTimestamp: Number(messageTimestamp) }]
  await device.socket.chatModify({ archive: isArchived, lastMessages }, bobsJid)
}
const archived = (device: Client) =>
  device
    .all('chats.update')
    .flat()
    .flatMap((chat) => (chat.id === bobsJid && chat.archived !== undefined ? [chat.archived] : []))
const version = async (device: Client) => {
  const { regular_low: state } = await device.auth.keys.get('app-state-sync-version', ['regular_low'])
  return state?.version
}

test('a device gets the key from its phone, and asks for changes where there are none', async () => {
  const device = await here.client().link(us)
  await expect.poll(() => device.auth.creds.myAppStateKeyId).toMatch(/^[\w+/]{8}$/)
  await device.socket.resyncAppState(collections, false)
  await device.socket.resyncAppState(['regular'], false)
})

test('a change is kept, told to the other devices, and there for those that are linked later', async () => {
  const [first, second] = [await here.client().link(us), await here.client().link(us)]
  await archive(first, true)
  await expect.poll(() => archived(second)).toEqual([true])
  await archive(second, false)
  await expect.poll(() => version(first)).toBe(2)
  const late = await here.client().link(us)
  await late.socket.resyncAppState(collections, false)
  expect(await Promise.all([first, second, late].map(version))).toEqual([2, 2, 2])
  expect(late.auth.creds.myAppStateKeyId).toBe(first.auth.creds.myAppStateKeyId)
  const stranger = await here.client().link('+16282890000')
  await stranger.socket.resyncAppState(collections, false)
  expect(await version(stranger)).toBeUndefined()
  expect(stranger.auth.creds.myAppStateKeyId).not.toBe(first.auth.creds.myAppStateKeyId)
})

test('a change that was made without knowing the others is refused, and they are told with it', async () => {
  const device = await here.client().link(us)
  await archive(device, true)
  const sync = (name: string, patch: Buffer) =>
    device.socket.query({
      tag: 'iq',
      attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'w:sync:app:state' },
      content: [
        {
          tag: 'sync',
          attrs: {},
          content: [
            {
              tag: 'collection',
              attrs: { name, version: '0', return_snapshot: 'false' },
              content: [{ tag: 'patch', attrs: {}, content: patch }],
            },
          ],
        },
      ],
    })
  const { content } = await sync('regular_low', Buffer.alloc(0))
  expect(content).toMatchObject([
    {
      content: [
        {
          attrs: { name: 'regular_low', version: '1', type: 'error' },
          content: [
            { tag: 'patches', content: [{ tag: 'patch' }] },
            { tag: 'error', attrs: { code: '409' } },
          ],
        },
      ],
    },
  ])
  await archive(device, false)
  expect(await version(device)).toBe(2)
})
