/** The words for webhooks: each once, and the ones that others rely on. */
import { expect, expectTypeOf, test } from 'vitest'
import {
  type Delivery,
  type DeliveryDetail,
  deliveryStatuses,
  type WebhookDialect,
  webhookDialects,
} from './webhook.ts'

test.each([
  ['dialects', webhookDialects],
  ['statuses', deliveryStatuses],
])('%s are named once', (_what, names: readonly string[]) => {
  expect(new Set(names).size).toBe(names.length)
})

test('only what waits has a next attempt, and that is the first status', () => {
  expect(deliveryStatuses[0]).toBe('pending')
  expectTypeOf<Delivery['nextAttemptAt']>().toEqualTypeOf<Date | null>()
})

test('a delivery whole is a delivery', () => {
  expectTypeOf<DeliveryDetail>().toExtend<Delivery>()
  expectTypeOf<'standard'>().toExtend<WebhookDialect>()
})
