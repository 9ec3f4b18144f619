/** Opens the socket to an SMSC, over TLS where the operator says so, and words why it could not be opened. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../../lib/clock.ts'
import { tlsTrouble } from '../../../lib/egress/trouble.ts'
import type { DisconnectReason } from '../../../model/line.ts'
import type { SmppSettings } from './settings.ts'

/** Why there is no connection, for a state and for an operator. */
export interface Trouble {
  reason: DisconnectReason
  detail: string
  /** The SMSC refused the bind: it will refuse it again, until somebody changes something. */
  refused: boolean
}

export interface DialOptions {
  clock: Clock
  settings: Pick<SmppSettings, 'host' | 'port' | 'secure'>
  /** An authority to trust besides the public ones; for tests. */
  ca?: string
}

const connectMs = 10_000

export async function dial(
  options: DialOptions,
  signal: AbortSignal,
): Promise<{ socket: Socket } | { trouble: Trouble }> {
  const { clock, settings } = options
  const socket = settings.secure ? openTls(options) : connectTcp({ ...placeOf(options), noDelay: true })
  const late = new AbortController()
  void clock.sleep(connectMs, late.signal).then(() => {
    if (!late.signal.aborted) socket.destroy(timedOut)
  })
  const stop = () => socket.destroy(givenUp)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    await opened(socket, settings.secure ? 'secureConnect' : 'connect')
    return { socket }
  } catch (error) {
    socket.destroy()
    return { trouble: troubleOf(error, settings) }
  } finally {
    late.abort()
    signal.removeEventListener('abort', stop)
  }
}

const timedOut = new Error('The connection was not made in time.')
const givenUp = new Error('The connection was given up.')

function placeOf({ settings }: DialOptions): { host: string; port: number } {
  return { host: settings.host, port: settings.port }
}

function openTls(options: DialOptions): Socket {
  const { host } = options.settings
  return connectTls({
    ...placeOf(options),
    // A literal is no server name (RFC 6066, section 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca: options.ca,
    minVersion: 'TLSv1.2',
    // Said here, so that no variable of the environment can say otherwise.
    rejectUnauthorized: true,
  }).setNoDelay(true)
}

/** Leaves one listener for errors behind: whatever happens to the socket later, while nobody looks, is no crash. */
function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('The connection was closed while it was made.')))
    socket.once(event, () => resolve())
  })
}

function troubleOf(error: unknown, { host, port, secure }: DialOptions['settings']): Trouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const trouble = (reason: DisconnectReason, detail: string): Trouble => ({ reason, detail, refused: false })
  if (error === givenUp) return trouble('stopped', 'It was given up.')
  if (error === timedOut || code === 'ETIMEDOUT')
    return trouble('close_timeout', `${host} did not answer on port ${port} in time. Check the host and the firewall.`)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL')
    return trouble('close_dns', `There is no host called ${host}. Check its spelling and its DNS records.`)
  if (code === 'ECONNREFUSED')
    return trouble('close_refused', `Nothing listens on port ${port} of ${host}. Check the port and the firewall.`)
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return trouble('close_unreachable', `There is no way to ${host}. Check the network and the VPN, if there is one.`)
  if (secure && code !== 'ECONNRESET') return trouble('close_tls', tlsTrouble(error).message)
  return trouble('close_lost', `${host} closed the connection at once. Check the port, and whether it expects TLS.`)
}
