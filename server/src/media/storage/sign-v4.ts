/** AWS Signature Version 4 in headers, as S3 wants it: who asks, for what and when, so that nobody can alter or repeat it later. */
import { createHash, createHmac } from 'node:crypto'

export interface SigningKeys {
  accessKeyId: string
  secretAccessKey: string
  /** Of keys that end by themselves. */
  sessionToken: string | null
}

export interface Unsigned {
  method: string
  /** Its path escaped as `escapedPath` does it. */
  url: URL
  /** All of them are signed. */
  headers: Readonly<Record<string, string>>
  /** SHA-256 of the body, in hex. */
  bodyHash: string
}

export interface Scope {
  region: string
  keys: SigningKeys
  nowMs: number
}

/** SHA-256 of no body. */
export const emptyHash = createHash('sha256').digest('hex')

/** The headers to send, `host` left out: it is said by whoever connects. */
export function signedHeaders({ method, url, headers, bodyHash }: Unsigned, scope: Scope): Record<string, string> {
  const { region, keys, nowMs } = scope
  const moment = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = moment.slice(0, 8)
  const sent: Record<string, string> = {
    ...headers,
    'x-amz-content-sha256': bodyHash,
    'x-amz-date': moment,
    ...(keys.sessionToken === null ? {} : { 'x-amz-security-token': keys.sessionToken }),
  }
  const named = Object.entries({ ...sent, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => order(a, b))
  const names = named.map(([name]) => name).join(';')
  const lines = named.map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = [method, url.pathname, queryOf(url), lines, names, bodyHash].join('\n')
  const place = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', moment, place, hashOf(canonical)].join('\n')
  const secret = [day, region, 's3', 'aws4_request'].reduce(macOf, Buffer.from(`AWS4${keys.secretAccessKey}`))
  const signature = macOf(secret, text).toString('hex')
  const credential = `${keys.accessKeyId}/${place}`
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature}`
  return { ...sent, authorization }
}

/** Only letters, digits and `-._~` stay as they are, and the slashes between. */
export function escapedPath(path: string): string {
  return path.split('/').map(escaped).join('/')
}

function queryOf(url: URL): string {
  const pairs = [...url.searchParams].map((pair) => pair.map(escaped))
  const inOrder = pairs.sort(([a = '', one = ''], [b = '', other = '']) => (a === b ? order(one, other) : order(a, b)))
  return inOrder.map((pair) => pair.join('=')).join('&')
}

function order(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function macOf(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
