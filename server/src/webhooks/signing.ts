/** The headers that prove a delivery: Standard Webhooks on every one, and at most one set for clients of older APIs. */
import { createHmac, type KeyObject, sign } from 'node:crypto'
import type { WebhookDialect } from '../model/webhook.ts'
import { keysOf, type Secret, type SigningKeys } from './secrets.ts'

export interface Signing {
  /** Of the event, so that it is the same in every attempt. */
  id: string
  /** Of this attempt, in whole seconds. */
  timestamp: number
  /** The very bytes that are sent. */
  body: Uint8Array
}

const keysMax = 10

/** Newest key first, then the earlier ones that are still honoured. */
export function signatureHeaders(
  dialect: WebhookDialect,
  keys: readonly Secret[],
  withAsymmetric: boolean,
  signing: Signing,
): Record<string, string> {
  const derived = keys.map(keysOf)
  const [newest] = derived
  if (newest === undefined || derived.length > keysMax) throw new Error(`A delivery has 1 to ${keysMax} keys.`)
  refuseAmbiguous(signing)
  return {
    'webhook-id': signing.id,
    'webhook-timestamp': String(signing.timestamp),
    'webhook-signature': standardSignatures(derived, withAsymmetric, signing),
    ...legacyHeaders(dialect, newest, derived, signing),
  }
}

/** The parts are joined by dots, so only the body may hold one. */
function refuseAmbiguous({ id, timestamp }: Signing): void {
  if (!/^[\w-]+$/.test(id)) throw new Error(`A delivery cannot be signed under the id ${JSON.stringify(id)}.`)
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw new Error(`A delivery cannot be signed at the time ${timestamp}.`)
  }
}

/** Generations that differ only in the customer's text share their standard keys: a list names each signature once. */
function standardSignatures(keys: readonly SigningKeys[], withAsymmetric: boolean, signing: Signing): string {
  const prefix = `${signing.id}.${signing.timestamp}.`
  const signatures = keys.map(({ standard }) => `v1,${hmac(standard, prefix, signing.body, 'base64')}`)
  if (withAsymmetric) {
    const signed = Buffer.concat([Buffer.from(prefix), signing.body])
    for (const { asymmetric } of keys) signatures.push(`v1a,${sign(null, signed, asymmetric()).toString('base64')}`)
  }
  return [...new Set(signatures)].join(' ')
}

/** Never two sets: a signature without a time must not travel beside the header that a careless client would read it from. */
function legacyHeaders(
  dialect: WebhookDialect,
  newest: SigningKeys,
  keys: readonly SigningKeys[],
  signing: Signing,
): Record<string, string> {
  switch (dialect) {
    case 'standard':
      return {}
    case 'whatsbridge':
      return { 'X-WabSync-Signature': `sha256=${hmac(newest.bodyOnly(), '', signing.body, 'hex')}` }
    case 'textbubbles': {
      const stamped = ({ stamped: key }: SigningKeys) =>
        `sha256=${hmac(key, `${signing.timestamp}.`, signing.body, 'hex')}`
      const previous = keys.find(({ stamped: key }) => !key.equals(newest.stamped))
      return {
        'X-Signature': stamped(newest),
        'X-Timestamp': String(signing.timestamp),
        ...(previous !== undefined && { 'X-Signature-Previous': stamped(previous) }),
      }
    }
  }
}

function hmac(key: KeyObject, prefix: string, body: Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHmac('sha256', key).update(prefix).update(body).digest(encoding)
}
