/** Whether a request of the provider is the provider's: its signature is made over the URL it knows and what it sends. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type Params = ReadonlyMap<string, readonly string[]>

export interface Signed {
  token: string
  /** As they came; of several any may be right. */
  signatures: readonly string[]
  url: string
  params: Params
  body: Uint8Array
}

export function isSigned({ token, signatures, url, params, body }: Signed): boolean {
  const hash = bodyHashIn(url)
  // A body that is no form is signed by its hash, which stands in the URL.
  if (hash !== null && !isSame(hash, createHash('sha256').update(body).digest('hex'))) return false
  const over: Params = hash === null ? params : new Map()
  const right = spellingsOf(url).map((spelling) => signatureOf(token, spelling, over))
  return signatures.some((given) => right.some((signature) => isSame(given, signature)))
}

/** https://www.twilio.com/docs/usage/security#validating-requests */
export function signatureOf(token: string, url: string, params: Params): string {
  const names = [...params.keys()].sort()
  const pairs = names.flatMap((name) => [...new Set(params.get(name))].sort().map((value) => `${name}${value}`))
  return createHmac('sha1', token)
    .update([url, ...pairs].join(''))
    .digest('base64')
}

export function bodyHashIn(url: string): string | null {
  return URL.parse(url)?.searchParams.get('bodySHA256') ?? null
}

/** Some of the provider's machines sign with the port and some without, some before and some after escaping. */
function spellingsOf(url: string): readonly string[] {
  const escaped = URL.parse(url)?.href ?? url
  return [...new Set([url, escaped].flatMap((one) => [withoutPort(one), withPort(one)]))]
}

const parts = /^([a-z][a-z\d+.-]*:\/\/)((?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*))(:\d*)?(.*)$/is

function withoutPort(url: string): string {
  return url.replace(parts, '$1$2$4')
}

function withPort(url: string): string {
  const [, scheme, host, port, rest] = parts.exec(url) ?? []
  if (scheme === undefined) return url
  return `${scheme}${host}${port ?? (scheme.toLowerCase() === 'https://' ? ':443' : ':80')}${rest}`
}

function isSame(given: string, right: string): boolean {
  const [left, other] = [Buffer.from(given), Buffer.from(right)]
  return left.length === other.length && timingSafeEqual(left, other)
}
