/** A client that does what callers are told to do: it repeats a request until the gateway has answered it. */
import { Agent, request as open } from 'node:http'

export interface Ask {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  token: string
  body?: object
  /** Give up on one try after this; for ever if not given. */
  withinMs?: number
}

export interface Reply {
  status: number
  body: Record<string, unknown>
  /** How often it was asked, until it was answered. */
  asked: number
}

export interface Client {
  once(url: string, ask: Ask): Promise<Omit<Reply, 'asked'>>
  /** Whatever the gateway's address is then; null while there is none. */
  insist(url: () => string | null, ask: Ask): Promise<Reply>
  close(): void
}

const pauseMs = 5
/** On a machine that has better things to do, a gateway that is killed all the time takes its time. */
const giveUpMs = 300_000

export function createClient(): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  const once = (url: string, ask: Ask) => exchange(agent, url, ask)
  return {
    once,
    async insist(url, ask) {
      const giveUpAt = performance.now() + giveUpMs
      for (let asked = 1; performance.now() < giveUpAt; ) {
        const at = url()
        const reply = at === null ? null : await once(at, ask).catch(() => 'lost' as const)
        if (reply !== null && reply !== 'lost' && reply.status < 500 && reply.status !== 429) return { ...reply, asked }
        if (reply !== null) asked += 1
        await pause(pauseMs)
      }
      throw new Error(`${ask.method} ${ask.path} was never answered.`)
    },
    close: () => agent.destroy(),
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function exchange(agent: Agent, url: string, ask: Ask): Promise<Omit<Reply, 'asked'>> {
  return new Promise((resolve, reject) => {
    const body = ask.body === undefined ? null : JSON.stringify(ask.body)
    const headers = {
      authorization: `Bearer ${ask.token}`,
      ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    const call = open(new URL(ask.path, url), { agent, method: ask.method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('close', () => {
        if (!response.complete) return reject(new Error('The answer broke off.'))
        resolve({ status: response.statusCode ?? 0, body: text === '' ? {} : bodyOf(text) })
      })
    })
    call.on('error', reject)
    if (ask.withinMs !== undefined)
      call.setTimeout(ask.withinMs, () => call.destroy(new Error('Nobody answered in time.')))
    call.end(body ?? undefined)
  })
}

/** Answers come in an envelope, and so do refusals; here it is what is inside that counts. */
function bodyOf(text: string): Reply['body'] {
  const envelope = JSON.parse(text) as { data?: Reply['body']; error?: Reply['body'] }
  return envelope.data ?? envelope.error ?? {}
}
