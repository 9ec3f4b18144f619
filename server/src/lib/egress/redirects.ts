/** Where a redirect leads, and what of the request may go there. */
import type { Head, Hop } from './exchange.ts'

const redirects = new Set([301, 302, 303, 307, 308])

/** The next request, its URL not yet vetted; null when the response is no redirect. */
export function nextHop(hop: Hop, { status, headers }: Head): (Omit<Hop, 'url'> & { url: string }) | null {
  if (!redirects.has(status) || headers.location === undefined) return null
  const url = URL.parse(headers.location, hop.url.href)
  if (url === null) return null
  const isElsewhere = url.origin !== hop.url.origin
  const repeats = isRepeated(hop.method, status) && !(isElsewhere && (hop.method === 'PUT' || hop.method === 'DELETE'))
  return {
    url: url.href,
    // What was meant for one place is nobody else's business: no header goes along, and no body.
    headers: isElsewhere ? {} : repeats ? hop.headers : withoutContent(hop.headers),
    ...(repeats && !(isElsewhere && hop.body !== null)
      ? { method: hop.method, body: hop.body }
      : { method: 'GET', body: null }),
  }
}

/** RFC 9110, section 15.4: 303 asks for another thing, and a POST has always become a GET with 301 and 302. */
function isRepeated(method: Hop['method'], status: number): boolean {
  if (status === 307 || status === 308) return true
  return status === 303 ? method === 'GET' || method === 'HEAD' : method !== 'POST'
}

function withoutContent(headers: Hop['headers']): Hop['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^content-/i.test(name)))
}
