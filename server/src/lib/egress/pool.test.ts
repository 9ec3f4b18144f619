/** Which connection is used next, which is let go, and who waits; the sockets lead nowhere. */
import { once } from 'node:events'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type Link, Pool } from './pool.ts'

const forever = new AbortController().signal
const url = (place: number) => new URL(`https://name-${place}.example.com/`)

function create() {
  const dialled: string[] = []
  const pool = new Pool(async ({ host }) => {
    dialled.push(host)
    return new Socket()
  })
  return { pool, dialled, take: (place: number) => pool.take(url(place), forever) }
}

test('the freshest connection is used first', async () => {
  const { pool, dialled, take } = create()
  const links = await Promise.all([take(1), take(1), take(1)])
  for (const link of links) pool.give(link)
  expect(await take(1)).toBe(links[2])
  expect(await take(1)).toBe(links[1])
  expect(dialled).toHaveLength(3)
  await pool.close()
})

test('one that was closed is not used again', async () => {
  const { pool, dialled, take } = create()
  const [inUse, idle] = [await take(1), await take(1)]
  pool.give(idle)
  for (const { socket } of [inUse, idle]) {
    const closed = once(socket, 'close')
    socket.destroy()
    await closed
  }
  pool.give(inUse)
  const next = await take(1)
  expect([inUse, idle]).not.toContain(next)
  expect(dialled).toHaveLength(3)
  await pool.close()
})

test('of 512 that nobody uses, over all origins, the stalest goes when one more comes', async () => {
  const { pool, take } = create()
  const links: Link[] = []
  for (let place = 0; place < 514; place++) links.push(await take(place))
  for (const link of links.slice(0, 512)) pool.give(link)
  expect(links.filter(({ socket }) => socket.destroyed)).toEqual([])
  for (const link of links.slice(512)) pool.give(link)
  expect(links.filter(({ socket }) => socket.destroyed)).toEqual(links.slice(0, 2))
  expect(await take(0)).not.toBe(links[0])
  expect(await take(513)).toBe(links[513])
  await pool.close()
  expect(links.every(({ socket }) => socket.destroyed)).toBe(true)
})

test('whoever finds all connections taken waits, first come first served, and gets a connection or the place of one', async () => {
  const { pool, dialled, take } = create()
  const links = await Promise.all(Array.from({ length: 512 }, () => take(1)))
  const stop = new AbortController()
  const givenUp = pool.take(url(1), stop.signal)
  const waiting = [take(1), take(1)]
  stop.abort(new Error('It was given up.'))
  await expect(givenUp).rejects.toThrow('given up')
  expect(dialled).toHaveLength(512)
  const [first, second] = links as [Link, Link]
  pool.give(first)
  expect(await waiting[0]).toBe(first)
  second.socket.destroy()
  expect(links).not.toContain(await waiting[1])
  expect(dialled).toHaveLength(513)
  await pool.close()
})
