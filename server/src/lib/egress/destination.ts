/** The rules for a URL that somebody else chose: what may be asked for at all, before any name is looked up. */
import { isIP } from 'node:net'
import { reachOf } from './addresses.ts'

/**
 * Whether destinations inside may be reached. `refused`: only the public internet, by https. `loopback`: this machine too,
 * also by http. `allowed`: private networks too.
 */
export type NetworkPolicy = 'refused' | 'loopback' | 'allowed'

/** All that is said about an address: more would map the network for whoever asks. */
export const notAllowed = 'This destination is not allowed. Use one that can be reached from the public internet.'

export const urlCharactersMax = 2_048

/** What listens there takes orders from whoever connects, or answers line by line to whatever an HTTP request contains. */
const servicePorts: readonly (readonly [from: number, to: number])[] = [
  [1433, 1433], // SQL Server
  [1521, 1521], // Oracle
  [2049, 2049], // NFS
  [2181, 2181], // ZooKeeper
  [2375, 2380], // Docker, etcd
  [3306, 3306], // MySQL
  [3389, 3389], // remote desktop
  [4369, 4369], // Erlang
  [5432, 5432], // PostgreSQL
  [5672, 5672], // AMQP
  [5900, 5910], // VNC
  [5984, 5984], // CouchDB
  [6000, 6010], // X11
  [6379, 6380], // Redis
  [6443, 6443], // Kubernetes
  [6667, 6667], // IRC
  [9042, 9042], // Cassandra
  [9092, 9092], // Kafka
  [9200, 9200], // Elasticsearch
  [9300, 9300],
  [10250, 10255], // kubelet
  [11211, 11211], // memcached
  [27017, 27019], // MongoDB
]

const insideSuffixes = ['.local', '.internal', '.localhost', '.localdomain', '.home.arpa', '.onion']

const hostName = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

export function checkDestination(
  text: string,
  policy: NetworkPolicy,
): { ok: true; url: URL } | { ok: false; problem: string } {
  const spelling = spellingProblem(text)
  if (spelling !== null) return { ok: false, problem: spelling }
  const url = URL.parse(text)
  if (url === null) return { ok: false, problem: 'This is not a URL. Write it like https://example.com/path.' }
  const { hostname } = url
  if (hostname.endsWith('.')) url.hostname = hostname.slice(0, -1)
  url.hash = ''
  const problem = schemeProblem(url, policy) ?? portProblem(url, policy) ?? hostProblem(url, policy)
  return problem === null ? { ok: true, url } : { ok: false, problem }
}

/** Whether a connection made for this URL may go to this address. */
export function permitsAddress(url: URL, address: string, policy: NetworkPolicy): boolean {
  const reach = reachOf(address)
  if (policy === 'refused') return reach === 'public'
  if (policy === 'allowed') return reach !== 'never'
  return reach === 'loopback' || (reach === 'public' && url.protocol === 'https:' && !isLocalhost(url.hostname))
}

/** The address that the host is, when it is one and not a name. */
export function literalOf(url: URL): string | null {
  const bare = url.hostname.replace(/^\[|\]$/g, '')
  return isIP(bare) === 0 ? null : bare
}

/** Names that mean this machine, without asking anybody (RFC 6761, section 6.3). */
export function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** What the parser would silently mend, so that people and programs could read it in two ways. */
function spellingProblem(text: string): string | null {
  if (text.length > urlCharactersMax) return `The URL is too long. Use at most ${urlCharactersMax} characters.`
  for (const character of text) {
    if (character < ' ' || character === '\u007f' || character === '\\') {
      return 'The URL contains a backslash or a control character. Remove it, or write it with a percent sign.'
    }
  }
  const authority = /^[^:]*:\/*([^/?#]*)/.exec(text)?.[1] ?? ''
  if (!authority.includes('@')) return null
  return 'The URL contains a user name or password. Remove it, and use a secret header or a secret path instead.'
}

function schemeProblem(url: URL, policy: NetworkPolicy): string | null {
  if (url.protocol === 'https:') return null
  if (url.protocol !== 'http:') return 'The URL must begin with https://.'
  if (policy === 'allowed') return null
  if (policy === 'refused') return 'The URL must begin with https://, not http://.'
  const literal = literalOf(url)
  const isHere = literal === null ? isLocalhost(url.hostname) : reachOf(literal) === 'loopback'
  return isHere ? null : 'The URL must begin with https://; http:// is for this machine only.'
}

function portProblem(url: URL, policy: NetworkPolicy): string | null {
  if (url.port === '' || url.port === '80' || url.port === '443') return null
  const port = Number(url.port)
  const isService = servicePorts.some(([from, to]) => port >= from && port <= to)
  if (port >= 1_024 && !(isService && policy === 'refused')) return null
  return `Port ${port} is not allowed. Use 443, 80, or one from 1024 that no other well-known service uses.`
}

function hostProblem(url: URL, policy: NetworkPolicy): string | null {
  const literal = literalOf(url)
  if (literal !== null) return permitsAddress(url, literal, policy) ? null : notAllowed
  const host = url.hostname
  if (!hostName.test(host)) return 'The host name is not valid. Write it like example.com.'
  if (policy === 'allowed' || (policy === 'loopback' && isLocalhost(host))) return null
  const isInside = !host.includes('.') || insideSuffixes.some((suffix) => host.endsWith(suffix))
  return isInside ? notAllowed : null
}
