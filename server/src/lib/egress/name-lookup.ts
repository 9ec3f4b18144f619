/** Asks for all addresses of a host name, without ever keeping a thread busy for a name that a stranger chose. */
import { lookup, Resolver } from 'node:dns/promises'
import { isLocalhost, type NetworkPolicy } from './destination.ts'

export interface Answer {
  address: string
  family: 4 | 6
}

/** Rejects, or answers with nothing, when the name leads nowhere. Stops asking when the signal aborts. */
export type LookUp = (host: string, signal: AbortSignal) => Promise<readonly Answer[]>

const here: readonly Answer[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * The machine's own way of looking up (hosts file, search domains) blocks one of four threads for as long as a slow name
 * server likes, and everything that touches a file waits behind it. So it is used only where destinations are trusted.
 */
export function createLookUp(policy: NetworkPolicy, ask: LookUp = askerFor(policy)): LookUp {
  return async (host, signal) => (isLocalhost(host) ? here : ask(host, signal))
}

function askerFor(policy: NetworkPolicy): LookUp {
  return policy === 'refused' ? askNameServers() : askMachine
}

export function askNameServers(servers?: readonly string[]): LookUp {
  return async (host, signal) => {
    const resolver = new Resolver({ timeout: 1_500, tries: 3 })
    if (servers !== undefined) resolver.setServers(servers)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
      if (four.status === 'rejected' && six.status === 'rejected') throw four.reason
      return inTurn(addressesOf(four, 4), addressesOf(six, 6))
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

const askMachine: LookUp = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }))
}

function addressesOf(asked: PromiseSettledResult<readonly string[]>, family: 4 | 6): Answer[] {
  return asked.status === 'fulfilled' ? asked.value.map((address) => ({ address, family })) : []
}

/** IPv4 and IPv6 by turns, so that the second try of a connection is made by the other way. */
function inTurn(four: readonly Answer[], six: readonly Answer[]): Answer[] {
  const length = Math.max(four.length, six.length)
  return Array.from({ length }, (_, place) => [four[place], six[place]])
    .flat()
    .filter((answer) => answer !== undefined)
}
