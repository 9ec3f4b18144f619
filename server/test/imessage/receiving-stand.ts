/** Receiving over a real backend and real HTTP from a pretended Mac, with everything around it in reach of a test. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ImessageNetwork, type ImessageOptions, openImessage } from '../../../networks/src/imessage/imessage.ts'
import { People } from '../../../networks/src/people.ts'
import { type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Incoming, IncomingMessage } from '../../src/channels/connector.ts'
import type { Backend, Note, Row } from '../../src/channels/imessage/backend.ts'
import { createBlueBubbles } from '../../src/channels/imessage/bluebubbles/bluebubbles.ts'
import { noteIn } from '../../src/channels/imessage/bluebubbles/counter.ts'
import { createReceiving, type Receiving } from '../../src/channels/imessage/receiving/receiving.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { ClientRef, Handle } from '../../src/model/ids.ts'
import { createTestClock, type TestClock } from '../support/test-clock.ts'

export const us = '+12025550100' as Handle
export const pollEveryMs = 30_000

export interface Logged {
  level: 'info' | 'warn' | 'error'
  facts: Record<string, unknown>
  message: string
}

export interface Stand {
  clock: TestClock
  people: People
  network: ImessageNetwork
  backend: Backend
  host: SpyHost
  receiving: Receiving
  logged: Logged[]
  /** Chats of which it was said that they are not as they were. */
  forgotten: string[]
  /** How often it was said that the aliases have changed. */
  aliasChanges(): number
  /** What the server called us for. */
  notes: Note[]
  /** Our sends, by their guids. */
  refs: Map<string, ClientRef>
  /** The link goes up; resolves when receiving has begun. */
  up(): Promise<void>
  /** The link goes down, and what the server says meanwhile is lost. */
  down(): Promise<void>
  messages(): IncomingMessage[]
  texts(): (string | null)[]
  of<Kind extends Incoming['kind']>(kind: Kind): Extract<Incoming, { kind: Kind }>[]
  /** The same stand, so much later: for whoever waits for something that takes its time. */
  later(ms?: number): Stand
  /** So much time passes in small steps, with everything that is due done on the way. */
  pass(ms: number): Promise<void>
  /** Sends a text as the gateway would; the row has this ref. */
  sends(to: string, text: string): Promise<Row>
  close(): Promise<void>
}

export interface StandOptions extends Partial<Pick<ImessageOptions, 'mac' | 'quirks' | 'waits'>> {
  /** What becomes of an event before the spy takes it. */
  receive?(event: Incoming, take: () => Promise<void>): Promise<void>
  /** Which of our sends a row is; those of `sends` when nothing is said. */
  refOf?(row: Row): ClientRef | null
  /** Without it the server never calls. */
  webhooks?: boolean
}

export async function openStand(options: StandOptions = {}): Promise<Stand> {
  const { webhooks = true, mac = {}, quirks = {}, waits = {} } = options
  const clock = createTestClock()
  const people = new People()
  const network = await openImessage({ people, clock, mac, quirks, waits: { lockMs: 0, ...waits } })
  const http = createSafeFetch({ clock: systemClock, policy: 'allowed', own: () => [] })
  const place = { origin: network.url, basePath: '', password: network.password }
  const backend = createBlueBubbles({ clock, http }, place)
  const { host, logged } = loggingHost(options)
  const refs = new Map<string, ClientRef>()
  const forgotten: string[] = []
  const notes: Note[] = []
  let aliasChanges = 0
  const receiving = createReceiving({
    ...{ clock, backend, host, line: us, pollEveryMs },
    book: { facts: (chat, signal) => backend.chat(chat, signal), forget: (chat) => void forgotten.push(chat) },
    refOf: options.refOf ?? (({ guid }) => refs.get(guid) ?? null),
    bubblesOf: (guid) => [guid],
    aliasesChanged: () => {
      aliasChanges += 1
    },
  })
  let link: { control: AbortController; ended: Promise<void> } | null = null
  const counter = await openCounter((body) => {
    const note = noteIn(body, clock.now())
    if (note === null || link === null) return
    notes.push(note)
    receiving.hear(note)
  })
  const never = new AbortController().signal
  const of: Stand['of'] = (kind) => host.taken.filter((event) => event.kind === kind) as never
  const stand: Stand = {
    ...{ clock, people, network, backend, host, receiving, logged, forgotten, notes, refs, of },
    aliasChanges: () => aliasChanges,
    async up() {
      if (webhooks) await backend.listen(`${counter.url}/v1/providers/line/imessage/event`, never)
      const control = new AbortController()
      await receiving.begin(control.signal)
      link = { control, ended: receiving.keepReceiving(control.signal) }
    },
    async down() {
      const going = link
      link = null
      going?.control.abort()
      await going?.ended
    },
    messages: () => of('message').filter(({ echoOf }) => echoOf === null),
    texts: () => stand.messages().map(({ text }) => text),
    later(ms = 500) {
      clock.advance(ms)
      return stand
    },
    pass: (ms) => passing(clock, ms),
    async sends(to, text) {
      const chat = `iMessage;-;${to}` as Parameters<Backend['sendText']>[0]['chat']
      const draft = { chat, tempId: `temp-${refs.size}`, privately: true, replyTo: null, effect: null, text }
      const known = await backend.chat(chat, never)
      const row =
        known === null
          ? (await backend.startChat({ ...draft, people: [to as Handle] }, never)).row
          : await backend.sendText(draft, never)
      if (row === null) throw new Error('Nothing was sent.')
      refs.set(row.guid, `ref-${refs.size}` as ClientRef)
      return row
    },
    async close() {
      await stand.down()
      await counter.close()
      await network.stop()
    },
  }
  return stand
}

function loggingHost({ receive }: StandOptions): { host: SpyHost; logged: Logged[] } {
  const logged: Logged[] = []
  const noting = (level: Logged['level']) => (facts: object, message: string) => {
    logged.push({ level, facts: { ...facts }, message })
  }
  const spy = spyHost()
  const take = spy.receive
  const host = Object.assign(spy, {
    log: { info: noting('info'), warn: noting('warn'), error: noting('error') },
    ...(receive && { receive: (event: Incoming) => receive(event, () => take(event)) }),
  })
  return { host, logged }
}

async function passing(clock: TestClock, ms: number): Promise<void> {
  const stepMs = 250
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(Math.min(stepMs, ms - passed))
    await systemClock.sleep(1)
  }
}

/** Where the server calls. */
async function openCounter(hear: (body: Uint8Array) => void): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request
      .toArray()
      .then((chunks) => {
        hear(Buffer.concat(chunks))
        response.writeHead(200).end()
      })
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
