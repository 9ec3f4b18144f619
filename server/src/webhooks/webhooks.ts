/** Webhooks as their owners make, change, test and remove them, and the secrets that are shown once. */
import type { Clock } from '../lib/clock.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import type { Mint } from '../lib/mint.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, EventId, WebhookId } from '../model/ids.ts'
import type {
  NewWebhook,
  SecretGeneration,
  ShownSecret,
  TestResult,
  Webhook,
  WebhookChange,
  WebhookDialect,
} from '../model/webhook.ts'
import type { CallbackStore } from '../store/webhooks/callbacks.ts'
import type { WebhookQueueStore } from '../store/webhooks/queue.ts'
import { type WebhookFields, type WebhookRow, type WebhookStore, webhookFrom } from '../store/webhooks/webhooks.ts'
import { isUsableSecret, mintSecret, shownPublicKey, shownSecret, shownWhatsBridgeSecret } from './secrets.ts'
import { type AttemptOptions, attempt } from './sending/attempt.ts'
import type { Wording } from './wording.ts'

export interface WebhooksOptions extends AttemptOptions {
  clock: Clock
  mint: Mint
  egress: SafeFetch
  wording: Wording
  store: WebhookStore
  callbacks: CallbackStore
  queue: Pick<WebhookQueueStore, 'cancel'>
  /** Others forget what they knew. */
  changed(): void
}

const webhooksMax = 100
const generationsMax = 10
/** How long the secret before the last one still signs along. */
const graceMs = 24 * 3_600_000
const cancelRounds = 20
const cancelRows = 1_000

export function createWebhooks(options: WebhooksOptions) {
  const { store } = options
  return {
    async list(customerId: CustomerId): Promise<Webhook[]> {
      return (await store.list(customerId)).map(webhookFrom)
    },

    async get(customerId: CustomerId, id: WebhookId): Promise<Webhook> {
      return webhookFrom(await found(store, customerId, id))
    },

    create: (customerId: CustomerId, input: NewWebhook) => add(options, customerId, input, false),

    replaceAll: (customerId: CustomerId, input: NewWebhook) => add(options, customerId, input, true),

    change: (customerId: CustomerId, id: WebhookId, change: WebhookChange) =>
      alter(options, { customerId, id }, change),

    async remove(customerId: CustomerId, id: WebhookId): Promise<void> {
      if (!(await store.remove(customerId, id))) throw notFound()
      options.changed()
      await cancelWaiting(options, customerId, id)
    },

    async deactivateAll(customerId: CustomerId): Promise<number> {
      const active = (await store.list(customerId)).filter((row) => row.active)
      for (const { id } of active) await alter(options, { customerId, id }, { active: false }).catch(unlessGone)
      return active.length
    },

    async rotateSecret(customerId: CustomerId, id: WebhookId): Promise<Webhook & ShownSecret> {
      const until = new Date(options.clock.now() + graceMs).toISOString()
      const fresh = { ...mintSecret(null), until: null }
      const row = await store.change(customerId, id, (before, fields) => {
        const secrets = succeeded(fields.secrets, fresh, until)
        return { ...fields, secrets, publicKey: keyOf(secrets, before.public_key !== null) }
      })
      if (row === null) throw notFound()
      options.changed()
      return { ...webhookFrom(row), ...shown(fresh, row.dialect) }
    },

    test: (customerId: CustomerId, id: WebhookId) => test(options, customerId, id),

    async callbackSecret(customerId: CustomerId): Promise<{ rotatedAt: Date | null }> {
      return { rotatedAt: await options.callbacks.rotatedAt(customerId) }
    },

    async rotateCallbackSecret(customerId: CustomerId): Promise<{ secret: string; rotatedAt: Date }> {
      const until = new Date(options.clock.now() + graceMs).toISOString()
      const fresh = { ...mintSecret(null), until: null }
      const { rotatedAt } = await options.callbacks.change(customerId, (known) => succeeded(known, fresh, until))
      options.changed()
      return { secret: shownSecret(fresh), rotatedAt }
    },

    /** Callbacks are signed from the first one on, also of a customer who has not asked for the secret yet. */
    async ensureCallbackSecret(customerId: CustomerId): Promise<void> {
      const fresh = { ...mintSecret(null), until: null }
      await options.callbacks.change(customerId, (known) => (known.length > 0 ? null : [fresh]))
    },
  }
}

function notFound(): GatewayError {
  return new GatewayError('WEBHOOK_NOT_FOUND', 'There is no such webhook.')
}

export async function found(store: WebhookStore, customerId: CustomerId, id: WebhookId): Promise<WebhookRow> {
  const row = await store.get(customerId, id)
  if (row === null) throw notFound()
  return row
}

async function add(
  options: WebhooksOptions,
  customerId: CustomerId,
  input: NewWebhook,
  replacing: boolean,
): Promise<Webhook & ShownSecret> {
  await refuseUnsafe(options, input)
  const secret = { ...mintSecret(input.secret), until: null }
  const fields = {
    ...{ name: input.name, url: input.url, dialect: input.dialect, ordered: input.ordered, secrets: [secret] },
    events: eventSet(input.events),
    publicKey: keyOf([secret], input.asymmetric),
  }
  const paused: WebhookId[] = []
  const row = await options.store.add(customerId, options.mint() as WebhookId, (rows) => {
    if (!replacing && rows.length >= webhooksMax) throw tooMany()
    const pause = replacing ? rows.filter((known) => known.active) : []
    if (!replacing) refuseTwin(rows, fields)
    paused.push(...pause.map(({ id }) => id))
    // Clients that only ever replace cannot clear up: the oldest make room.
    return { fields, pause, drop: replacing ? rows.slice(0, Math.max(0, rows.length - webhooksMax + 1)) : [] }
  })
  options.changed()
  for (const id of paused) await cancelWaiting(options, customerId, id)
  return { ...webhookFrom(row), ...shown(secret, input.dialect) }
}

async function alter(
  options: WebhooksOptions,
  { customerId, id }: { customerId: CustomerId; id: WebhookId },
  change: WebhookChange,
): Promise<Webhook> {
  await refuseUnsafe(options, change)
  const until = new Date(options.clock.now() + graceMs).toISOString()
  const row = await options.store.change(customerId, id, (before, fields, rows) => {
    const after = changedFields(fields, change, until)
    if (after.active)
      refuseTwin(
        rows.filter((other) => other.active && other.id !== id),
        after,
      )
    return { ...after, publicKey: keyOf(after.secrets, change.asymmetric ?? before.public_key !== null) }
  })
  if (row === null) throw notFound()
  options.changed()
  if (!row.active) await cancelWaiting(options, customerId, id)
  return webhookFrom(row)
}

/** The order of names and their repetition mean nothing; `*` means all. */
function eventSet(events: readonly string[]): string[] {
  return events.includes('*') ? ['*'] : [...new Set(events)].sort()
}

async function refuseUnsafe(options: WebhooksOptions, input: { url?: string; secret?: string | null }): Promise<void> {
  const urlProblem = input.url === undefined ? null : await options.egress.problemWith(input.url)
  const secretProblem = input.secret == null ? null : isUsableSecret(input.secret)
  const details = [
    ...(urlProblem === null ? [] : [{ path: 'url', message: urlProblem }]),
    ...(secretProblem === null ? [] : [{ path: 'secret', message: secretProblem }]),
  ]
  const [first] = details
  if (first !== undefined) throw new GatewayError('VALIDATION_ERROR', `${first.path}: ${first.message}`, { details })
}

function refuseTwin(rows: readonly WebhookRow[], fields: Pick<WebhookFields, 'url' | 'events'>): void {
  const twin = rows.find((row) => row.url === fields.url && row.events.join() === fields.events.join())
  if (twin === undefined) return
  throw new GatewayError(
    'WEBHOOK_DUPLICATE',
    `The webhook ${twin.id} has this URL and these events already. Change that one, or choose others.`,
  )
}

/** Whoever deleted it meanwhile has done more than was asked for. */
function unlessGone(error: unknown): void {
  if (!(error instanceof GatewayError) || error.code !== 'WEBHOOK_NOT_FOUND') throw error
}

function tooMany(): GatewayError {
  return new GatewayError('CONFLICT', `You have ${webhooksMax} webhooks, which is the most. Delete one first.`)
}

function changedFields(fields: WebhookFields, change: WebhookChange, until: string): WebhookFields {
  const { events, secret, asymmetric: _, ...rest } = change
  const [current] = fields.secrets
  const secrets =
    secret === undefined || current === undefined
      ? fields.secrets
      : // The standard key stays: the customer's text signs only X-Signature.
        succeeded(fields.secrets, { random: current.random, supplied: secret, until: null }, until)
  return { ...fields, ...rest, secrets, ...(events !== undefined && { events: eventSet(events) }) }
}

/** The newest first; the one before signs along for a while. */
function succeeded(
  known: readonly SecretGeneration[],
  fresh: SecretGeneration,
  until: string,
): readonly SecretGeneration[] {
  return [fresh, ...known.map((one) => ({ ...one, until: one.until ?? until }))].slice(0, generationsMax)
}

function keyOf(secrets: readonly SecretGeneration[], wanted: boolean): string | null {
  const [current] = secrets
  return wanted && current !== undefined ? shownPublicKey(current) : null
}

function shown(secret: SecretGeneration, dialect: WebhookDialect): ShownSecret {
  const own = dialect === 'whatsbridge' ? shownWhatsBridgeSecret(secret) : shownSecret(secret)
  return secret.supplied === null ? { secret: own, standardSecret: null } : { secret: null, standardSecret: own }
}

/** The rest, should there be more, ends when it falls due. */
async function cancelWaiting(options: WebhooksOptions, customerId: CustomerId, id: WebhookId): Promise<void> {
  for (let round = 0; round < cancelRounds; round++) {
    if ((await options.queue.cancel(customerId, id, cancelRows)) < cancelRows) return
  }
}

async function test(options: WebhooksOptions, customerId: CustomerId, id: WebhookId): Promise<TestResult> {
  const { clock, mint, wording, store } = options
  const row = await found(store, customerId, id)
  const eventId = mint() as EventId
  const worded = wording.test(row.dialect, { id: eventId, webhookId: id, customerId, at: new Date(clock.now()) })
  const { url, dialect } = row
  const secrets = store.secretsOf(row).filter(({ until }) => until === null || Date.parse(until) > clock.now())
  const result = await attempt(options, {
    ...{ url, dialect, secrets, worded, asymmetric: row.public_key !== null, correlationId: null, attempt: 1 },
    signal: new AbortController().signal,
  })
  if (result === null) throw new Error('A test delivery was given up by nobody.')
  const { responseStatus, error } = result.tried
  return { delivered: error === null, url, responseStatus, error, eventId }
}
