/** Receivers behind TLS: with a certificate that the gateway trusts, with one that nobody should, or with no TLS at all. */
import type { RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import type { Chance } from '../../src/lib/chance.ts'
import type { Certificate } from '../egress/certificates.ts'
import { oneOf } from './manners.ts'

export interface TlsOptions {
  good: Certificate
  bad: Certificate
  /** Of all connections. */
  badShare(): number
  chance: Chance
}

/** The server in front decides for each connection what is behind it. */
export function createTlsDoor({ good, bad, badShare, chance }: TlsOptions, listener: RequestListener): Server {
  const trusted = createHttps(good, listener)
  const distrusted = createHttps(bad, listener)
  for (const server of [trusted, distrusted]) server.on('tlsClientError', () => {})
  const wrongs = [
    (socket: Socket) => void distrusted.emit('connection', socket),
    (socket: Socket) => void distrusted.emit('connection', socket),
    (socket: Socket) => void socket.end('220 mail.example.com ESMTP\r\n'),
    (socket: Socket) => void setTimeout(() => socket.destroy(), 200),
  ]
  return createServer((socket) => {
    if (chance.happens(badShare())) oneOf(chance, wrongs)(socket)
    else trusted.emit('connection', socket)
  })
}
