/** Somebody whom thousands of customers know costs each of them what their own conversations cost. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createMint } from '../../src/lib/mint.ts'
import { memberOf } from '../../src/model/chat-change.ts'
import type { ContactId, ConversationId, CustomerId, Handle, LineId } from '../../src/model/ids.ts'
import { createConversationStore } from '../../src/store/conversations.ts'
import type { Db, Statement } from '../../src/store/db.ts'
import { createContactStore } from '../../src/store/people/contacts.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const mint = createMint(systemClock)
const famous = '+14155550177' as Handle
const customers = 2_000
const ours = 3

interface Plan {
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Plan[]
}

let database: TestDatabase
let customerId: CustomerId
beforeAll(async () => {
  database = await createTestDatabase()
  const plain = (text: string, values: unknown[] = []) => database.db.query({ name: '', text }, values)
  await plain(`insert into customers (id, email, name) select gen_random_uuid(), n || '@test', 'test'
    from generate_series(1, ${customers}) n`)
  await plain(
    `insert into conversations (customer_id, id, line_id, channel, provider_chat_id, handle, is_group, participants)
    select id, gen_random_uuid(), gen_random_uuid(), 'sms', 'sms;' || $1, $1, false,
      jsonb_build_array(jsonb_build_object('handle', $1::text, 'contactId', null, 'phoneKnown', true)) from customers`,
    [famous],
  )
  customerId = mint() as CustomerId
  await plain(`insert into customers (id, email, name) values ($1, 'us@test', 'test')`, [customerId])
  for (let nth = 0; nth < ours; nth++) {
    await createConversationStore(database.db).ensure({
      ...{ customerId, id: mint() as ConversationId, lineId: mint() as LineId, channel: 'sms', handle: famous },
      ...{ chat: `sms;${famous}` as never, isGroup: false, name: null, participants: [memberOf(famous)] },
    })
  }
})
afterAll(() => database.drop())

/** All that is looked at anywhere in the plan of what the work does to rosters. */
async function rowsRead(work: (db: Db) => Promise<unknown>): Promise<number> {
  const rolledBack = new Error('rolled back')
  let rows = 0
  const count = (plan: Plan): number =>
    plan['Actual Loops'] *
      (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Index Recheck'] ?? 0)) +
    (plan.Plans ?? []).reduce((sum, one) => sum + count(one), 0)
  const transaction: Db['transaction'] = (inside) =>
    database.db.transaction((tx) =>
      inside({
        async query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
          if (statement.name !== 'contacts-rosters') return tx.query<Row>(statement, values)
          const text = `explain (analyze, format json) ${statement.text}`
          const [row] = await tx.query<{ 'QUERY PLAN': { Plan: Plan }[] }>({ name: '', text }, values)
          rows = (row?.['QUERY PLAN'] ?? []).reduce((sum, { Plan }) => sum + count(Plan), 0)
          throw rolledBack
        },
      }),
    )
  await expect(work({ ...database.db, transaction })).rejects.toBe(rolledBack)
  return rows
}

test('making, changing and deleting a contact reads the rosters of one customer', async () => {
  const fields = {
    ...{ phoneNumber: famous, email: null, firstName: null, lastName: null, company: null, tags: [], metadata: {} },
    id: mint() as ContactId,
  }
  const bound = ours * 20
  expect(await rowsRead((db) => createContactStore(db).add(customerId, [fields], 10))).toBeLessThan(bound)
  const { isRosterChanged } = await createContactStore(database.db).add(customerId, [fields], 10)
  expect(isRosterChanged).toBe(true)
  const change = { phoneNumber: '+14155550178' as Handle }
  expect(await rowsRead((db) => createContactStore(db).change(customerId, fields.id, change))).toBeLessThan(bound)
  expect(await rowsRead((db) => createContactStore(db).remove(customerId, [fields.id]))).toBeLessThan(bound)
})
