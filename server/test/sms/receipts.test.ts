/**
 * Receipts in any order, early, late and twice: each message is delivered once, when all of it is. RECEIPTS=all takes
 * ten thousand, each of them told twice.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openSmsc, type Smsc } from '../../../networks/src/sms/smsc.ts'
import { systemClock } from '../../../networks/src/time.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

const messages = process.env.RECEIPTS === 'all' ? 3_400 : 400
const partsEach = 3
const number = '+12025550142'

let smsc: Smsc
let gateway: TestGateway
let ask: Ask

beforeAll(async () => {
  const receipts = { early: true, twice: true, scatteredMs: 2_000 }
  smsc = await openSmsc({ people: new People(), clock: systemClock, receipts })
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  await smsc.stop()
  expect(gateway.errors).toEqual([])
})

test('settle right', { timeout: 180_000 }, async () => {
  const made = await ask('POST /v1/admin/instances', {
    ...{ name: 'carrier', phoneNumber: number, provider: 'smpp', password: 'secret' },
    url: `smpp://gateway@127.0.0.1:${smsc.port}?perSecond=10000&window=50`,
  })
  const numbers = `/v1/admin/customers/${gateway.customer.id}/numbers`
  await ask(`POST ${numbers}`, { phoneNumber: number, instanceId: made.body.data.id })
  const story = await tell(gateway)
  const text = 'x'.repeat(153 * partsEach)
  for (let sent = 0; sent < messages; sent += 50) {
    const some = Array.from({ length: 50 }, (_, index) => {
      const to = `+1415555${String(1_000 + ((sent + index) % 9_000))}`
      return story.send({ to, from: number, content: { text }, routing: { preference: ['sms'] } })
    })
    await Promise.all(some)
  }
  const count = async (of: string) => {
    const query = `select count(*)::int as count, count(distinct data #>> '{message,id}')::int as about from events where type = $1`
    return (await gateway.database.db.query<{ count: number; about: number }>({ name: '', text: query }, [of]))[0]
  }
  const all = { count: messages, about: messages }
  for (let waited = 0; waited < 12 && (await count('message.delivered'))?.count !== messages; waited += 1)
    await until(async () => (await count('message.delivered'))?.count === messages, 'more').catch(() => undefined)
  expect(await count('message.delivered')).toEqual(all)
  expect(await count('message.sent')).toEqual(all)
  expect(await count('message.failed')).toEqual({ count: 0, about: 0 })
  const statuses = await gateway.database.db.query({ name: '', text: 'select distinct status from messages' })
  expect(statuses).toEqual([{ status: 'delivered' }])
})
