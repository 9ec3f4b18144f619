/** Secrets of a link: sealed at rest, written whole or not at all, by the holder of the line and nobody else. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import type { LineId } from '../../src/model/ids.ts'
import { createVaultStore, type LinkKey } from '../../src/store/vault.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const box = createSealedBox(Buffer.alloc(32, 7))
const text = (value: Uint8Array | null | undefined) => (value ? Buffer.from(value).toString() : null)

let database: TestDatabase
let vault: ReturnType<typeof createVaultStore>
let link: LinkKey
beforeAll(async () => {
  database = await createTestDatabase()
  vault = createVaultStore(database.db, box)
})
beforeEach(async () => {
  const [row] = await database.db.query<{ id: LineId }>({
    name: '',
    text: `insert into lines (id, name, provider, channels, epoch, lease_until)
      values (gen_random_uuid(), 'Line', 'sandbox', '{whatsapp}', 3, gateway_now() + interval '1 minute') returning id`,
  })
  if (row === undefined) throw new Error('no line was made')
  link = { lineId: row.id, channel: 'whatsapp', epoch: 3 }
})
afterAll(() => database.drop())

test('what is put can be had one by one, several at once, and by how its key begins', async () => {
  await vault.put(link, { 'a/1': Buffer.from('one'), 'a/2': Buffer.from('two'), b: Buffer.from('three') })
  expect(text(await vault.get(link, 'a/2'))).toBe('two')
  expect(await vault.get(link, 'c')).toBeNull()
  const several = await vault.getAll(link, ['b', 'c', 'a/1'])
  expect([...several].map(([key, value]) => [key, text(value)]).sort()).toEqual([
    ['a/1', 'one'],
    ['b', 'three'],
  ])
  expect(await vault.keys(link, 'a/')).toEqual(['a/1', 'a/2'])
  expect(await vault.keys(link, '%')).toEqual([])
  await vault.put(link, { 'a/1': null, 'a/2': Buffer.from('2'), 'a/3': Buffer.alloc(0) })
  expect(await vault.keys(link, '')).toEqual(['a/2', 'a/3', 'b'])
  expect(text(await vault.get(link, 'a/2'))).toBe('2')
})

test('another link has nothing of it', async () => {
  await vault.put(link, { key: Buffer.from('mine') })
  const other: LinkKey = { ...link, channel: 'sms' }
  expect([
    await vault.get(other, 'key'),
    (await vault.getAll(other, ['key'])).size,
    await vault.keys(other, ''),
  ]).toEqual([null, 0, []])
})

test('who does not hold the line any more writes nothing, not even a part', async () => {
  await vault.put(link, { key: Buffer.from('kept'), other: Buffer.from('kept') })
  await expect(vault.put({ ...link, epoch: 2 }, { key: Buffer.from('late'), other: null })).rejects.toThrow(
    'Another process',
  )
  await database.advance(61_000)
  await expect(vault.put(link, { key: Buffer.from('late') })).rejects.toThrow('Another process')
  expect([text(await vault.get(link, 'key')), text(await vault.get(link, 'other'))]).toEqual(['kept', 'kept'])
})

test('whoever takes the line waits for what its holder is writing, and reads all of it', async () => {
  const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const slow = createVaultStore(
    {
      ...database.db,
      transaction: (work) =>
        database.db.transaction((tx) =>
          work({
            query: async (statement, values) => {
              const rows = await tx.query<never>(statement, values)
              if (statement.name !== 'vault-held') return rows
              entered.resolve()
              await gate.promise
              return rows
            },
          }),
        ),
    },
    box,
  )
  const order: string[] = []
  const writing = slow.put(link, { key: Buffer.from('written') }).then(() => order.push('written'))
  await entered.promise
  const take = { name: '', text: 'update lines set epoch = epoch + 1 where id = $1' }
  const taking = database.db.query(take, [link.lineId]).then(() => order.push('taken'))
  const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'update lines set epoch%'`
  await expect
    .poll(async () => order.length > 0 || (await database.db.query({ name: '', text: waiting })).length > 0)
    .toBe(true)
  gate.resolve()
  await Promise.all([writing, taking])
  expect(order).toEqual(['written', 'taken'])
})

test('nothing lies there in clear, and a value moved to another key does not open', async () => {
  await vault.put(link, { key: Buffer.from('a secret to be found') })
  const [row] = await database.db.query<{ value: Buffer }>(
    { name: '', text: 'select value from vault where line_id = $1' },
    [link.lineId],
  )
  expect(row?.value.includes('secret')).toBe(false)
  await database.db.query({ name: '', text: `update vault set key = 'moved' where line_id = $1` }, [link.lineId])
  await expect(vault.get(link, 'moved')).rejects.toThrow()
})
