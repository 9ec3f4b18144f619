/** Whoever does not speak the protocol, or speaks it to do harm, is let go; everybody else is served on. */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const us = '+16282895642'
const here = freshNetwork()

/** Ends when the network hangs up. */
function shout(...frames: Uint8Array<ArrayBuffer>[]): Promise<number> {
  const socket = new WebSocket(here.network.socketUrl)
  return new Promise((resolve) => {
    socket.addEventListener('open', () => {
      for (const frame of frames) socket.send(frame)
    })
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', ({ code }) => resolve(code))
  })
}

const intro = Buffer.from([0x57, 0x41, 6, 3])
const sized = (bytes: number, ...data: number[]) => Buffer.from([bytes >> 16, (bytes >> 8) & 255, bytes & 255, ...data])

test.each([
  ['noise', [Buffer.from(randomBytes(64))]],
  ['a frame that is too large', [Buffer.concat([intro, sized(0xffffff)])]],
  ['a message that is too large', [Buffer.alloc(3 * 1_024 * 1_024)]],
  ['a handshake without a key', [Buffer.concat([intro, sized(2, 0x12, 0)])]],
  ['a handshake of nothing', [intro, sized(0)]],
  [
    'a route that never ends',
    [Buffer.from('ED\0\x01\xff\xff\xff', 'latin1'), Buffer.alloc(1_900_000), Buffer.alloc(1_900_000)],
  ],
])('%s is hung up on', async (_what, frames) => {
  expect(await shout(...frames)).toBeGreaterThan(1_000)
  await expect.poll(() => here.network.leftBehind()).toBe(0)
  await here.client().link(us)
})

test('hundreds who come and say nothing do not keep a device out', async () => {
  const strangers = Array.from({ length: 600 }, () => new WebSocket(here.network.socketUrl))
  await expect.poll(() => here.network.leftBehind()).toBe(strangers.length)
  await here.client().link(us)
  for (const stranger of strangers) stranger.close()
  await expect.poll(() => here.network.leftBehind()).toBe(1)
})

test('what is not a socket is turned away', async () => {
  const root = here.network.socketUrl.replace('ws:', 'http:')
  expect((await fetch(root)).status).toBe(404)
  const socket = connect(here.network.port, '127.0.0.1')
  socket.end('GET /ws/chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
  const answer = Buffer.concat(await socket.toArray()).toString()
  expect(answer).toMatch(/^HTTP\/1\.1 400/)
})

test('a device that is not linked is answered nothing about others', async () => {
  const stranger = here.client()
  await expect.poll(() => stranger.qrs.length).toBe(1)
  const attrs = { to: '@s.whatsapp.net', type: 'get' }
  const keys = { tag: 'key', attrs: {}, content: [{ tag: 'user', attrs: { jid: '14155551234@s.whatsapp.net' } }] }
  for (const xmlns of ['encrypt', 'usync', 'w:g2', 'w:m'])
    await expect(stranger.socket.query({ tag: 'iq', attrs: { ...attrs, xmlns }, content: [keys] })).rejects.toThrow(
      'not-authorized',
    )
})

test('stanzas that lack what they need end the connection, and no other', async () => {
  const device = await here.client().link(us)
  const other = await here.client().link('+16282890000')
  const registration = { tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'encrypt', id: 'x' } }
  await device.socket.sendNode({ ...registration, content: [{ tag: 'registration', attrs: {} }] })
  await expect.poll(() => device.closes).toEqual([515, 428])
  for (const tag of ['message', 'receipt', 'ack', 'presence', 'chatstate', 'nonsense'])
    await other.socket.sendNode({ tag, attrs: {} })
  const id = await here.network.person('+14155551234').says('+16282890000', 'Still there?')
  await other.message(id)
  expect(other.closes).toEqual([515])
})
