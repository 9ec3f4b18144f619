/** A gateway with one receiver, and what a test of webhooks does over and over with them. */
import { expect } from 'vitest'
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from './gateway.ts'
import { openReceiver, type Receiver } from './receiver.ts'
import { type Answer, type Story, tell } from './story.ts'

export interface WebhookStory extends Story {
  gateway: TestGateway
  receiver: Receiver
  /** Makes a webhook on the receiver and returns what was answered. */
  hook(input?: object): Promise<Answer['body']>
  /** Waits until so many requests have come, and until their outcomes are written. */
  came(requests: number): Promise<void>
  /** Time passes, and what it made due has been tried. */
  pass(ms: number): Promise<void>
  /** `status attempts` of each delivery of a webhook, oldest first. */
  log(id: string): Promise<string[]>
  deliveries(id: string): Promise<Answer['body'][]>
  /** How long after its last attempt the next one of the only waiting delivery comes, in ms. */
  nextIn(): Promise<number>
  end(): Promise<void>
}

const dueNow = `select from webhook_queue q join webhooks w on w.customer_id = q.customer_id and w.id = q.webhook_id
  where q.due_at <= gateway_now() and w.open_until <= gateway_now() and not exists (
    select from webhook_queue p where p.webhook_id = q.webhook_id and p.lane = q.lane and (p.xid, p.seq) < (q.xid, q.seq)
      and p.holds_until > gateway_now()) limit 1`

export async function tellWebhooks(settings: TestGatewayOptions = {}): Promise<WebhookStory> {
  const gateway = await startTestGateway(settings)
  const receiver = await openReceiver()
  const story = await tell(gateway)
  const { db } = gateway.database
  const ask = <Row>(text: string) => db.query<Row>({ name: '', text })
  const deliveries: WebhookStory['deliveries'] = async (id) => {
    const answer = await story.call('GET', `/v1/webhooks/${id}/deliveries?limit=100`)
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    return answer.body.data.deliveries.reverse()
  }
  const written = async () => {
    const [row] = await ask<{ attempts: number }>(`select (coalesce((select sum(attempts) from webhook_queue), 0)
      + coalesce((select sum(attempts) from webhook_log), 0))::int as attempts`)
    return row?.attempts ?? 0
  }
  // A jump in time would run into the time limit of whatever is under way: nothing is when no head of a lane is due.
  const still = () => until(async () => (await ask(dueNow)).length === 0, 'nothing to be due')
  return {
    ...story,
    gateway,
    receiver,
    deliveries,
    async hook(input = {}) {
      const answer = await story.call('POST', '/v1/webhooks', { url: receiver.url, events: ['*'], ...input })
      expect(answer.status, JSON.stringify(answer.body)).toBe(201)
      return answer.body.data
    },
    async came(requests) {
      await until(async () => receiver.received.length >= requests, `${requests} requests`)
      await until(async () => (await written()) >= receiver.received.length, 'the outcomes')
      expect(receiver.received.length).toBe(requests)
    },
    async pass(ms) {
      await still()
      await gateway.pass(ms)
      await still()
    },
    async log(id) {
      return (await deliveries(id)).map((one) => `${one.eventType} ${one.status} ${one.attempts}`)
    },
    async nextIn() {
      const [row] = await ask<{ ms: number }>(
        `select (extract(epoch from q.due_at - a.at) * 1000)::float8 - a.duration_ms as ms
          from webhook_queue q join webhook_attempts a on a.delivery_id = q.id order by a.number desc limit 1`,
      )
      return Math.round(row?.ms ?? Number.NaN)
    },
    async end() {
      await gateway.stop()
      await receiver.close()
    },
  }
}
