/** People call: a client hears it ring, sees what became of it, and can turn it down. */
import { expect, test } from 'vitest'
import { type Client, freshNetwork } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()

const heard = (device: Client) =>
  device
    .all('call')
    .flat()
    .map(({ id, status, isVideo }) => [id, status, isVideo])

test('a call rings and is given up, or hung up at once', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const missed = person.calls(us, { isVideo: true })
  await expect.poll(() => heard(device)).toEqual([[missed.id, 'offer', true]])
  expect(device.all('call').flat()[0]).toMatchObject({ from: bobsJid, chatId: bobsJid, isGroup: false, offline: false })
  expect(missed.state).toBe('ringing')
  missed.givesUp()
  missed.hangsUp()
  const short = person.calls(us)
  short.hangsUp()
  await expect
    .poll(() => heard(device))
    .toEqual([
      [missed.id, 'offer', true],
      [missed.id, 'timeout', true],
      [short.id, 'offer', false],
      [short.id, 'terminate', false],
    ])
  expect([missed.state, short.state]).toEqual(['missed', 'over'])
  // 40 and 41: a call was missed, by voice and by video.
  const stub = () => device.messages.find(({ key }) => key.id === missed.id)?.messageStubType
  await expect.poll(stub).toBe(41)
})

test('a device turns a call down, and the caller knows', async () => {
  const device = await here.client().link(us)
  const call = here.network.person(bob).calls(us)
  await expect.poll(() => heard(device).length).toBe(1)
  const stranger = await here.client().link('+16282890000')
  await stranger.socket.rejectCall(call.id, bobsJid)
  expect(call.state).toBe('ringing')
  await device.socket.rejectCall(call.id, bobsJid)
  expect(call.state).toBe('rejected')
  call.givesUp()
  expect(call.state).toBe('rejected')
})

test('whoever is known by LID calls by it, with the number if it is shown', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  person.isKnownBy('both')
  person.calls(us)
  person.isKnownBy('lid')
  person.calls(us)
  await expect
    .poll(() => device.all('call').flat())
    .toMatchObject([
      { from: person.lid, callerPn: bobsJid },
      { from: person.lid, callerPn: undefined },
    ])
  expect(() => person.calls(person.creates('Launch', us))).toThrow('Groups cannot be called here.')
})

test('a call that was missed while a device was away is told when it comes back', async () => {
  const device = await here.client().link(us)
  await device.close()
  const call = here.network.person(bob).calls(us)
  call.givesUp()
  device.connect()
  await expect
    .poll(() => heard(device).map(([id, status]) => [id, status]))
    .toEqual([
      [call.id, 'offer'],
      [call.id, 'timeout'],
    ])
  expect(device.all('call').flat()[0]?.offline).toBe(true)
})
