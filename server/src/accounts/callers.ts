/** Who calls: customers and their API keys. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { createKept } from '../lib/kept.ts'
import type { Mint } from '../lib/mint.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, KeyId } from '../model/ids.ts'
import type { CallerStore, CustomerRow, KeyRow } from '../store/callers.ts'
import type { ApiKey, Caller, Customer, CustomerChange, KeySurface, NewCustomer, Scope } from './caller.ts'

export interface CallersOptions {
  store: CallerStore
  box: SealedBox
  clock: Clock
  mint: Mint
  keyPrefix: string
  requestsPerMinute: number
}

/** Of keys that clients of WhatsBridge know as tokens. Any key opens any surface. */
const tokenPrefix = 'WBT|'

const cachedMs = 2_000
const cachedMax = 10_000
const touchedMax = 10_000
const shownPrefix = 8

export function createCallers(options: CallersOptions) {
  const { store, clock } = options
  const known = createKept<string, Caller>({ clock, keptMs: cachedMs, keptMax: cachedMax })
  const used = new Set<KeyId>()
  return {
    /** A key revoked elsewhere is refused at the latest two seconds later, here at once. */
    authenticate: (token: string): Promise<Caller> =>
      known.get(token, async () => {
        const caller = await check(options, token)
        if (used.size < touchedMax) used.add(caller.keyId)
        return caller
      }),
    forget: known.forget,

    /** Last-use dates are written in bunches, not per request. */
    async flushUse(): Promise<void> {
      if (used.size === 0) return
      const ids = [...used]
      used.clear()
      await store.touchKeys(ids)
    },
    ...customerCalls(options),
    ...keyCalls(options, known.forget),
  }
}

async function check(options: CallersOptions, token: string): Promise<Caller> {
  if (![options.keyPrefix, tokenPrefix].some((prefix) => wellFormed(token, prefix))) throw unauthorized()
  const print = options.box.print(token)
  const row = await options.store.checkKey(print)
  if (row === null || !row.usable || !timingSafeEqual(row.hash, print)) throw unauthorized()
  const perMinute = row.requests_per_minute ?? options.requestsPerMinute
  return {
    customerId: row.customer_id,
    keyId: row.id,
    scopes: new Set(row.scopes as Scope[]),
    requestsPerMinute: perMinute === 0 ? null : perMinute,
    requestsPerHour: perMinute === 0 ? null : hourly(row.requests_per_minute),
  }
}

const usualPerHour = 1_000

/** What an operator allows somebody by the minute they may do in every minute of the hour. */
function hourly(ownPerMinute: number | null): number {
  return ownPerMinute === null ? usualPerHour : 60 * ownPerMinute
}

function customerCalls({ store, mint }: CallersOptions) {
  return {
    async createCustomer({ email, name, company, ...input }: NewCustomer): Promise<Customer> {
      const row = await store.addCustomer({
        ...{ id: mint() as CustomerId, email, name, company },
        requests_per_minute: input.requestsPerMinute,
        opt_out_channels: [...(input.optOutChannels ?? (['sms'] as const))],
      })
      if (row === null) throw new GatewayError('CONFLICT', 'A customer with this e-mail address exists already.')
      return customerFrom(row)
    },
    async changeCustomer(id: CustomerId, { requestsPerMinute, optOutChannels, ...change }: CustomerChange) {
      const row = await store.changeCustomer(id, {
        ...change,
        ...(requestsPerMinute !== undefined && { requests_per_minute: requestsPerMinute }),
        ...(optOutChannels !== undefined && { opt_out_channels: [...optOutChannels] }),
      })
      if (row === null) throw notFound('customer')
      return customerFrom(row)
    },
    async customer(id: CustomerId): Promise<Customer> {
      const row = await store.customer(id)
      if (row === null) throw notFound('customer')
      return customerFrom(row)
    },
    async customers(page: { limit: number; after: CustomerId | null }) {
      return pageOf(await store.customers(page.after, page.limit + 1), page.limit, customerFrom)
    },
  }
}

export interface NewKey {
  name: string
  customer: { id: CustomerId } | { email: string }
  scopes: readonly Scope[]
  expiresAt: Date | null
  /** Whose clients it is for, which know a key by its first letters; absent: `textbubbles`. */
  surface?: KeySurface
}

function keyCalls(options: CallersOptions, forget: () => void) {
  const { store, box, keyPrefix } = options
  return {
    async createKey({ name, customer: named, scopes, expiresAt, surface }: NewKey): Promise<ApiKey & { key: string }> {
      const customer = 'id' in named ? await store.customer(named.id) : await store.customerByEmail(named.email)
      if (customer === null) throw notFound('customer')
      const begins = surface === 'whatsbridge' ? tokenPrefix : keyPrefix
      const key = mintKey(begins)
      const prefix = key.slice(0, begins.length + shownPrefix)
      const id = options.mint() as KeyId
      const row = await store.addKey({
        customerId: customer.id,
        id,
        name,
        prefix,
        hash: box.print(key),
        scopes,
        expiresAt,
      })
      return { ...keyFrom(row), key }
    },
    async keys(page: { limit: number; after: KeyId | null; customerId: CustomerId | null }) {
      return pageOf(await store.keys({ ...page, limit: page.limit + 1 }), page.limit, keyFrom)
    },
    async revokeKey(id: KeyId): Promise<ApiKey> {
      const row = await store.revokeKey(id)
      if (row === null) throw notFound('key')
      forget()
      return keyFrom(row)
    },
  }
}

export type Callers = ReturnType<typeof createCallers>

export function pageOf<Row, Shown>(
  rows: readonly Row[],
  limit: number,
  show: (row: Row) => Shown,
): { rows: Shown[]; hasMore: boolean } {
  return { rows: rows.slice(0, limit).map(show), hasMore: rows.length > limit }
}

function notFound(what: string): GatewayError {
  return new GatewayError('NOT_FOUND', `There is no such ${what}.`)
}

function unauthorized(): GatewayError {
  return new GatewayError(
    'UNAUTHORIZED',
    'The API key is missing or not valid. Send it as "Authorization: Bearer <key>".',
  )
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secretLength = 43
const checkLength = 6

/** 256 random bits, then a checksum: a typo is told from a wrong key without asking the database. */
export function mintKey(prefix: string): string {
  const body = base62(randomBytes(32), secretLength)
  return `${prefix}${body}${checksum(body)}`
}

export function wellFormed(token: string, prefix: string): boolean {
  if (token.length !== prefix.length + secretLength + checkLength || !token.startsWith(prefix)) return false
  const body = token.slice(prefix.length, -checkLength)
  return checksum(body) === token.slice(-checkLength)
}

function checksum(body: string): string {
  return base62(createHash('sha256').update(body).digest().subarray(0, 4), checkLength)
}

function base62(bytes: Uint8Array, length: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (let place = 0; place < length; place++) {
    text = (alphabet[Number(rest % 62n)] ?? '0') + text
    rest /= 62n
  }
  return text
}

function customerFrom(row: CustomerRow): Customer {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    company: row.company,
    requestsPerMinute: row.requests_per_minute,
    optOutChannels: row.opt_out_channels,
    createdAt: row.created_at,
  }
}

function keyFrom(row: KeyRow): ApiKey {
  return {
    id: row.id,
    customerId: row.customer_id,
    customerEmail: row.email,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes as Scope[],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
