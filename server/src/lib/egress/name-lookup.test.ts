/** Names are looked up at real name servers that answer half, late, wrongly or not at all. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { askNameServers, createLookUp } from './name-lookup.ts'

const four = 1
const six = 28

interface Zone {
  [name: string]: { a?: readonly string[]; aaaa?: readonly string[]; code?: number } | 'silent'
}

/** A name server on a free port, as small as the protocol allows: one question, and its answers with a pointer to it. */
async function nameServer(zone: Zone): Promise<{ address: string; asked: () => number }> {
  const socket = createSocket('udp4')
  let asked = 0
  socket.on('message', (query, from) => {
    asked += 1
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.subarray(at + 1, at + 1 + length).toString())
      at += 1 + length
    }
    const found = zone[labels.join('.')]
    if (found === 'silent') return
    const type = query.readUInt16BE(at + 1)
    const records = (type === four ? found?.a : type === six ? found?.aaaa : []) ?? []
    const head = Buffer.from(query.subarray(0, at + 5))
    head.writeUInt16BE(0x8180 | (found === undefined ? 3 : (found.code ?? 0)), 2)
    head.writeUInt16BE(records.length, 6)
    head.writeUInt32BE(0, 8)
    socket.send(Buffer.concat([head, ...records.map((record) => recordOf(type, record))]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, asked: () => asked }
}

function recordOf(type: number, address: string): Buffer {
  const data =
    type === four
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from(
          address.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
        )
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

const forever = new AbortController().signal

test('all addresses of both kinds come back, by turns', async () => {
  const { address } = await nameServer({
    'both.example': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8:0:0:0:0:0:1'] },
    'four.example': { a: ['192.0.2.3'] },
    'six.example': { aaaa: ['2001:db8:0:0:0:0:0:2'] },
  })
  const ask = askNameServers([address])
  expect(await ask('both.example', forever)).toEqual([
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
    { address: '192.0.2.2', family: 4 },
  ])
  expect(await ask('four.example', forever)).toEqual([{ address: '192.0.2.3', family: 4 }])
  expect(await ask('six.example', forever)).toEqual([{ address: '2001:db8::2', family: 6 }])
})

test('a name without addresses is an error, and so is one that does not exist', async () => {
  const { address } = await nameServer({ 'empty.example': {}, 'broken.example': { code: 2 } })
  const ask = askNameServers([address])
  for (const name of ['empty.example', 'missing.example', 'broken.example']) {
    await expect(ask(name, forever)).rejects.toThrow()
  }
})

test('nobody waits for a silent name server once the answer is no longer wanted', async () => {
  const { address, asked } = await nameServer({ 'slow.example': 'silent' })
  const stop = new AbortController()
  const answer = askNameServers([address])('slow.example', stop.signal)
  const outcome = expect(answer).rejects.toThrow(/CANCELLED/)
  while (asked() === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await outcome
})

test('names of this machine are asked of nobody', async () => {
  const lookUp = createLookUp('refused', () => Promise.reject(new Error('was asked')))
  for (const name of ['localhost', 'app.localhost']) {
    expect(await lookUp(name, forever)).toEqual([
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ])
  }
  await expect(lookUp('localhost.example', forever)).rejects.toThrow('was asked')
})

test('where destinations are trusted, the machine itself is asked, with its hosts file', async () => {
  const lookUp = createLookUp('allowed')
  await expect(lookUp('a-name-that-does-not-exist.invalid', forever)).rejects.toThrow()
})
