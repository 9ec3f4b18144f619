/** The calls that say who is told what: webhooks one by one, the older calls for clients that know only one, and the callback secret. */
import type { z } from 'zod'
import type { Caller, Gateway } from '../../../gateway.ts'
import { GatewayError } from '../../../model/errors.ts'
import type { NewWebhook, ShownSecret, TestResult, Webhook } from '../../../model/webhook.ts'
import { defineRoute, type Route } from '../../route.ts'
import { plainIdOf } from '../ids.ts'
import * as shape from './schema.ts'

const presentWebhook = (from: Webhook): z.input<typeof shape.webhook> => ({
  id: from.id,
  name: from.name,
  url: from.url,
  events: [...from.events],
  active: from.active,
  dialect: from.dialect,
  ordered: from.ordered,
  publicKey: from.publicKey,
  deactivatedReason: from.deactivated,
  health: { breaker: from.health.breaker, exhausted: from.health.exhausted, pending: from.health.pending },
  createdAt: from.createdAt.toISOString(),
  updatedAt: from.updatedAt.toISOString(),
})

const presentCreated = (from: Webhook & ShownSecret): z.input<typeof shape.createdWebhook> => ({
  ...presentWebhook(from),
  ...(from.secret !== null && { secret: from.secret }),
  ...(from.standardSecret !== null && { standardSecret: from.standardSecret }),
})

function presentRotated(from: Webhook & ShownSecret): z.input<typeof shape.rotatedWebhook> {
  if (from.secret === null) throw new TypeError('a secret was rotated and not shown')
  return { ...presentWebhook(from), secret: from.secret, rotatedAt: from.updatedAt.toISOString() }
}

const presentTest = (from: TestResult): z.input<typeof shape.testedWebhook> => ({
  delivered: from.delivered,
  url: from.url,
  responseStatus: from.responseStatus,
  eventId: `evt_test_${from.eventId}`,
  error: from.error,
})

/** Each once and in one order, so that two lists that say the same are the same. */
export function namedEvents(list: readonly string[]): string[] {
  return list.includes('*') ? ['*'] : [...new Set(list)].sort()
}

function newWebhookOf(body: z.output<typeof shape.newWebhook>): NewWebhook {
  const { url, events, name = null, secret = null, dialect, ordered, asymmetric } = body
  return { url, events: namedEvents(events), name, secret, dialect, ordered, asymmetric }
}

const createWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhooks',
  operationId: 'createWebhook',
  summary: 'Create a webhook',
  description:
    'From now on every event of the types named is sent to the URL as a POST with a JSON body, the same that the event stream tells. What happened before is not sent; replay can do that.\n\nAny 2xx takes a delivery. After 408, 429, any 5xx, a redirect, or no answer within 10 seconds it is tried again: by default 30 seconds, 5 minutes, 30 minutes, 2 hours, 8 hours, 24 hours and 24 hours later, eight attempts over two and a half days, each a little earlier or later so that what failed together does not come back together, and never before a `Retry-After` of the receiver is over. Any other 4xx ends that delivery at once, since the same request would be refused again.\n\n410 says that the receiver is gone for good, and deactivates the webhook. So do three deliveries in a row that used up all their attempts. `deactivatedReason` then says why, and the event `webhook.deactivated` tells of it.\n\nAn event may arrive more than once, always with the same id: drop repeats by it. The secret is shown in this answer and never again; each webhook has its own. You may have 100 webhooks.',
  tag: 'Webhooks',
  scope: 'manage',
  body: shape.newWebhook,
  responses: { 201: { description: 'Created. Store the secret now.', schema: shape.createdWebhook } },
  errors: ['CONFLICT', 'WEBHOOK_DUPLICATE'],
  async handle({ gateway }, { caller, body }) {
    return { status: 201, data: presentCreated(await gateway.webhooks.create(caller, newWebhookOf(body))) }
  },
})

const listWebhooks = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/list',
  operationId: 'listWebhooks',
  summary: 'List webhooks',
  description: 'All of them, oldest first, those that are not active included. Secrets are not told.',
  tag: 'Webhooks',
  scope: 'read',
  responses: { 200: { description: 'All of them.', schema: shape.webhookList } },
  errors: [],
  async handle({ gateway }, { caller }) {
    return { status: 200, data: (await gateway.webhooks.list(caller)).map(presentWebhook) }
  },
})

const getWebhook = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/{id}',
  operationId: 'getWebhook',
  summary: 'Read a webhook',
  description: 'One webhook and how well its receiver takes what it gets. Its secret is not told.',
  tag: 'Webhooks',
  scope: 'read',
  params: shape.webhookParams,
  responses: { 200: { description: 'The webhook.', schema: shape.webhook } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentWebhook(await gateway.webhooks.get(caller, plainIdOf<'webhook'>(params.id))) }
  },
})

const updateWebhook = defineRoute({
  method: 'PATCH',
  path: '/v1/webhooks/{id}',
  operationId: 'updateWebhook',
  summary: 'Change a webhook',
  description:
    'Only the fields that are given change; a `name` of null is taken away. `active` pauses a webhook or brings it back, also one that the gateway deactivated. What was missed meanwhile is not sent by itself; recover and replay do that.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  body: shape.changeWebhook,
  responses: { 200: { description: 'The webhook as it is now.', schema: shape.webhook } },
  errors: ['WEBHOOK_DUPLICATE', 'WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params, body }) {
    const { events, ...rest } = body
    const change = { ...rest, ...(events !== undefined && { events: namedEvents(events) }) }
    const changed = await gateway.webhooks.change(caller, plainIdOf<'webhook'>(params.id), change)
    return { status: 200, data: presentWebhook(changed) }
  },
})

const deleteWebhook = defineRoute({
  method: 'DELETE',
  path: '/v1/webhooks/{id}',
  operationId: 'deleteWebhook',
  summary: 'Delete a webhook',
  description:
    'Nothing more is sent to it: deliveries and jobs that wait are cancelled, and what became of earlier ones can no longer be read.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  responses: { 200: { description: 'Deleted.', schema: shape.deletedWebhook } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const id = plainIdOf<'webhook'>(params.id)
    await gateway.webhooks.remove(caller, id)
    return { status: 200, data: { id, deleted: true as const } }
  },
})

const testWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/{id}/test',
  operationId: 'testWebhook',
  summary: 'Send a test event',
  description:
    'Sends one event of the type `webhook.test`, signed like any other, and waits for the answer of the receiver. It is tried once and counts for nothing: neither as a delivery nor as a failure.',
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  responses: { 200: { description: 'What the receiver said.', schema: shape.testedWebhook } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentTest(await gateway.webhooks.test(caller, plainIdOf<'webhook'>(params.id))) }
  },
})

const rotationRule =
  'Makes a new secret and shows it once, also in the place of one you brought. `X-Signature` is made with the new one at once; the standard signature is given with both for a while, so that a receiver can change over without losing a delivery.'

const rotateWebhookSecret = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/{id}/rotate-secret',
  operationId: 'rotateWebhookSecret',
  summary: 'Change the secret of a webhook',
  description: rotationRule,
  tag: 'Webhooks',
  scope: 'manage',
  params: shape.webhookParams,
  responses: { 200: { description: 'Store `secret` now.', schema: shape.rotatedWebhook } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const rotated = await gateway.webhooks.rotateSecret(caller, plainIdOf<'webhook'>(params.id))
    return { status: 200, data: presentRotated(rotated) }
  },
})

async function firstActive(gateway: Gateway, caller: Caller): Promise<Webhook | null> {
  const webhooks = await gateway.webhooks.list(caller)
  return webhooks.find(({ active }) => active) ?? null
}

function notConfigured(): GatewayError {
  return new GatewayError('WEBHOOK_NOT_CONFIGURED', 'No webhook is active. Create one, or activate one you have.')
}

async function withFirstActive<Result>(
  gateway: Gateway,
  caller: Caller,
  act: (id: Webhook['id']) => Promise<Result>,
): Promise<Result> {
  const first = await firstActive(gateway, caller)
  if (first === null) throw notConfigured()
  try {
    return await act(first.id)
  } catch (error) {
    // Deleted since it was found. Whoever names no webhook is not told that one is missing.
    if (error instanceof GatewayError && error.code === 'WEBHOOK_NOT_FOUND') throw notConfigured()
    throw error
  }
}

const getFirstWebhook = defineRoute({
  method: 'GET',
  path: '/v1/webhooks',
  operationId: 'getFirstWebhook',
  summary: 'Read the first active webhook',
  description:
    'For older clients, which know a single webhook: the oldest that is active, or null. The list shows all of them.',
  tag: 'Webhooks',
  scope: 'read',
  responses: { 200: { description: 'The webhook, or null.', schema: shape.webhookOrNone } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const first = await firstActive(gateway, caller)
    return { status: 200, data: first === null ? null : presentWebhook(first) }
  },
})

const replaceWebhooks = defineRoute({
  method: 'PUT',
  path: '/v1/webhooks',
  operationId: 'replaceWebhooks',
  summary: 'Replace all webhooks by one',
  description:
    'For older clients, which know a single webhook: every active one is paused and this one is created. Use `POST /v1/webhooks` to have several.',
  tag: 'Webhooks',
  scope: 'manage',
  body: shape.onlyWebhook,
  responses: { 200: { description: 'The only active webhook. Store the secret now.', schema: shape.createdWebhook } },
  errors: ['CONFLICT'],
  async handle({ gateway }, { caller, body }) {
    return { status: 200, data: presentCreated(await gateway.webhooks.replaceAll(caller, newWebhookOf(body))) }
  },
})

const deactivateWebhooks = defineRoute({
  method: 'DELETE',
  path: '/v1/webhooks',
  operationId: 'deactivateWebhooks',
  summary: 'Pause all webhooks',
  description:
    'For older clients, which know a single webhook: every active one is paused. They can be activated again.',
  tag: 'Webhooks',
  scope: 'manage',
  responses: { 200: { description: 'None is active any more.', schema: shape.deletedWebhooks } },
  errors: ['WEBHOOK_NOT_CONFIGURED'],
  async handle({ gateway }, { caller }) {
    if ((await gateway.webhooks.deactivateAll(caller)) === 0) throw notConfigured()
    return { status: 200, data: { deleted: true as const } }
  },
})

const testFirstWebhook = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/test',
  operationId: 'testFirstWebhook',
  summary: 'Send a test event to the first active webhook',
  description: 'For older clients, which know a single webhook: tests the oldest that is active.',
  tag: 'Webhooks',
  scope: 'manage',
  responses: { 200: { description: 'What the receiver said.', schema: shape.testedWebhook } },
  errors: ['WEBHOOK_NOT_CONFIGURED'],
  async handle({ gateway }, { caller }) {
    const result = await withFirstActive(gateway, caller, (id) => gateway.webhooks.test(caller, id))
    return { status: 200, data: presentTest(result) }
  },
})

const rotateFirstWebhookSecret = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/rotate-secret',
  operationId: 'rotateFirstWebhookSecret',
  summary: 'Change the secret of the first active webhook',
  description: `For older clients, which know a single webhook: the oldest that is active. ${rotationRule}`,
  tag: 'Webhooks',
  scope: 'manage',
  responses: { 200: { description: 'Store `secret` now.', schema: shape.rotatedWebhook } },
  errors: ['WEBHOOK_NOT_CONFIGURED'],
  async handle({ gateway }, { caller }) {
    const rotated = await withFirstActive(gateway, caller, (id) => gateway.webhooks.rotateSecret(caller, id))
    return { status: 200, data: presentRotated(rotated) }
  },
})

const getCallbackSecret = defineRoute({
  method: 'GET',
  path: '/v1/webhooks/callback-secret',
  operationId: 'getCallbackSecret',
  summary: 'See since when the callback secret is the same',
  description:
    'One secret of yours signs what is sent to the `callbackUrl` of messages. It is made and shown by rotating it; until then there is none to check by.',
  tag: 'Webhooks',
  scope: 'read',
  responses: { 200: { description: 'When it was made, not what it is.', schema: shape.callbackSecret } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const { rotatedAt } = await gateway.webhooks.callbackSecret(caller)
    return { status: 200, data: { rotatedAt: rotatedAt?.toISOString() ?? null } }
  },
})

const rotateCallbackSecret = defineRoute({
  method: 'POST',
  path: '/v1/webhooks/callback-secret/rotate',
  operationId: 'rotateCallbackSecret',
  summary: 'Change the callback secret',
  description: 'Makes a new secret for what is sent to the `callbackUrl` of messages, and shows it once.',
  tag: 'Webhooks',
  scope: 'manage',
  responses: { 200: { description: 'Store `secret` now.', schema: shape.rotatedCallbackSecret } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const { secret, rotatedAt } = await gateway.webhooks.rotateCallbackSecret(caller)
    return { status: 200, data: { secret, rotatedAt: rotatedAt.toISOString() } }
  },
})

export const webhookRoutes: readonly Route[] = [
  createWebhook,
  listWebhooks,
  getWebhook,
  updateWebhook,
  deleteWebhook,
  testWebhook,
  rotateWebhookSecret,
  getFirstWebhook,
  replaceWebhooks,
  deactivateWebhooks,
  testFirstWebhook,
  rotateFirstWebhookSecret,
  getCallbackSecret,
  rotateCallbackSecret,
]
