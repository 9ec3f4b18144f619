/** The short form of the fuzz: 200 requests to every operation of a gateway that really listens. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { bridgeTargetOf } from './bridge-target.ts'
import { fuzz } from './fuzz.ts'
import { targetOf } from './target.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ egress: { resolve: async () => [] } })
})
afterAll(() => gateway.stop())

test.each([
  ['/v1', targetOf, 30],
  ['/api/v1', bridgeTargetOf, 10],
] as const)(
  '%s: every answer to any request is as documented, is no 5xx and comes within a second',
  {
    timeout: 120_000,
  },
  async (_surface, target, operations) => {
    const seed = (Date.now() ^ process.pid) & 0x7fffffff
    const outcomes = await fuzz(await target(gateway), { requests: 200, seed, operation: null, parallel: 6 })
    const failures = outcomes.flatMap(({ operationId, failure }) =>
      failure === null ? [] : [{ operationId, ...failure }],
    )
    expect(failures).toEqual([])
    expect(outcomes.length).toBeGreaterThan(operations)
    // A fuzz that is only ever refused tests the door and not the house.
    const neverDone = outcomes.filter(({ statuses }) => !Object.keys(statuses).some((status) => status.startsWith('2')))
    expect(neverDone.map(({ operationId }) => operationId)).toEqual([])
    expect(gateway.errors).toEqual([])
  },
)
