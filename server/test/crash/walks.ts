/** The fixed walks of a message, out and in, that every boundary is tried on: small, in order, each step awaited. */
import type { Channel } from '../../src/model/channel.ts'
import type { Handle, ProviderMessageId } from '../../src/model/ids.ts'
import { type Asked, laneOf } from './history.ts'
import type { Client, Reply } from './insist.ts'
import { pause } from './insist.ts'
import { chatOf, type Fate, type Outside } from './outside.ts'
import type { Behind, Urls } from './site.ts'
import type { SendRequest } from './wire.ts'

export const walkLine = '+15550100101'

export interface Stage {
  client: Client
  url: Urls
  token: string
  outside: Outside
  behind: Behind
  asked: Asked[]
}

export type Walk = (stage: Stage) => Promise<void>

const plain: Fate = { fault: 'none', delayMs: 0, receipts: [], echo: false, early: false }

/** What the text of a message asks of the network. */
const fates: Record<string, (request: SendRequest, tries: number) => Partial<Fate>> = {
  read: () => ({ receipts: ['delivered', 'read'] }),
  early: () => ({ receipts: ['delivered'], echo: true, early: true }),
  late: () => ({ receipts: ['delivered'], echo: true }),
  fallback: ({ channel }) => (channel === 'imessage' ? { fault: 'absent' } : { receipts: ['delivered'] }),
  busy: (_request, tries) => (tries === 0 ? { fault: 'busy' } : {}),
  'busy-message': (_request, tries) => (tries === 0 ? { fault: 'busy-message' } : {}),
  drop: (_request, tries) => (tries === 0 ? { fault: 'drop' } : {}),
  'drop-then-absent': (_request, tries) => (tries === 0 ? { fault: 'drop' } : { fault: 'absent' }),
  // A retry that a caller asks for has a ref of its own, which ends in another number.
  refused: ({ ref }) => (ref.endsWith('0') ? { fault: 'refused' } : {}),
}

export function walkFate(request: SendRequest, tries: number): Fate {
  const [wish = ''] = request.text.split(' ')
  return { ...plain, ...fates[wish]?.(request, tries) }
}

const timed = {
  name: '',
  text: `select exists (select from lanes where lease_until > gateway_now() or next_at <= gateway_now()) as busy`,
}

/** Whatever can happen by itself has happened. */
async function quiet({ behind, outside }: Stage): Promise<void> {
  const giveUpAt = performance.now() + 15_000
  while (performance.now() < giveUpAt) {
    const [now] = await behind.db.query<{ busy: boolean }>(timed)
    if (now?.busy === false && outside.unheard() === 0) return
    await pause(4)
  }
}

interface Wish {
  wish: string
  to: string
  route: readonly Channel[]
  scheduledAt?: string
}

async function send(stage: Stage, { wish, to, route, scheduledAt }: Wish): Promise<string> {
  const number = stage.asked.length
  const text = `${wish} ${number}`
  const body = {
    ...{
      to,
      from: walkLine,
      content: { text },
      routing: { preference: route, fallback: true },
      idempotencyKey: `key-${number}`,
    },
    ...(scheduledAt === undefined ? {} : { scheduledAt }),
  }
  const reply = await call(stage, 'POST', '/v1/messages', body)
  const id = String(reply.body.id)
  stage.asked.push({
    key: `key-${number}`,
    lane: laneOf({ line: walkLine, to }),
    text,
    answers: [{ status: reply.status, id }],
  })
  return id
}

/** What is repeated may find that the first time has done it, and what needs a send may find it in doubt. */
async function call(stage: Stage, method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Reply> {
  return stage.client.insist(stage.url, { method, path, token: stage.token, ...(body === undefined ? {} : { body }) })
}

/** Sent, told early and late, in doubt with and without dedupe, fallen back, put off and tried again. */
export async function walkOut(stage: Stage): Promise<void> {
  await send(stage, { wish: 'read', to: '+14155550101', route: ['whatsapp'] })
  await quiet(stage)
  await send(stage, { wish: 'early', to: '+14155550101', route: ['imessage'] })
  await send(stage, { wish: 'fallback', to: '+14155550102', route: ['imessage', 'sms'] })
  await quiet(stage)
  // Two in one lane: the second waits for the first, or passes it.
  await send(stage, { wish: 'busy', to: '+14155550103', route: ['sms'] })
  await send(stage, { wish: 'late', to: '+14155550103', route: ['imessage'] })
  await send(stage, { wish: 'busy-message', to: '+14155550104', route: ['imessage', 'sms'] })
  await send(stage, { wish: 'late', to: '+14155550104', route: ['whatsapp'] })
  await quiet(stage)
  await stage.behind.advance(6_000)
  await quiet(stage)
}

/** What becomes of an attempt that nobody knows the end of. */
export async function walkInDoubt(stage: Stage): Promise<void> {
  await send(stage, { wish: 'drop', to: '+14155550105', route: ['whatsapp', 'sms'] })
  await send(stage, { wish: 'late', to: '+14155550105', route: ['whatsapp'] })
  await send(stage, { wish: 'drop-then-absent', to: '+14155550106', route: ['whatsapp', 'sms'] })
  await send(stage, { wish: 'drop', to: '+14155550107', route: ['imessage', 'sms'] })
  await send(stage, { wish: 'late', to: '+14155550107', route: ['sms'] })
  await quiet(stage)
  await stage.behind.advance(6_000)
  await quiet(stage)
  await stage.behind.advance(121_000)
  await quiet(stage)
}

/** Scheduled, cancelled, retried, edited, taken back, reacted to, deleted. */
export async function walkChanges(stage: Stage): Promise<void> {
  const soon = () => new Date(Date.now() + stage.behind.aheadMs() + 60_000).toISOString()
  await send(stage, { wish: 'late', to: '+14155550111', route: ['sms'], scheduledAt: soon() })
  const cancelled = await send(stage, { wish: 'late', to: '+14155550112', route: ['sms'], scheduledAt: soon() })
  await call(stage, 'DELETE', `/v1/messages/${cancelled}/schedule`)
  const failed = await send(stage, { wish: 'refused', to: '+14155550113', route: ['sms'] })
  const changed = await send(stage, { wish: 'late', to: '+14155550114', route: ['imessage'] })
  await quiet(stage)
  await call(stage, 'POST', `/v1/messages/${failed}/retry`)
  await call(stage, 'PUT', `/v1/messages/${changed}`, { text: 'changed' })
  await call(stage, 'POST', `/v1/messages/${changed}/reactions`, { type: 'love' })
  await call(stage, 'POST', `/v1/messages/${changed}/unsend`)
  await quiet(stage)
  await stage.behind.advance(61_000)
  await quiet(stage)
}

/** Somebody writes, reacts, is read; the same is told twice. */
export async function walkIn(stage: Stage): Promise<void> {
  const { outside } = stage
  const link = { line: walkLine, channel: 'whatsapp' as const }
  const from = '+16285550001'
  const providerId = outside.say({ ...link, from, text: 'hello' })
  await quiet(stage)
  outside.tell(link, {
    ...{ kind: 'reaction', target: providerId as ProviderMessageId, chat: chatOf('whatsapp', from) },
    ...{ from: from as Handle, reaction: 'like', at: new Date() },
  })
  await quiet(stage)
  outside.say({ ...link, from, text: 'and again' })
  outside.say({ line: walkLine, channel: 'imessage', from: '+16285550002', text: 'me too' })
  await quiet(stage)
  for (const said of outside.spoken) if (said.providerId === providerId) said.text = 'hello!'
  outside.tell(link, { kind: 'edit', target: providerId as ProviderMessageId, text: 'hello!', at: new Date() })
  outside.tell(link, {
    kind: 'receipt',
    providerId: 'of nobody' as ProviderMessageId,
    status: 'delivered',
    at: new Date(),
    detail: null,
  })
  await quiet(stage)
}
