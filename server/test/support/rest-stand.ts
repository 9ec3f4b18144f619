/** One line of a provider behind HTTP, with everything around it in reach of a test. */
import { type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Connection, Connector, IncomingMessage, LineSettings, Outgoing } from '../../src/channels/connector.ts'
import type { SafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { ClientRef, Handle, LineId } from '../../src/model/ids.ts'
import type { OutgoingFile } from '../../src/model/media/file.ts'
import { blankFile } from './blank-file.ts'
import { type FrontDoor, openFrontDoor } from './front-door.ts'
import { countedTools, type RestTools } from './rest-harness.ts'
import type { TestClock } from './test-clock.ts'

export interface Stand {
  clock: TestClock
  tools: RestTools
  connector: Connector
  connection: Connection
  host: SpyHost
  door: FrontDoor
  line: LineSettings
  /** Sleeping and asking, by the connector. */
  counts: { sleeping: number; asking: number }
  start(): Promise<void>
  send(to: string, what?: Partial<Outgoing>): ReturnType<Connection['send']>
  failure(to: string, what?: Partial<Outgoing>): Promise<SendFailure>
  /** A file that the provider can fetch. */
  file(bytes: number): OutgoingFile
  messages(): IncomingMessage[]
  receipts(): string[]
  close(): Promise<void>
}

export interface StandOptions {
  clock: TestClock
  connectorWith(tools: RestTools): Connector
  line(door: FrontDoor): Pick<LineSettings, 'url' | 'secret'>
  address?: string
  media?: SafeFetch
}

export const ourNumber = '+12025550100'
let refs = 0

export async function openStand({
  clock,
  connectorWith,
  line: place,
  address = ourNumber,
  media,
}: StandOptions): Promise<Stand> {
  const counts = { sleeping: 0, asking: 0 }
  const counted = countedTools(clock, counts)
  const tools = media === undefined ? counted : { ...counted, media }
  const connector = connectorWith(tools)
  const door = await openFrontDoor()
  const line: LineSettings = { id: 'line-1' as LineId, address: address as Handle, ...place(door) }
  const host = { ...spyHost(), callbackUrl: (topic: string) => door.callbackUrl(topic) }
  const connection = connector.open(line, host)
  const send: Stand['send'] = (to, what = {}) => {
    refs += 1
    const ref = `${refs.toString(16).padStart(32, '0')}s0` as ClientRef
    const plain = { replyTo: null, mentions: [], effect: null, location: null, attachments: [], text: 'hello' }
    return connection.send({ ref, to: { handle: to as Handle }, ...plain, ...what }, new AbortController().signal)
  }
  return {
    ...{ clock, tools, connector, connection, host, door, line, counts, send },
    start: async () => {
      door.open(connector, line, (event) => host.receive(event))
      await connection.start()
    },
    failure: async (to, what) => {
      const outcome = await send(to, what).catch((error: unknown) => error)
      if (outcome instanceof SendFailure) return outcome
      throw new Error(`it ended with ${JSON.stringify(outcome)}, which is no SendFailure`)
    },
    file: (bytes) => ({
      ...blankFile({ kind: 'image', mimeType: 'image/png', bytes }),
      linkFor: () => door.fileUrl('image/png', bytes),
    }),
    messages: () => host.taken.filter((event) => event.kind === 'message'),
    receipts: () => host.taken.flatMap((event) => (event.kind === 'receipt' ? [event.status] : [])),
    close: async () => {
      await connection.stop()
      await door.close()
    },
  }
}

export async function bytesOf(message: IncomingMessage | undefined, at = 0): Promise<Buffer> {
  const readable = await message?.attachments[at]?.open()
  return Buffer.concat((await readable?.toArray()) ?? [])
}
