/** Setting up webhooks and filling what waits for them, by the public API. */
import type { Sender } from '../traffic.ts'
import { askOnce, openWire, openWires, type Wire } from '../wire.ts'

const fillConnections = 48

export interface Hook {
  sender: Sender
  id: string
}

export interface Listener {
  sender: Sender
  url: string
  events: readonly string[]
}

export async function addHooks(port: number, listeners: readonly Listener[]): Promise<Hook[]> {
  return withWire(port, async (wire) => {
    const hooks: Hook[] = []
    for (const { sender, url, events } of listeners) {
      const body = JSON.stringify({ url, events })
      const answer = await call(wire, 'POST /v1/webhooks', sender, body)
      const { data } = JSON.parse(answer) as { data: { id: string } }
      hooks.push({ sender, id: data.id })
    }
    return hooks
  })
}

export async function removeHooks(port: number, hooks: readonly Hook[]): Promise<void> {
  await withWire(port, async (wire) => {
    for (const { sender, id } of hooks) await call(wire, `DELETE /v1/webhooks/${id}`, sender, '')
  })
}

/** Sends so many messages, as fast as they are taken. */
export async function sendMessages(port: number, count: number, request: (number: number) => string): Promise<void> {
  const { wires, close } = await openWires(fillConnections, port)
  let next = 0
  const drive = async (wire: Wire) => {
    while (next < count) {
      const { status, body } = await askOnce(wire, request(next++))
      if (status !== 202) throw new Error(`A message was answered with ${status}: ${body}`)
    }
  }
  try {
    await Promise.all(wires.map(drive))
  } finally {
    close()
  }
}

async function withWire<Result>(port: number, work: (wire: Wire) => Promise<Result>): Promise<Result> {
  const wire = await openWire(port, () => {})
  try {
    return await work(wire)
  } finally {
    wire.close()
  }
}

async function call(wire: Wire, what: string, { apiKey }: Sender, json: string): Promise<string> {
  const type = json === '' ? '' : 'Content-Type: application/json\r\n'
  const head = `${what} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${apiKey}\r\n${type}`
  const { status, body } = await askOnce(wire, `${head}Content-Length: ${json.length}\r\n\r\n${json}`)
  if (status >= 300) throw new Error(`${what} was answered with ${status}: ${body}`)
  return body
}
