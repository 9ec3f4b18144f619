/** The smallest HTTP client there is: one connection that is kept, one request at a time, little of the machine for itself. */
import { once } from 'node:events'
import { connect } from 'node:net'

export type Done = (status: number, body: string, head: string) => void

export interface Wire {
  /** Must not be called again before `done` was. */
  ask(request: string, done: Done): void
  close(): void
}

const headEnd = '\r\n\r\n'
const lengthPattern = /\r\ncontent-length: *(\d+)/i

export async function openWire(port: number, failed: (error: Error) => void): Promise<Wire> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  // One character per byte, so that lengths can be compared.
  socket.setEncoding('latin1')
  let received = ''
  let waiting: Done | null = null
  let closing = false
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk
    const end = received.indexOf(headEnd)
    if (end === -1) return
    const length = Number(lengthPattern.exec(received.slice(0, end))?.[1] ?? 0)
    const whole = end + headEnd.length + length
    if (received.length < whole) return
    const status = Number(received.slice(9, 12))
    const head = received.slice(0, end)
    const body = received.slice(end + headEnd.length, whole)
    received = received.slice(whole)
    const done = waiting
    waiting = null
    done?.(status, body, head)
  })
  socket.on('error', failed)
  socket.on('close', () => {
    if (!closing) failed(new Error('The server closed a connection.'))
  })
  return {
    ask(request, done) {
      waiting = done
      socket.write(request, 'latin1')
    },
    close() {
      closing = true
      socket.destroy()
    },
  }
}

export async function openWires(count: number, port: number): Promise<{ wires: Wire[]; close(): void }> {
  const wires: Wire[] = []
  const failed = (error: Error) => {
    for (const wire of wires) wire.close()
    throw error
  }
  for (let index = 0; index < count; index++) wires.push(await openWire(port, failed))
  return {
    wires,
    close() {
      for (const wire of wires) wire.close()
    },
  }
}

export function askOnce(wire: Wire, request: string): Promise<{ status: number; head: string; body: string }> {
  return new Promise((resolve) => wire.ask(request, (status, body, head) => resolve({ status, head, body })))
}
