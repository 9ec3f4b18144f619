/** The gateway's front door as a provider sees it: hands calls to a connector, and media to whoever has the link. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Connector, Host, LineSettings } from '../../src/channels/connector.ts'

export interface FrontDoor {
  readonly origin: string
  callbackUrl(topic: string): string
  /** A link to a file full of zeros. */
  fileUrl(mimeType: string, bytes: number): string
  /** Calls are taken for this line from now on; before they are told to come again. */
  open(connector: Connector, line: LineSettings, receive: Host['receive'], pass?: Tenant['pass']): void
  shut(): void
  readonly isOpen: boolean
  close(): Promise<void>
}

interface Tenant {
  connector: Connector
  line: LineSettings
  pass?(note: string): Promise<void>
  receive: Host['receive']
}

export async function openFrontDoor(): Promise<FrontDoor> {
  let tenant: Tenant | null = null
  const server = createServer((request, response) => {
    handle(request, response, tenant, origin()).catch(() => response.writeHead(500).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = origin()
  return {
    origin: url,
    callbackUrl: (topic) => `${url}/callbacks/${topic}`,
    fileUrl: (mimeType, bytes) => `${url}/files/${bytes}/${encodeURIComponent(mimeType)}`,
    open: (connector, line, receive, pass) => {
      tenant = { connector, line, receive, ...(pass && { pass }) }
    },
    shut: () => {
      tenant = null
    },
    get isOpen() {
      return tenant !== null
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  tenant: Tenant | null,
  origin: string,
): Promise<void> {
  const body = Buffer.concat(await request.toArray())
  const [, room, name = '', type = ''] = (request.url ?? '').split('?')[0]?.split('/') ?? []
  if (room === 'files') {
    response.writeHead(200, { 'content-type': decodeURIComponent(type), 'content-length': name })
    return void response.end(Buffer.alloc(Number(name)))
  }
  if (tenant?.connector.answer === undefined) return void response.writeHead(503).end()
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]))
  const call = { topic: name, method: request.method ?? '', url: `${origin}${request.url}`, headers, body }
  const { line, receive, pass } = tenant
  const answer = await tenant.connector.answer(line, call, { receive, pass: pass ?? (async () => {}) })
  response.writeHead(answer.status, { 'content-type': answer.contentType }).end(answer.body)
}
