/** What providers ask of us over HTTP, and whether a line's settings work. Any process can answer: nothing here needs the line held. */
import type { Connector, LineSettings, ProviderAnswer, ProviderCall, Providers } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import type { Inbox } from '../messaging/inbox.ts'
import { type Channel, isChannel } from '../model/channel.ts'
import { GatewayError } from '../model/errors.ts'
import type { LineId } from '../model/ids.ts'
import type { StoredLine } from '../store/lines.ts'
import { callbackUrlOf, connectorOf, settingsOf } from './settings.ts'

export interface ProviderRequest extends Pick<ProviderCall, 'topic' | 'method' | 'headers' | 'body'> {
  /** With its question mark; empty when there is none. */
  query: string
}

export type Answering = (request: ProviderRequest) => Promise<ProviderAnswer>

export interface LineTest {
  channel: Channel
  ok: boolean
  /** For operators. */
  detail: string
}

export interface ProviderCallsOptions {
  line(id: LineId): Promise<StoredLine | null>
  providers: Providers
  box: Pick<SealedBox, 'open'>
  inbox: Inbox
  clock: Clock
  publicUrl(): string
  /** To the line's connection, wherever that is. */
  pass(link: { lineId: LineId; channel: Channel }, note: string): Promise<void>
}

export interface ProviderCalls {
  /** Who answers under this address, looked up before a body is read. Null: there is no such line, or nobody calls it. */
  called(at: { line: string; channel: string }): Promise<Answering | null>
  test(id: LineId): Promise<LineTest[]>
}

const testWithinMs = 20_000
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function createProviderCalls(options: ProviderCallsOptions): ProviderCalls {
  const { box, inbox, providers } = options
  return {
    async called({ line: id, channel }) {
      if (!uuidPattern.test(id) || !isChannel(channel)) return null
      const line = await options.line(id as LineId)
      if (line === null || line.customerId === null || line.status !== 'active') return null
      const connector = connectorOf(providers, line, channel)
      if (connector?.answer === undefined || !line.channels.includes(channel)) return null
      const { customerId, id: lineId, address, email } = line
      const source = { customerId, lineId, address, email, channel }
      const settings = settingsOf(box, line, channel)
      const { answer } = connector
      return ({ query, topic, ...request }) => {
        const url = `${callbackUrlOf(options.publicUrl(), { lineId, channel, topic })}${query}`
        return answer(
          settings,
          { ...request, topic, url },
          {
            receive: (event) => inbox.receive(source, event),
            pass: (note) => options.pass({ lineId, channel }, note),
          },
        )
      }
    },

    async test(id) {
      const line = await options.line(id)
      if (line === null) throw new GatewayError('NOT_FOUND', 'There is no such instance.')
      const tests = line.channels.map(async (channel): Promise<LineTest> => {
        const settings = settingsOf(box, line, channel)
        return { channel, ...(await tryOut(options.clock, connectorOf(providers, line, channel), settings)) }
      })
      return Promise.all(tests)
    },
  }
}

async function tryOut(
  clock: Clock,
  connector: Connector | null,
  settings: LineSettings,
): Promise<{ ok: boolean; detail: string }> {
  if (connector === null) return { ok: false, detail: 'This gateway has no connector for the provider of this line.' }
  if (connector.test === undefined) return { ok: true, detail: 'There is nothing to be tested on this network.' }
  const done = new AbortController()
  const late = new AbortController()
  const timer = clock.sleep(testWithinMs, done.signal).then(() => {
    if (!done.signal.aborted) late.abort()
  })
  try {
    return await connector.test(settings, late.signal)
  } finally {
    done.abort()
    await timer
  }
}
