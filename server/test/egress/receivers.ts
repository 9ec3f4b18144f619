/** Receivers on this machine, from the well-behaved to the hostile, that know who is connected. */
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { until } from '../support/gateway.ts'
import type { Certificate } from './certificates.ts'

export interface Receiver {
  port: number
  /** Accepted so far. */
  connections(): number
  /** Still open. */
  open(): number
  /** Bytes that came in, over all connections. */
  bytes(): number
  /** Ends every connection that stands. */
  hangUp(): void
  close(): Promise<void>
}

async function receive(server: Server, host = '127.0.0.1'): Promise<Receiver> {
  const sockets = new Set<Socket>()
  const counted = { connections: 0, bytesOfClosed: 0 }
  server.on('connection', (socket: Socket) => {
    counted.connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      counted.bytesOfClosed += socket.bytesRead
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  const hangUp = () => {
    for (const socket of sockets) socket.destroy()
  }
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    hangUp()
    await closed
  }
  onTestFinished(close)
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => counted.connections,
    open: () => sockets.size,
    bytes: () => [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, counted.bytesOfClosed),
    hangUp,
    close,
  }
}

export function httpReceiver(answer: RequestListener, keepAliveMs = 60_000): Promise<Receiver> {
  const server = createHttpServer({ keepAliveTimeout: keepAliveMs }, answer)
  return receive(server)
}

export function httpsReceiver(certificate: Certificate, answer: RequestListener): Promise<Receiver> {
  return receive(createHttpsServer(certificate, answer))
}

/** Speaks as it likes; what it is told is thrown away, after `heard` has seen it. */
export function rawReceiver(heard: (socket: Socket) => void, host?: string): Promise<Receiver> {
  return receive(
    createTcpServer((socket) => {
      socket.once('data', () => heard(socket))
      socket.resume()
    }),
    host,
  )
}

export function isLeft(receiver: Receiver): Promise<void> {
  return until(async () => receiver.open() === 0, 'the connection to be closed')
}
