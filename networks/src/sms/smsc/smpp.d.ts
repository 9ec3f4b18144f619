/** The part of the package `smpp` that the loopback SMSC uses; the package brings no types. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events'
  import type { Server, Socket } from 'node:net'

  type Field = string | number | Buffer

  interface Pdu {
    command: string
    command_status: number
    sequence_number: number
    response(fields?: Record<string, Field>): Pdu
    [field: string]: unknown
  }

  interface Session extends EventEmitter {
    readonly socket: Socket
    /** False when nobody is there any more. */
    send(pdu: Pdu): boolean
    deliver_sm(fields: Record<string, Field>, answered: (answer: Pdu) => void): boolean
    enquire_link(answered: (answer: Pdu) => void): boolean
    unbind(): boolean
    destroy(): void
  }

  interface Coding {
    match(text: string): boolean
    encode(text: string): Buffer
    decode(octets: Buffer): string
  }

  interface Parameter {
    filter?: unknown
  }

  const library: {
    createServer(options: { key?: string; cert?: string }, listener: (session: Session) => void): Server
    encodings: { ASCII: Coding; UCS2: Coding }
    commands: Record<'submit_sm' | 'deliver_sm' | 'data_sm', { params: Record<string, Parameter> }>
    tlvs: Record<'message_payload', Parameter>
  }
  export = library
}
