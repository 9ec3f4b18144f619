/** Webhooks for those who know this surface alone: where events go, made, listed and deleted. */
import type { z } from 'zod'
import { GatewayError } from '../../model/errors.ts'
import type { Webhook } from '../../model/webhook.ts'
import { defineRoute, type Route } from '../route.ts'
import { plainIdOf } from './ids.ts'
import * as shape from './schema.ts'

type WireWebhook = z.input<typeof shape.webhookList>['data'][number]

const tag = 'Webhooks'
const dialect: Webhook['dialect'] = 'whatsbridge'

const presentWebhook = ({ id, url, events, active, createdAt }: Webhook): WireWebhook => ({
  ...{ id, url, events: [...events], active },
  created_at: createdAt.toISOString(),
})

const createWebhook = defineRoute({
  method: 'POST',
  path: '/api/v1/webhooks',
  operationId: 'createWebhook',
  summary: 'Create a webhook',
  description:
    'From now on each of these events is sent to the URL as a POST with a JSON body, and tried again for two and a half days until any 2xx takes it. `X-WabSync-Signature` is `sha256=` and the HMAC-SHA256 of the raw body with the secret, in hexadecimal. Every delivery is signed as Standard Webhooks say, too: that signature covers the time as well, and `webhook-id` names the event, which may arrive more than once. Change, test and replay it with the calls of `/v1/webhooks`.',
  tag,
  scope: 'manage',
  bare: true,
  body: shape.newWebhook,
  responses: { 201: { description: 'Created. Store the secret now.', schema: shape.createdWebhook } },
  errors: ['CONFLICT', 'WEBHOOK_DUPLICATE'],
  async handle({ gateway }, { caller, body }) {
    const { url, events = shape.webhookEvents } = body
    const fresh = { ...{ url, events, dialect }, name: null, secret: null, ordered: false, asymmetric: false } as const
    const made = await gateway.webhooks.create(caller, fresh)
    if (made.secret === null) throw new TypeError('a webhook was made and its secret not shown')
    return { status: 201, data: { ...presentWebhook(made), secret: made.secret } }
  },
})

const listWebhooks = defineRoute({
  method: 'GET',
  path: '/api/v1/webhooks',
  operationId: 'listWebhooks',
  summary: 'List your webhooks',
  description: 'Those that speak this dialect, oldest first. Secrets are not told.',
  tag,
  scope: 'read',
  bare: true,
  responses: { 200: { description: 'All of them.', schema: shape.webhookList } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const webhooks = await gateway.webhooks.list(caller)
    return { status: 200, data: { data: webhooks.filter((one) => one.dialect === dialect).map(presentWebhook) } }
  },
})

const deleteWebhook = defineRoute({
  method: 'DELETE',
  path: '/api/v1/webhooks/{id}',
  operationId: 'deleteWebhook',
  summary: 'Delete a webhook',
  description: 'Nothing more is sent to it; deliveries that wait are cancelled.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.webhookParams,
  responses: { 200: { description: 'Deleted.', schema: shape.done } },
  errors: ['WEBHOOK_NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const webhook = await gateway.webhooks.get(caller, plainIdOf<'webhook'>(params.id))
    if (webhook.dialect !== dialect) throw new GatewayError('WEBHOOK_NOT_FOUND', 'There is no such webhook.')
    await gateway.webhooks.remove(caller, webhook.id)
    return { status: 200, data: { success: true as const, message: 'The webhook is deleted.' } }
  },
})

export const webhookRoutes: readonly Route[] = [createWebhook, listWebhooks, deleteWebhook]
