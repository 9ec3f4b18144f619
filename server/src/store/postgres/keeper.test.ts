/** A database that dies under the gateway comes back, with what it had confirmed, at the same address. */
import { expect, test } from 'vitest'
import { log, placeForEachTest } from '../../../test/support/embedded-postgres.ts'
import { until } from '../../../test/support/gateway.ts'
import { systemClock } from '../../lib/clock.ts'
import { createDb } from '../db.ts'
import { keepEmbeddedPostgres } from './keeper.ts'
import { readLock } from './lock.ts'

const place = placeForEachTest()

test('a killed server is started again and nothing confirmed is gone', async () => {
  const kept = await keepEmbeddedPostgres({ dir: place.dir, log, clock: systemClock })
  const db = createDb({
    address: kept.connection,
    connectionsMax: 2,
    applicationName: 'test',
    onError: () => undefined,
  })
  await db.query({ name: '', text: 'create table kept as select 42 as answer' })
  const before = readLock(place.dir)?.pid
  process.kill(before ?? 0, 'SIGKILL')
  await until(async () => {
    const rows = await db.query<{ answer: number }>({ name: '', text: 'select answer from kept' }).catch(() => [])
    return rows[0]?.answer === 42 && readLock(place.dir)?.pid !== before
  }, 'the database to be back')
  await db.close()
  await kept.stop()
  expect(readLock(place.dir)).toBeNull()
})
