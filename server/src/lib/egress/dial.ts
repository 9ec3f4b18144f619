/** Opens a connection: looks the name up once, vets every answer, connects to those only, and looks again who answered. */
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Clock } from '../clock.ts'
import { orAborted, reasonOf, startDeadline } from './deadline.ts'
import { literalOf, type NetworkPolicy, notAllowed, permitsAddress } from './destination.ts'
import type { Answer, LookUp } from './name-lookup.ts'
import { isOwn, type ListenAddress } from './own-addresses.ts'
import { EgressError, tlsTrouble, words } from './trouble.ts'

export interface DialOptions {
  clock: Pick<Clock, 'sleep'>
  policy: NetworkPolicy
  own(): readonly ListenAddress[]
  lookUp: LookUp
  ca: string | undefined
}

const lookUpMs = 5_000
const connectMs = 5_000

/** Before another address of the same name is tried. Node's 250 ms gives up on places that are merely far away. */
const nextAddressMs = 1_000

export async function dial(options: DialOptions, url: URL, signal: AbortSignal): Promise<Socket> {
  const answers = await vettedAddresses(options, { url, ms: lookUpMs, signal })
  const limit = startDeadline({
    clock: options.clock,
    ms: connectMs,
    late: () => new EgressError('connect', words.connectLate),
    parent: signal,
  })
  try {
    const socket = await openTcp(url, answers, limit.signal)
    if (!permits(options, url, socket.remoteAddress ?? '')) {
      socket.destroy()
      throw new EgressError('refused', notAllowed)
    }
    return url.protocol === 'https:' ? await openTls(options, { url, socket, signal: limit.signal }) : socket
  } finally {
    limit.end()
  }
}

/** All addresses of the URL's host, none of which is out of bounds. */
export async function vettedAddresses(
  options: DialOptions,
  { url, ms, signal }: { url: URL; ms: number; signal?: AbortSignal },
): Promise<readonly Answer[]> {
  const answers = await addressesOf(options, { url, ms, signal })
  if (answers.length === 0) throw new EgressError('dns', words.dns)
  if (!answers.every(({ address }) => permits(options, url, address))) throw new EgressError('refused', notAllowed)
  return answers
}

/** Whether a connection for this URL may end at this address. */
export function permits(options: Pick<DialOptions, 'policy' | 'own'>, url: URL, address: string): boolean {
  return permitsAddress(url, address, options.policy) && !isOwn(options.own(), address, portOf(url))
}

async function addressesOf(
  { clock, lookUp }: DialOptions,
  { url, ms, signal }: { url: URL; ms: number; signal?: AbortSignal | undefined },
): Promise<readonly Answer[]> {
  const literal = literalOf(url)
  if (literal !== null) return [{ address: literal, family: literal.includes(':') ? 6 : 4 }]
  const limit = startDeadline({ clock, ms, late: () => new EgressError('dns', words.dnsLate), parent: signal })
  try {
    return await orAborted(limit.signal, lookUp(url.hostname, limit.signal))
  } catch (error) {
    throw error instanceof EgressError ? error : new EgressError('dns', words.dns)
  } finally {
    limit.stop(new EgressError('aborted', words.aborted))
    limit.end()
  }
}

async function openTcp(url: URL, answers: readonly Answer[], signal: AbortSignal): Promise<Socket> {
  const [first] = answers
  const socket = connectTcp({
    // The lookup is not asked for a literal: one address is given as what it is.
    host: answers.length === 1 && first !== undefined ? first.address : url.hostname,
    lookup: pinnedTo(answers),
    port: portOf(url),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: nextAddressMs,
    noDelay: true,
  })
  // Whatever happens to it later, while nobody looks, is no crash.
  socket.on('error', () => {})
  try {
    await opened(socket, 'connect', signal)
    return socket
  } catch (error) {
    throw error instanceof EgressError ? error : new EgressError('connect', words.connect)
  }
}

async function openTls(
  options: DialOptions,
  { url, socket, signal }: { url: URL; socket: Socket; signal: AbortSignal },
): Promise<TLSSocket> {
  const literal = literalOf(url)
  const secure = connectTls({
    socket,
    host: literal ?? url.hostname,
    // A literal is no server name (RFC 6066, section 3).
    ...(literal === null ? { servername: url.hostname } : {}),
    ca: options.ca,
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // Said here, so that no variable of the environment can say otherwise.
    rejectUnauthorized: true,
  })
  secure.on('error', () => {})
  try {
    await opened(secure, 'secureConnect', signal)
    return secure
  } catch (error) {
    socket.destroy()
    const isLate = error instanceof EgressError && error.trouble === 'connect'
    throw isLate ? new EgressError('tls', words.tlsLate) : tlsTrouble(error)
  }
}

/** Resolves when it stands; otherwise destroys it and rejects. Takes its listeners away again. */
function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      socket.off(event, stands).off('error', fails).off('close', closes)
      signal.removeEventListener('abort', stops)
      outcome()
    }
    const stands = () => settle(resolve)
    const fails = (error: Error) => settle(() => reject(error))
    const closes = () => settle(() => reject(new Error('The connection was closed while it was made.')))
    const stops = () => {
      settle(() => reject(reasonOf(signal)))
      socket.destroy()
    }
    socket.on(event, stands).on('error', fails).on('close', closes)
    signal.addEventListener('abort', stops, { once: true })
    if (signal.aborted) stops()
  })
}

function pinnedTo(answers: readonly Answer[]): LookupFunction {
  return (_host, { all }, done) => {
    const [first] = answers
    if (all) done(null, [...answers])
    else done(null, first?.address ?? '', first?.family)
  }
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}
