/** How the clients that customers already have verify a delivery: the official library, and two old ones with their faults. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

/** As a server sees it: names of headers in small letters. */
export interface Received {
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** True when it takes the request for ours. */
export type Client = (received: Received) => boolean

const toleranceSeconds = 300

export function standardClient(secret: string): Client {
  const webhook = new Webhook(secret)
  return ({ headers, body }) => {
    try {
      webhook.verify(body, headers, { jsonParse: false })
      return true
    } catch (error) {
      if (error instanceof WebhookVerificationError) return false
      throw error
    }
  }
}

/** Its fault: without X-Timestamp it asks for a signature of the body alone, whatever its age. */
export function textbubblesClient(secret: string): Client {
  return ({ headers, body }) => {
    const timestamp = headers['x-timestamp']
    if (timestamp) {
      const seconds = Number(timestamp)
      if (Number.isNaN(seconds) || Math.abs(Date.now() / 1000 - seconds) > toleranceSeconds) return false
    }
    const signed = timestamp ? `${timestamp}.${body}` : body
    return isHmac(headers['x-signature'], secret, signed)
  }
}

/** Its fault is its scheme's: what was signed once is good for ever. */
export function whatsbridgeClient(secret: string): Client {
  return ({ headers, body }) => isHmac(headers['x-wabsync-signature'], secret, body)
}

function isHmac(given: string | undefined, secret: string, signed: string | Buffer): boolean {
  const expected = `sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`
  return isSame(given ?? '', expected)
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}
