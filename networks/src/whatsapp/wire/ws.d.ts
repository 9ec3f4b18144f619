/** The part of the package `ws` that the loopback WhatsApp uses; the package brings no types. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  class WebSocket extends EventEmitter {
    readonly readyState: number
    send(data: Uint8Array): void
    close(): void
    terminate(): void
  }

  class WebSocketServer extends EventEmitter {
    constructor(options: { server: Server; path: string; maxPayload: number; perMessageDeflate: boolean })
    close(): void
  }
}
