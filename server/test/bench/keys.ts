/** What each request pays before anything is done for it: checking its key and reading its body. */
import { join } from 'node:path'
import { createCallers } from '../../src/accounts/callers.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { parseStrictJson } from '../../src/lib/strict-json.ts'
import { createDb } from '../../src/store/db.ts'
import { createStore } from '../../src/store/store.ts'
import { checkedBody, readJson } from '../../src/surfaces/input.ts'
import { sendMessage } from '../../src/surfaces/textbubbles/message-schema.ts'
import { startServer, templateName } from '../support/server.ts'
import { median } from './figures.ts'
import type { Table } from './report.ts'
import { openFolder, type Settings } from './stand.ts'
import { bodyOf } from './traffic.ts'

const slices = 7

export async function benchKeys(settings: Settings): Promise<Table> {
  const folder = openFolder()
  const server = await startServer(join(folder.path, 'data', 'postgres'))
  const onError = (error: Error) => settings.say(error.message)
  const db = createDb({
    address: { ...server.address, database: templateName },
    connectionsMax: 4,
    applicationName: 'bench',
    onError,
  })
  const mint = createMint(systemClock)
  const box = createSealedBox(Buffer.alloc(32, 1))
  const callers = createCallers({
    store: createStore(db, box).callers,
    box,
    clock: systemClock,
    mint,
    keyPrefix: 'tb_',
    requestsPerMinute: 0,
  })
  const { id } = await callers.createCustomer({
    email: 'bench@example.com',
    name: 'bench',
    company: null,
    requestsPerMinute: null,
  })
  const { key } = await callers.createKey({ name: 'bench', customer: { id }, scopes: ['send'], expiresAt: null })
  const line = { id: mint(), address: '+15550200001' }
  const text = bodyOf({
    sender: { customerId: id, apiKey: key, lines: [line] },
    line,
    to: '+14156000001',
    text: 'Your parcel is on its way.',
    key: 'k-1',
  })
  const bytes = Buffer.from(text)
  const rows = [
    ['check a key, known for less than 2 s', await microsOf(20_000, () => callers.authenticate(key))],
    [
      'check a key, not known',
      await microsOf(500, () => {
        callers.forget()
        return callers.authenticate(key)
      }),
    ],
    [`JSON.parse of ${bytes.length} bytes`, await microsOf(20_000, () => JSON.parse(text))],
    ['the same, strictly', await microsOf(20_000, () => parseStrictJson(text))],
    [
      'the same from bytes, strictly, and checked by its schema',
      await microsOf(20_000, () => checkedBody(sendMessage, readJson(bytes))),
    ],
  ] as const
  await db.close()
  await server.stop()
  folder.remove()
  return {
    title: 'Before a request is served',
    columns: ['step', 'time'],
    rows: rows.map(([name, micros]) => [name, `${micros.toFixed(micros < 10 ? 2 : 0)} µs`]),
    notes: [
      `Medians of ${slices} slices, one call after the other; a key that is not known is looked up in the database.`,
    ],
  }
}

export async function microsOf(times: number, work: () => unknown): Promise<number> {
  const found: number[] = []
  for (let slice = 0; slice < slices; slice++) {
    const from = performance.now()
    for (let time = 0; time < times; time++) {
      const result = work()
      if (result instanceof Promise) await result
    }
    found.push(((performance.now() - from) * 1_000) / times)
  }
  return median(found)
}
