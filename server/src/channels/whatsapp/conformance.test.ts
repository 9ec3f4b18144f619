/** The promises of the contract, kept over the loopback WhatsApp with the library as it is. */
import { afterAll, describe, expect, test } from 'vitest'
import { openWhatsappHarness } from '../../../test/support/whatsapp-harness.ts'
import { conformance, promisesOf } from '../conformance.ts'

const harness = await openWhatsappHarness()
afterAll(() => harness.close())

test('leaves out only what WhatsApp does not have', () => {
  expect(promisesOf(harness)).toHaveLength(31)
})

conformance({ describe, test }, harness)
