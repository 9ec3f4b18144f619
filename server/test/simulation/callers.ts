/** Those who send: they give up, repeat with the same key, repeat with another body, retry and cancel. */
import type { Draft } from '../../src/messaging/draft.ts'
import type { Channel } from '../../src/model/channel.ts'
import { GatewayError } from '../../src/model/errors.ts'
import type { MessageId } from '../../src/model/ids.ts'
import type { Message } from '../../src/model/message.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { short } from './history.ts'
import type { World } from './world.ts'

export interface Request {
  name: string
  draft: Draft
  sentMs: number
  /** When the first answer came that names a message. */
  answeredMs: number | null
  /** Every id an answer named. */
  ids: Set<MessageId>
  refusal: string | null
  /** Answers that no rule allows. */
  oddities: string[]
  /** Sent after everything was mended: it must go through. */
  probe: boolean
}

export interface Wanted {
  text: string
  to: string
  from: string
  preference: readonly Channel[] | null
  fallback: boolean
  key: string | null
  scheduledAt: string | null
}

export function draftOf(wanted: Wanted): Draft {
  const { text, to, from, preference, fallback, key, scheduledAt } = wanted
  return {
    to,
    conversationId: null,
    from,
    preference,
    fallback,
    scheduledAt,
    idempotencyKey: key,
    content: { text, mediaUrls: [], effect: null, location: null },
    attachments: [],
    replyTo: null,
    mentions: [],
    callbackUrl: null,
    metadata: null,
    correlationId: `c-${text}`,
  }
}

type Answer<T> = { value: T } | { error: string }

const patienceMs = 10_000

/** One call to one process; a process that dies takes its callers' connections with it. */
function call<T>(world: World, work: (gateway: GatewayProcess) => Promise<T>): Promise<Answer<T>> {
  const alive = world.processes.filter(({ port }) => port.state !== 'dead')
  const gateway = alive[world.chance.between(0, alive.length - 1)]
  if (gateway === undefined) return Promise.resolve({ error: 'REFUSED' })
  return new Promise((resolve) => {
    const forget = gateway.port.onDeath(() => resolve({ error: 'RESET' }))
    const timer = world.scheduler.after(patienceMs, () => {
      world.history.hit('client timeout')
      end({ error: 'TIMEOUT' })
    })
    const end = (answer: Answer<T>) => {
      forget()
      world.scheduler.cancel(timer)
      resolve(answer)
    }
    gateway.port.enter(
      () =>
        void work(gateway).then(
          (value) => end({ value }),
          (error: unknown) => end({ error: error instanceof GatewayError ? error.code : `BUG ${String(error)}` }),
        ),
    )
  })
}

const passing = new Set(['REFUSED', 'RESET', 'TIMEOUT', 'SERVICE_UNAVAILABLE'])

/** Sends until there is an answer that lasts; without a key nobody dares to repeat. */
export async function send(world: World, request: Request, triesMax: number): Promise<void> {
  const { history, chance, clock, customerId } = world
  for (let tries = 1; tries <= triesMax; tries += 1) {
    if (tries > 1) history.hit('client repeat')
    const answer = await call(world, (gateway) => gateway.submit(customerId, request.draft))
    note(world, request, answer)
    if (!('error' in answer) || !passing.has(answer.error)) break
    if (request.draft.idempotencyKey === null) return
    await clock.sleep(chance.between(100, 3_000))
  }
  if (request.draft.idempotencyKey !== null && world.profile.oddCallers) await sendAgain(world, request)
}

function note(world: World, request: Request, answer: Answer<{ message: Message; repeated: boolean }>): void {
  if ('error' in answer) {
    world.history.say(request.name, `is told ${answer.error}`)
    if (answer.error.startsWith('BUG')) request.oddities.push(answer.error)
    if (!passing.has(answer.error)) request.refusal = answer.error
    return
  }
  const { message, repeated } = answer.value
  world.history.say(request.name, `is told ${short(message.id)} ${message.status}${repeated ? ' again' : ''}`)
  request.ids.add(message.id)
  request.answeredMs ??= world.scheduler.nowMs()
}

/** The same request once more gives the same message, and another body under its key a refusal. */
async function sendAgain(world: World, request: Request): Promise<void> {
  const { chance, clock, customerId, history } = world
  if (request.ids.size === 0 || !chance.happens(0.4)) return
  await clock.sleep(chance.between(0, 20_000))
  history.hit('client repeat')
  if (chance.happens(0.5)) {
    note(world, request, await call(world, (gateway) => gateway.submit(customerId, request.draft)))
    return
  }
  const other = { ...request.draft, content: { ...request.draft.content, text: 'something else' } }
  const answer = await call(world, (gateway) => gateway.submit(customerId, other))
  const told = 'error' in answer ? answer.error : `accepted ${short(answer.value.message.id)}`
  history.say(request.name, `with another body is told ${told}`)
  if (!passing.has(told) && told !== 'IDEMPOTENCY_KEY_REUSED')
    request.oddities.push(`another body under the same key: ${told}`)
}

/** Retries or cancels whatever comes along; most of the time that is refused, and must harm nobody. */
export async function meddle(world: World, id: MessageId, verb: 'retry' | 'cancel'): Promise<void> {
  const answer = await call(world, (gateway) => gateway[verb](world.customerId, id))
  world.history.say('caller', `${verb} ${short(id)}: ${'error' in answer ? answer.error : answer.value.status}`)
}
