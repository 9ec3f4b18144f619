/** A failure of the library while it answers is told, and ends nothing. */
import { EventEmitter } from 'node:events'
import { initAuthCreds, makeWASocket } from 'baileys'
import { expect, test } from 'vitest'
import { outliveFailures } from './listeners.ts'
import { quietLogger } from './quiet-logger.ts'

test('a listener that fails, at once or later, is told and ends nothing; the others hear it in their order', async () => {
  const heard = new EventEmitter()
  const calls: unknown[] = []
  const failures: unknown[] = []
  heard.on('CB:ib', async (node) => {
    calls.push(['first', node])
    await Promise.resolve()
    throw new Error('write EPIPE')
  })
  heard.on('CB:ib', () => {
    throw new Error('at once')
  })
  heard.on('CB:ib', (node) => void calls.push(['last', node]))
  outliveFailures(heard, (error) => failures.push(error))
  expect(heard.emit('CB:ib', 'node')).toBe(true)
  expect(calls).toEqual([
    ['first', 'node'],
    ['last', 'node'],
  ])
  await expect.poll(() => failures).toEqual([new Error('at once'), new Error('write EPIPE')])
})

test('what waits for one answer is left alone: it comes and goes', () => {
  const heard = new EventEmitter()
  const listener = () => {}
  heard.on('TAG:1', listener)
  outliveFailures(heard, () => {})
  expect(heard.listeners('TAG:1')).toEqual([listener])
})

test('what the library answers on a connection that is gone fails, and is taken', async () => {
  const silent = { info() {}, warn() {}, error() {} }
  const socket = makeWASocket({
    auth: { creds: initAuthCreds(), keys: { get: async () => ({}), set: async () => {} } },
    waWebSocketUrl: 'ws://127.0.0.1:9/ws/chat',
    logger: quietLogger(silent),
  })
  const failures: string[] = []
  outliveFailures(socket.ws, (error) => failures.push(String(error)))
  await socket.end(undefined)
  for (const event of ['CB:ib,,offline_preview', 'CB:iq,type:set,pair-device'])
    socket.ws.emit(event, { tag: 'ib', attrs: { id: '1' }, content: [] })
  await expect.poll(() => failures).toEqual(['Error: Connection Closed', 'Error: Connection Closed'])
})
