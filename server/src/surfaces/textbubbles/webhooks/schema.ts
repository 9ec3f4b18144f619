/** The shapes of webhooks: whom to tell what, what became of each telling, and the jobs that tell again. */
import { z } from 'zod'
import { deliveryStatuses, webhookDialects } from '../../../model/webhook.ts'
import { subscribableEvents } from '../event-schema.ts'
import { pageCursor, pageLimit, pagination, time, uuidText } from '../schema.ts'

const limits = { urlCharacters: 2_048, nameCharacters: 100, secretMin: 16, secretMax: 255, events: 100 } as const

const id = (what: string) =>
  z.string().meta({ description: `The id of ${what}.`, examples: ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] })

export const webhookParams = z.object({ id: id('a webhook') })
export const deliveryParams = z.object({ id: id('a webhook'), deliveryId: id('a delivery') })
export const jobParams = z.object({ id: id('a webhook'), jobId: id('a job') })

// --- what callers send -----------------------------------------------------------------------------------------------

/** A test event goes to the webhook that is tested, whatever that asks for. */
const names = subscribableEvents.filter((name) => name !== 'webhook.test')
const eventName = z
  .enum(names, 'There is no such event. Those there are stand beside `events` at /docs#createWebhook.')
  .meta({ id: 'WebhookEvent', description: 'A type of event; `*` stands for all of them, also for those to come.' })

const wordedNames = names.map((name) => `\`${name}\``).join(', ')

const eventList = () =>
  z.array(eventName).min(1, 'Name at least one event, or `*` for all.').max(limits.events, `At most ${limits.events}.`)
const eventsRule = `Which events are sent: ${wordedNames}. \`*\` stands for all of them, also for those to come. Naming one twice does no harm. \`whatsapp.status\` may be named, but is only ever told on the event stream.`
const someEvents = ['message.inbound', 'message.failed'] as const

/** Whether the gateway may send there is decided inside; this only keeps out what is no address at all. */
const webhookUrl = z
  .string()
  .max(limits.urlCharacters, `At most ${limits.urlCharacters} characters.`)
  .refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), 'This must be an absolute https:// URL.')
  .meta({
    format: 'uri',
    description:
      'Where events are sent. HTTPS, at a public address, without user name and password; plain HTTP and private addresses only where the operator allows them.',
    examples: ['https://shop.test/hooks/messages'],
  })

/** Length is counted in characters, as JSON Schema does, not in UTF-16 units. */
const webhookName = z
  .string()
  .min(1, 'This must not be empty.')
  .refine((value) => [...value].length <= limits.nameCharacters, `At most ${limits.nameCharacters} characters.`)
  .meta({ maxLength: limits.nameCharacters, description: 'A name of your own.', examples: ['Shop backend'] })

const ownSecret = z
  .string()
  .min(limits.secretMin, `At least ${limits.secretMin} characters.`)
  .max(limits.secretMax, `At most ${limits.secretMax} characters.`)
  .regex(/^[\x21-\x7e]*$/, 'Only printable ASCII characters, and no spaces.')
  .meta({
    writeOnly: true,
    format: 'password',
    description:
      'A secret of your own for `X-Signature`. It signs nothing else: the standard signature keeps a secret that we make. It is never told back.',
    examples: ['a-long-secret-of-your-own'],
  })

const askedDialect = z.enum(['textbubbles', 'standard'])
const dialectRule =
  'Every delivery is signed as Standard Webhooks say: `webhook-id`, `webhook-timestamp`, `webhook-signature`. `textbubbles` adds `X-Signature` and `X-Timestamp`, which older clients check; `standard` does not.'
const orderedRule =
  'Events of one conversation arrive one after the other: the next is sent only when the one before was taken or given up. Without it only events of one message keep their order. It costs time: a delivery that has to be repeated holds up its conversation.'
const asymmetricRule =
  'Deliveries carry an Ed25519 signature (`v1a`) as well, to be checked with `publicKey`: a receiver then needs no secret.'

const newWebhookFields = {
  url: webhookUrl,
  events: eventList().meta({ description: eventsRule, examples: [someEvents] }),
  name: webhookName.optional(),
  secret: ownSecret.optional(),
  dialect: askedDialect.default('textbubbles').meta({ description: dialectRule }),
  ordered: z.boolean().default(false).meta({ description: orderedRule }),
  asymmetric: z.boolean().default(false).meta({ description: asymmetricRule }),
}
const newWebhookExample = { url: 'https://shop.test/hooks/messages', events: someEvents, name: 'Shop backend' }

export const newWebhook = z.object(newWebhookFields).meta({ id: 'NewWebhook', examples: [newWebhookExample] })

export const onlyWebhook = z
  .object({
    ...newWebhookFields,
    events: eventList()
      .default(['*'])
      .meta({ description: eventsRule, examples: [someEvents] }),
  })
  .meta({ id: 'OnlyWebhook', examples: [{ url: 'https://shop.test/hooks/messages' }] })

export const changeWebhook = z
  .object({
    url: webhookUrl.optional(),
    events: eventList()
      .optional()
      .meta({ description: eventsRule, examples: [someEvents] }),
    secret: ownSecret.optional(),
    name: webhookName.nullable().optional(),
    active: z.boolean().optional().meta({
      description:
        'False pauses it: nothing is sent or kept for it, and deliveries that wait are cancelled. True lets it begin anew, also after it was deactivated.',
    }),
    dialect: askedDialect.optional().meta({ description: dialectRule }),
    ordered: z.boolean().optional().meta({ description: orderedRule }),
    asymmetric: z.boolean().optional().meta({ description: asymmetricRule }),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Name at least one field to change.')
  .meta({ id: 'ChangeWebhook', minProperties: 1, examples: [{ active: false }] })

export const deliveryQuery = z.object({
  status: z.enum(deliveryStatuses).optional().meta({ description: 'Only deliveries of this status.' }),
  limit: pageLimit,
  cursor: pageCursor,
})

const moment = z.iso
  .datetime({ offset: true, error: 'This must be an ISO 8601 time with a zone.' })
  .refine((value) => !Number.isNaN(Date.parse(value)), 'There is no such time.')

export const recoverWebhook = z
  .object({ since: moment.meta({ description: 'The beginning of the outage; not in the future.' }) })
  .meta({ id: 'RecoverWebhook', examples: [{ since: '2026-09-04T17:20:00.000Z' }] })

export const replayWebhook = z
  .object({
    since: moment.meta({ description: 'The first moment to replay; not in the future.' }),
    until: moment
      .optional()
      .meta({ description: 'The last one, later than `since`, not in the future. Default: now.' }),
    events: eventList()
      .optional()
      .meta({
        description: 'Which ones, also such as the webhook does not ask for otherwise. Default: those it asks for.',
        examples: [someEvents],
      }),
  })
  .meta({
    id: 'ReplayWebhook',
    examples: [{ since: '2026-09-04T17:20:00.000Z', until: '2026-09-04T19:00:00.000Z', events: someEvents }],
  })

// --- what callers get ------------------------------------------------------------------------------------------------

const health = z
  .object({
    breaker: z.enum(['closed', 'open']).meta({
      description:
        '`open` after many failures in a row: deliveries wait, without using up attempts, and one at a time is let through to see whether the receiver is back.',
    }),
    exhausted: z
      .int()
      .min(0)
      .meta({ description: 'Deliveries in a row that used up all their attempts. Three deactivate the webhook.' }),
    pending: z.int().min(0).meta({ description: 'Deliveries that are not over yet; counted up to 10000.' }),
  })
  .meta({ id: 'WebhookHealth' })

const webhookFields = {
  id: uuidText(),
  name: z.string().nullable(),
  url: z.string().meta({ examples: ['https://shop.test/hooks/messages'] }),
  events: z.array(z.string()).meta({ examples: [someEvents] }),
  active: z.boolean().meta({ examples: [true] }),
  dialect: z.enum(webhookDialects).meta({
    description: 'Which headers are added to the standard ones; webhooks of another surface have one of their own.',
    examples: ['textbubbles'],
  }),
  ordered: z.boolean(),
  publicKey: z
    .string()
    .nullable()
    .meta({ description: 'Checks the `v1a` signature; null without one.', examples: [null] }),
  deactivatedReason: z
    .enum(['exhausted', 'gone'])
    .nullable()
    .meta({
      description:
        'Why the gateway deactivated it: `exhausted` when three deliveries in a row used up all their attempts, `gone` when the receiver answered 410. Null when it is active or was paused by you.',
      examples: [null],
    }),
  health,
  createdAt: time(),
  updatedAt: time(),
}
const mintedSecret = z.string().meta({
  description: 'What signs the deliveries. It is shown now and never again.',
  examples: ['whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='],
})

export const webhook = z.object(webhookFields).meta({ id: 'Webhook' })
export const webhookList = z.array(webhook)
export const webhookOrNone = webhook.nullable()
export const createdWebhook = z
  .object({
    ...webhookFields,
    secret: mintedSecret
      .optional()
      .meta({ description: 'What signs the deliveries, when you gave none. It is shown now and never again.' }),
    standardSecret: mintedSecret.optional().meta({
      description:
        'When you gave a `secret`: what makes the standard signature, which yours does not. It is shown now and never again.',
    }),
  })
  .meta({ id: 'CreatedWebhook' })
export const rotatedWebhook = z
  .object({ ...webhookFields, secret: mintedSecret, rotatedAt: time() })
  .meta({ id: 'RotatedWebhook' })
export const deletedWebhook = z.object({ id: uuidText(), deleted: z.literal(true) })
export const deletedWebhooks = z.object({ deleted: z.literal(true) })

export const testedWebhook = z
  .object({
    delivered: z.boolean().meta({ description: 'Whether the answer was a 2xx.', examples: [true] }),
    url: z.string().meta({ examples: ['https://shop.test/hooks/messages'] }),
    responseStatus: z
      .int()
      .nullable()
      .meta({ description: 'Null when there was no answer.', examples: [200] }),
    eventId: z
      .string()
      .meta({ pattern: '^evt_test_[0-9a-f-]{36}$', examples: ['evt_test_0199a2c4-7b21-7c02-9a4f-5d0be2a81c33'] }),
    error: z
      .string()
      .nullable()
      .meta({ description: 'What went wrong; null when it was delivered.', examples: [null] }),
  })
  .meta({ id: 'WebhookTest' })

const attempt = z
  .object({
    number: z.int().min(1),
    at: time(),
    durationMs: z.int().min(0),
    responseStatus: z
      .int()
      .nullable()
      .meta({ description: 'Null when there was no answer.', examples: [503] }),
    responseExcerpt: z
      .string()
      .nullable()
      .meta({ description: 'The beginning of what was answered.', examples: ['upstream is down'] }),
    error: z
      .string()
      .nullable()
      .meta({ description: 'What went wrong; null when it succeeded.', examples: ['The receiver answered 503.'] }),
  })
  .meta({ id: 'DeliveryAttempt', description: 'One request to the receiver.' })

const deliveryFields = {
  id: uuidText(),
  webhookId: uuidText(),
  eventId: z.string().meta({
    pattern: '^evt_[0-9a-f-]{36}$',
    description: 'The id of the event, as the receiver gets it.',
    examples: ['evt_0199a2c4-7b21-7c02-9a4f-5d0be2a81c33'],
  }),
  eventType: z.string().meta({ examples: ['message.inbound'] }),
  url: z.string().meta({ description: 'Where it goes or went.', examples: ['https://shop.test/hooks/messages'] }),
  status: z.enum(deliveryStatuses).meta({
    id: 'DeliveryStatus',
    description:
      '`pending` waits for its next attempt. `delivered` was answered with 2xx. `failed` was refused for good, or used up its attempts. `superseded` was not sent any more, since a later status of the same message had been. `cancelled`: the webhook was paused, deactivated or deleted.',
  }),
  attempts: z.int().min(0).meta({ description: 'How many requests were made.' }),
  createdAt: time(),
  nextAttemptAt: time().nullable().meta({ description: 'Null when nothing more will be tried.' }),
  endedAt: time()
    .nullable()
    .meta({ description: 'Null while it is pending.', examples: [null] }),
  lastAttempt: attempt.nullable(),
}

export const delivery = z
  .object(deliveryFields)
  .meta({ id: 'Delivery', description: 'One event on its way to one webhook.' })
export const deliveryPage = z.object({ deliveries: z.array(delivery), pagination }).meta({ id: 'DeliveryPage' })
export const deliveryDetail = z
  .object({
    ...deliveryFields,
    history: z.array(attempt).meta({ description: 'Every attempt, oldest first.' }),
    request: z
      .object({
        headers: z.record(z.string(), z.string()).meta({ examples: [{ 'content-type': 'application/json' }] }),
        bodyExcerpt: z.string().meta({ examples: ['{"id":"evt_0199a2c4-7b21-7c02-9a4f-5d0be2a81c33",'] }),
      })
      .nullable()
      .meta({
        description: 'What was sent, without its signatures. Null once the event is no longer kept.',
      }),
  })
  .meta({ id: 'DeliveryDetail' })

export const job = z
  .object({
    id: uuidText(),
    webhookId: uuidText(),
    kind: z.enum(['recover', 'replay']),
    since: time(),
    until: time(),
    events: z
      .array(z.string())
      .nullable()
      .meta({ description: 'Null: those that the webhook asks for.', examples: [null] }),
    status: z
      .enum(['running', 'done', 'cancelled'])
      .meta({ id: 'JobStatus', description: '`cancelled`: the webhook was paused, deactivated or deleted meanwhile.' }),
    progress: z
      .number()
      .min(0)
      .max(1)
      .meta({ description: 'How much of the time from `since` to `until` is done, from 0 to 1.' }),
    scanned: z.int().min(0).meta({ description: 'What was looked at so far.' }),
    queued: z.int().min(0).meta({ description: 'What is sent again.' }),
    createdAt: time(),
    endedAt: time()
      .nullable()
      .meta({ examples: [null] }),
  })
  .meta({ id: 'WebhookJob', description: 'Sends again what was missed, in the background.' })
export const jobList = z.object({ jobs: z.array(job) })

export const callbackSecret = z.object({
  rotatedAt: time().nullable().meta({ description: 'Null until there is one.' }),
})
export const rotatedCallbackSecret = z.object({ secret: mintedSecret, rotatedAt: time() })
