/** What a story is told with: calls as a customer makes them, and everything that could be heard since it began. */
import { expect } from 'vitest'
import type { GatewayEvent } from '../../src/model/event.ts'
import { wordEvent } from '../../src/surfaces/textbubbles/dialect.ts'
import type { TestCustomer, TestGateway } from './gateway.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  body: any
}

export interface Story {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Sends, expects 202 and returns the id. */
  send(message: object): Promise<string>
  get(id: string): Promise<Answer['body']>
  /** Every event since the story began, in the order of the log, and nothing else: `type status channel`. */
  heard(): Promise<string[]>
  /** The same events in the words that webhooks and streams get. */
  told(): Promise<Told[]>
}

export interface Told {
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  data: any
}

export async function tell(gateway: TestGateway, customer: TestCustomer = gateway.customer): Promise<Story> {
  const { db } = gateway.database
  const [mark] = await db.query<{ seq: number }>({
    name: 'story-mark',
    text: `select coalesce(max(seq), 0) as seq from events`,
  })
  const call: Story['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${gateway.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${customer.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
  }
  return {
    call,
    async send(message) {
      const answer = await call('POST', '/v1/messages', message)
      expect(answer.status, JSON.stringify(answer.body)).toBe(202)
      return answer.body.data.id
    },
    async get(id) {
      const answer = await call('GET', `/v1/messages/${id}`)
      expect(answer.status).toBe(200)
      return answer.body.data
    },
    async heard() {
      const rows = await db.query<{ type: string; status: string | null; channel: string | null }>(
        {
          name: 'story-heard',
          text: `select type, data #>> '{message,status}' as status, coalesce(data #>> '{message,channel}', data ->> 'channel') as channel
            from events where customer_id = $1 and seq > $2 order by xid, seq`,
        },
        [customer.id, mark?.seq ?? 0],
      )
      return rows.map((row) => [row.type, row.status ?? '-', row.channel ?? '-'].join(' '))
    },
    async told() {
      const rows = await db.query<GatewayEvent>(
        {
          name: 'story-told',
          text: `select id, type, at, customer_id as "customerId", correlation_id as "correlationId", data
            from events where customer_id = $1 and seq > $2 order by xid, seq`,
        },
        [customer.id, mark?.seq ?? 0],
      )
      return rows.flatMap((row) => wordEvent(row, gateway.gateway.media.linkTo) ?? [])
    },
  }
}
