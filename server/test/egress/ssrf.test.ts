/** No hostile destination gets as far as a connection inside, at any moment of its life; a hundred legitimate ones still pass. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { NetworkPolicy } from '../../src/lib/egress/destination.ts'
import { createSafeFetch, type EgressRequest, type SafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { EgressError } from '../../src/lib/egress/trouble.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { type Canaries, openCanaries } from './canary.ts'
import { issueCertificate } from './certificates.ts'
import { legitimateUrls } from './legitimate.ts'
import { redirectVectors, type Vector, vectors } from './vectors.ts'

let canaries: Canaries

beforeAll(async () => {
  canaries = await openCanaries()
})

afterAll(() => canaries.close())

/** The clock stands still: whoever still sleeps at the end has left a timer behind. */
const clock = createHandClock()

function egressFor(
  vector: Vector,
  options: { policy: NetworkPolicy; own?: readonly { host: string; port: number }[] },
): SafeFetch {
  let asked = 0
  return createSafeFetch({
    clock,
    policy: options.policy,
    own: () => options.own ?? [],
    async resolve() {
      const said = vector.answers?.[Math.min(asked, (vector.answers?.length ?? 0) - 1)]
      asked += 1
      if (said === undefined) throw new Error(`Nobody knows ${vector.url}.`)
      return said
    },
  })
}

const requestFor = (url: string): EgressRequest => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{}'),
  timeoutMs: 30_000,
  responseBytesMax: 1_000,
  redirectsMax: 0,
})

/** How it ended: `passed`, the kind of trouble, or the name of an error that nobody should see. */
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'passed'
  } catch (error) {
    return error instanceof EgressError ? error.trouble : String(error)
  }
}

/** As a customer would who stores the URL, changes something later, and then has messages. */
async function lifeOf(vector: Vector, egress: SafeFetch): Promise<Record<string, string>> {
  const created = egress.problemAtOnce(vector.url) ?? (await egress.problemWith(vector.url))
  const updated = egress.problemAtOnce(vector.url) ?? (await egress.problemWith(vector.url))
  const sent = await outcomeOf(egress.request(requestFor(vector.url)))
  const opened = await outcomeOf(egress.open({ ...requestFor(vector.url), method: 'GET', body: null, redirectsMax: 3 }))
  await egress.close()
  return { created: created ?? 'passed', updated: updated ?? 'passed', sent, opened }
}

test('no vector reaches a listener inside', async () => {
  const all = vectors(canaries.ports)
  expect(all.length).toBeGreaterThanOrEqual(1_000)
  const before = canaries.connections()
  const wrong: object[] = []
  for (const vector of all) {
    const life = await lifeOf(vector, egressFor(vector, { policy: 'refused' }))
    const flips = (vector.answers?.length ?? 0) > 1
    const isRefused = life.sent === 'refused' && life.opened === 'refused'
    if (!isRefused || (life.created === 'passed' && !flips)) wrong.push({ ...vector, ...life })
  }
  expect(wrong).toEqual([])
  expect(canaries.connections() - before).toBe(0)
  expect(clock.sleepers).toBe(0)
})

const thisMachine = /^(127\.0\.0\.1$|0\.0\.0\.0$|\[?::1?\]?$|\[?::ffff:7f00:1\]?$|(.*\.)?localhost\.?$)/

/** Whether it leads to this machine in the end, once it is read as a URL. */
function leadsHere({ url, answers }: Vector): boolean {
  const host = URL.parse(url.trim())?.hostname ?? ''
  return thisMachine.test(host) || (answers?.at(-1) ?? []).some(({ address }) => thisMachine.test(address))
}

test('where this machine or all is allowed, what the gateway itself listens on is not', async () => {
  const before = canaries.connections()
  const here = vectors(canaries.ports).filter(
    (vector) => leadsHere(vector) && canaries.ports.includes(Number(URL.parse(vector.url)?.port)),
  )
  expect(here.length).toBeGreaterThan(500)
  const wrong: object[] = []
  for (const vector of here) {
    for (const policy of ['loopback', 'allowed'] as const) {
      const life = await lifeOf(vector, egressFor(vector, { policy, own: canaries.own }))
      if (life.sent !== 'refused' || life.opened !== 'refused') wrong.push({ ...vector, policy, ...life })
    }
  }
  expect(wrong).toEqual([])
  expect(canaries.connections() - before).toBe(0)
  expect(clock.sleepers).toBe(0)
})

test('whatever is allowed, link-local, multicast and reserved addresses are not', async () => {
  const never =
    /range (this network|link-local|protocol|documentation|6to4|multicast|reserved|platform|unspecified|compatible|mapped|translated|NAT64|local NAT64|discard|Teredo|ORCHID|segment|site-local|not given out)/
  const all = vectors(canaries.ports).filter(({ name, answers }) => never.test(name) && answers?.[0]?.length !== 2)
  expect(all.length).toBeGreaterThan(200)
  const wrong: object[] = []
  for (const vector of all) {
    const life = await lifeOf(vector, egressFor(vector, { policy: 'allowed' }))
    if (life.sent !== 'refused' || life.opened !== 'refused') wrong.push({ ...vector, ...life })
  }
  expect(wrong).toEqual([])
})

test('the listeners would notice: whoever checks nothing is led to them', async () => {
  const before = canaries.connections()
  const all = vectors(canaries.ports).filter(({ answers }) => answers === undefined)
  const leading = all.filter(leadsHere).map(({ url }) => url.trim().replace(/^https:/, 'http:'))
  expect(leading.length).toBeGreaterThan(200)
  await Promise.all(leading.map((url) => fetch(url).catch(() => null)))
  expect(canaries.connections() - before).toBeGreaterThan(200)
})

/** Redirects on, from status to status, and at last to where it is told. */
async function redirector(): Promise<{
  url: (statuses: readonly number[], end: string) => string
  visits: () => number
}> {
  let visits = 0
  const server = createServer((request, response) => {
    visits += 1
    const { searchParams } = new URL(request.url ?? '/', 'http://here')
    const [status = '302', ...rest] = (searchParams.get('statuses') ?? '').split(',')
    const end = searchParams.get('end') ?? ''
    const next = `/?${new URLSearchParams({ statuses: rest.join(','), end })}`
    // A header holds no other characters; a URL says the same with percent signs.
    const location = rest.length > 0 ? next : end.replace(/[^\x21-\x7e]/g, encodeURIComponent)
    response.writeHead(Number(status), { location }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    url: (statuses, end) => `http://127.0.0.1:${port}/?${new URLSearchParams({ statuses: statuses.join(','), end })}`,
    visits: () => visits,
  }
}

test('no redirect leads inside', async () => {
  const before = canaries.connections()
  const from = await redirector()
  const wrong: object[] = []
  const all = redirectVectors(canaries.ports)
  for (const vector of all) {
    const egress = egressFor(vector, { policy: 'loopback', own: canaries.own })
    const request = { ...requestFor(from.url(vector.statuses, vector.url)), method: 'GET' as const, body: null }
    const sent = await outcomeOf(egress.request({ ...request, redirectsMax: 3 }))
    const opened = await outcomeOf(egress.open({ ...request, redirectsMax: 3 }))
    const left = await egress.request(request)
    await egress.close()
    const isLeft = left.status === vector.statuses[0]
    if (sent !== 'refused' || opened !== 'refused' || !isLeft)
      wrong.push({ ...vector, sent, opened, left: left.status })
  }
  expect(wrong).toEqual([])
  expect(from.visits()).toBeGreaterThan(3 * all.length)
  expect(canaries.connections() - before).toBe(0)
  expect(clock.sleepers).toBe(0)
})

test('a hundred legitimate URLs pass', async () => {
  expect(new Set(legitimateUrls.map(({ url }) => url)).size).toBeGreaterThanOrEqual(100)
  const wrong: object[] = []
  for (const vector of legitimateUrls) {
    const egress = egressFor(vector, { policy: 'refused', own: [{ host: '0.0.0.0', port: 443 }] })
    const problem = egress.problemAtOnce(vector.url) ?? (await egress.problemWith(vector.url))
    if (problem !== null) wrong.push({ ...vector, problem })
  }
  expect(wrong).toEqual([])
  expect(clock.sleepers).toBe(0)
})

test('a name that does not resolve, or not within a second, passes until it is asked for', async () => {
  const missing = egressFor({ name: 'missing', url: '', answers: [] }, { policy: 'refused' })
  expect(await missing.problemWith('https://new.example.com/')).toBeNull()
  expect(await outcomeOf(missing.request(requestFor('https://new.example.com/')))).toBe('dns')
  const slow = createSafeFetch({ clock, policy: 'refused', own: () => [], resolve: () => new Promise(() => {}) })
  const answer = slow.problemWith('https://slow.example.com/')
  await clock.advance(1_000)
  expect(await answer).toBeNull()
  expect(clock.sleepers).toBe(0)
})

test('legitimate names get through to where their answers lead, with their own name and their own path', async () => {
  const names = legitimateUrls.filter(({ answers }) => answers !== undefined).map(({ url }) => new URL(url))
  const hosts = [...new Set(names.map(({ hostname }) => hostname.replace(/\.$/, '')))]
  const certificate = await issueCertificate(hosts.map((host) => `DNS:${host}`))
  const received: { host: string; servername: string; path: string }[] = []
  const server = createSecureServer(certificate, (request: IncomingMessage, response) => {
    const { servername } = request.socket as IncomingMessage['socket'] & { servername: string }
    received.push({ host: request.headers.host ?? '', servername, path: request.url ?? '' })
    response.end('got it')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const resolve = async () => [{ address: '127.0.0.1', family: 4 as const }]
  const egress = createSafeFetch({ clock, policy: 'loopback', own: () => [], resolve, ca: certificate.cert })
  for (const url of names) {
    url.port = String(port)
    const reply = await egress.request(requestFor(url.href))
    expect(reply.body.toString()).toBe('got it')
  }
  expect(received).toEqual(
    names.map(({ hostname, pathname, search }) => {
      const name = hostname.replace(/\.$/, '')
      return { host: `${name}:${port}`, servername: name, path: `${pathname}${search}` }
    }),
  )
  await egress.close()
  server.close()
  expect(clock.sleepers).toBe(0)
})
