/** SMS over SMPP keeps the contract over real sockets, with one bind for both directions and with one for each. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { conformance } from '../../src/channels/conformance.ts'
import { smppHarness } from '../support/smpp-harness.ts'
import { openWorld, type SmppWorld } from '../support/smpp-line.ts'

let world: SmppWorld

beforeAll(async () => {
  world = await openWorld()
})

afterAll(async () => {
  await world.smsc.stop()
})

conformance(
  { describe, test },
  smppHarness(() => world),
)
conformance(
  { describe, test },
  smppHarness(() => world, '?bind=pair&concat=sar'),
)
