/** For tests: a pretended Mac, somebody who asks its server, and somebody who hears its webhooks. */
import { createServer } from 'node:http'
import { json as bodyOf } from 'node:stream/consumers'
import { close, listen } from '../../listening.ts'
import { People } from '../../people.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type ImessageNetwork, type ImessageOptions, openImessage } from '../imessage.ts'
import type { Json } from '../store/shapes.ts'

export interface Heard {
  type: string
  data: Json
}

export interface Reply {
  status: number
  message: string
  data: Json
  metadata?: Json
  error?: { type: string; message: string }
}

export interface Client {
  readonly network: ImessageNetwork
  readonly people: People
  /** What the webhook was told, in the order in which it came. */
  readonly heard: Heard[]
  ask(call: string, body?: object | FormData, query?: Record<string, string>): Promise<Reply>
  /** The answer as it is. */
  fetch(call: string, init?: RequestInit, query?: Record<string, string>): Promise<Response>
  /** With the guid of the chat of two, which somebody begins by writing. */
  chatWith(address: string): Promise<string>
  /** Resolves when nothing is under way any more. */
  quiet(): Promise<void>
  stop(): Promise<void>
}

export async function openClient(options: Partial<ImessageOptions> & { events?: string[] } = {}): Promise<Client> {
  const { events = ['*'], people = new People(), clock = systemClock, ...rest } = options
  const network = await openImessage({ people, clock, waits: { lockMs: 0, rowMs: 1, watchMs: 1 }, ...rest })
  const heard: Heard[] = []
  const sink = createServer((request, response) => {
    // Its place is that of its arrival: bodies may overtake each other.
    const place: Heard = { type: '', data: {} }
    heard.push(place)
    void bodyOf(request).then((body) => {
      Object.assign(place, body)
      response.end()
    })
  })
  const port = await listen(sink, 0)
  const url = (call: string, query: Record<string, string>) => {
    const address = new URL(`${network.url}/api/v1/${call}`)
    for (const [name, value] of Object.entries({ password: network.password, ...query }))
      address.searchParams.set(name, value)
    return address
  }
  const get: Client['fetch'] = (call, init, query = {}) => {
    const [method = '', path = ''] = call.split(' ')
    return fetch(url(path, query), { method, ...init })
  }
  const ask: Client['ask'] = async (call, body, query) => {
    const sent = body instanceof FormData ? body : JSON.stringify(body)
    const headers: Record<string, string> = body instanceof FormData ? {} : { 'content-type': 'application/json' }
    const reply = await get(call, body === undefined ? {} : { headers, body: sent }, query)
    return (await reply.json()) as Reply
  }
  await ask('POST webhook', { url: `http://127.0.0.1:${port}/hook`, events })
  return {
    ...{ network, people, heard, ask, fetch: get },
    async chatWith(address) {
      network.person(address).says('Hello')
      await quiet(network, clock)
      heard.length = 0
      return network.chats().find(({ identifier }) => identifier === address)?.guid ?? ''
    },
    quiet: () => quiet(network, clock),
    async stop() {
      await network.stop()
      await close(sink)
    },
  }
}

async function quiet(network: ImessageNetwork, clock: Clock): Promise<void> {
  // Twice in a row: what ends may begin something else.
  for (let still = 0; still < 2; still = network.busy === 0 ? still + 1 : 0) await clock.sleep(5)
}
