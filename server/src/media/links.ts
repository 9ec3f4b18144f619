/** Links to files that need no key: each names one file, says until when it works, and proves that we wrote it. */
import { timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId } from '../model/ids.ts'

export interface LinkedFile {
  customerId: CustomerId
  hash: string
  mimeType: string
  filename: string | null
}

export interface Links {
  urlOf(file: LinkedFile, untilMs: number): string
  /** Throws INVALID_SIGNATURE for what we did not write, URL_EXPIRED for what is over. */
  read(token: string, nowMs: number): LinkedFile
}

export interface LinksOptions {
  /** Where the gateway is reached from outside, without a slash at its end. Asked each time: the port may be chosen late. */
  base(): string
  sign(text: string): Buffer
}

const tokenMax = 4_096
const uuid = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
const shape = new RegExp(`^${uuid}$`)
const hashShape = /^[0-9a-f]{64}$/

export function createLinks({ base, sign }: LinksOptions): Links {
  return {
    urlOf({ customerId, hash, mimeType, filename }, untilMs) {
      const claims = { c: customerId, h: hash, t: mimeType, ...(filename !== null && { n: filename }), e: untilMs }
      const body = Buffer.from(JSON.stringify(claims)).toString('base64url')
      return `${base()}/v1/attachments/${body}.${sign(body).toString('base64url')}`
    },
    read(token, nowMs) {
      const [body = '', proof = '', ...rest] = token.length > tokenMax ? [] : token.split('.')
      const given = Buffer.from(proof, 'base64url')
      const expected = sign(body)
      // One token has one spelling: base64 has several for the same bytes.
      const isOurs =
        rest.length === 0 &&
        given.length === expected.length &&
        timingSafeEqual(given, expected) &&
        given.toString('base64url') === proof
      if (!isOurs) throw new GatewayError('INVALID_SIGNATURE', 'This link was not made here, or not copied whole.')
      const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
      const { file, untilMs } = fromClaims(claims)
      if (nowMs >= untilMs) {
        throw new GatewayError('URL_EXPIRED', 'This link is over. Read the message again for a fresh one.')
      }
      return file
    },
  }
}

/** We wrote them, but perhaps another version of us. */
function fromClaims(claims: unknown): { file: LinkedFile; untilMs: number } {
  const { c, h, t, n = null, e } = claims as Record<string, unknown>
  const isKnown =
    typeof c === 'string' &&
    shape.test(c) &&
    typeof h === 'string' &&
    hashShape.test(h) &&
    typeof t === 'string' &&
    (n === null || typeof n === 'string') &&
    typeof e === 'number'
  if (!isKnown)
    throw new GatewayError('INVALID_SIGNATURE', 'This link was made by another version. Read the message again.')
  return { file: { customerId: c as CustomerId, hash: h, mimeType: t, filename: n }, untilMs: e }
}
