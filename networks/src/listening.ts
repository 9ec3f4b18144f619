/** A server on this machine alone: taken when it listens, and gone with everybody who is connected. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Resolves with the port; 0 takes any that is free. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      // A connection that cannot be taken is the asker's loss, not the end of the networks.
      if (server.listenerCount('error') === 0) server.on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
