/** What is handed to the next run: accounts, sessions, groups and what still waits. Without it everybody is forgotten. */
import { expect, test } from 'vitest'
import type { Store } from './keeping.ts'
import { type Client, freshNetwork } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()

function memory(): Store {
  let kept: string | null = null
  return {
    load: () => kept,
    save: (text) => {
      kept = text
    },
  }
}

const cameBack = (device: Client) => expect.poll(() => device.isOpen).toBe(true)

test('a network that is started again goes on where it was', async () => {
  const state = memory()
  const { port } = await here.reopen({ state })
  const device = await here.client().link(us)
  const { id: group } = await device.socket.groupCreate('Launch', [bobsJid])
  const before = await device.send(bobsJid, { text: 'Before' })
  await device.send(group, { text: 'Before, to all' })
  await device.message(await here.network.person(bob).says(us, 'Hello'))
  await device.close()
  const missed = await here.network.person(bob).says(us, 'While you were away')
  const root = here.network.noiseRoot
  await here.reopen({ state, port })
  expect(here.network.noiseRoot).toEqual(root)
  device.connect()
  await cameBack(device)
  expect((await device.message(missed)).message?.conversation).toBe('While you were away')
  expect((await device.socket.groupMetadata(group)).subject).toBe('Launch')
  await device.send(bobsJid, { text: 'Before' }, { messageId: before })
  await device.send(bobsJid, { text: 'After' })
  await device.send(group, { text: 'After, to all' })
  const texts = () => here.network.received(bob).map(({ message }) => message.extendedTextMessage?.text)
  await expect.poll(texts).toEqual(['Before', 'Before, to all', 'After', 'After, to all'])
  await device.message(await here.network.person(bob).says(us, 'Still here'))
  await device.message(await here.network.person(bob).says(group, 'All of us'))
  expect(device.closes).toEqual([515, 0])
})

test('it is saved while the network runs, and only when something has changed', async () => {
  const saves: string[] = []
  await here.reopen({ state: { load: () => null, save: (text) => void saves.push(text) } })
  await expect.poll(() => saves.length).toBe(1)
  const device = await here.client().link(us)
  await expect.poll(() => saves.at(-1)).toContain(us)
  await device.message(await here.network.person(bob).says(us, 'Hello'))
  await expect.poll(() => saves.at(-1)).toContain(bob)
  await device.close()
  const texts = new Set(saves)
  expect(texts.size).toBe(saves.length)
})

test('without it every device must be linked anew', async () => {
  const device = await here.client().link(us)
  await device.close()
  const { port, noiseRoot, socketUrl, caCertificate } = await here.reopen({ port: here.network.port })
  expect(port).toBeGreaterThan(0)
  device.connect({ noiseRoot, socketUrl, caCertificate, scan: async () => {} })
  await expect.poll(() => device.closes.at(-1)).toBe(401)
})
