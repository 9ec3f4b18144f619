/** The model that the simulation runs on does what PostgreSQL does: the same operations, the same answers, the same rows. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Channel } from '../../src/model/channel.ts'
import { memberOf } from '../../src/model/chat-change.ts'
import type { Conversation } from '../../src/model/conversation.ts'
import type { FailureKind } from '../../src/model/delivery.ts'
import type { CustomerId, EventId, Handle, LineId, MessageId, ProviderMessageId } from '../../src/model/ids.ts'
import type { NewConversation } from '../../src/store/conversations.ts'
import type { NewInbound } from '../../src/store/inbound.ts'
import type { NewMessage } from '../../src/store/messages.ts'
import type { NewChoice } from '../../src/store/people/opt-outs.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { dateOf } from './ledger-rows.ts'
import { createModelLedger } from './model-side.ts'
import { createPostgresLedger } from './postgres-side.ts'
import { createSide, fenceNames, type Operation, perform } from './sides.ts'

const customerId = '00000000-0000-7000-8000-00000000c001' as CustomerId
const lineIds = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'] as LineId[]
const lines = lineIds.map((id, index) => ({ id, customerId, address: `+1212555000${index}` as Handle }))
const lineId = lineIds[0]!
const routes: readonly (readonly Channel[])[] = [['imessage', 'sms'], ['whatsapp'], ['whatsapp', 'imessage', 'sms']]

const conversation: Conversation = {
  id: '00000000-0000-7000-8000-0000000000c0' as Conversation['id'],
  customerId,
  lineId,
  channel: 'whatsapp',
  providerChatId: null,
  isGroup: false,
  name: null,
  participants: [],
}

const group: NewConversation = {
  id: '00000000-0000-7000-8000-0000000000c1' as Conversation['id'],
  customerId,
  lineId,
  channel: 'whatsapp',
  chat: '12025550100@g.us' as NewConversation['chat'],
  handle: null,
  isGroup: true,
  name: null,
  participants: [],
  unheard: true,
}

const messageId = (number: number) => `00000000-0000-7000-8000-0000000a${String(number).padStart(4, '0')}` as MessageId
const eventId = (number: number) => `00000000-0000-7000-8000-0000000e${String(number).padStart(4, '0')}` as EventId

interface Wish {
  lane: number
  key: number | null
  route: number
  aheadMs: number | null
}

function newMessage(number: number, wish: Wish, nowMs: number): NewMessage {
  const id = messageId(number)
  const scheduledAt = wish.aheadMs === null ? null : dateOf(nowMs + wish.aheadMs).toISOString()
  return {
    customerId,
    id,
    lineId,
    conversationId: null,
    from: lines[0]!.address,
    to: `+1415555017${wish.lane}`,
    lane: `h:+1415555017${wish.lane}`,
    content: {
      text: `text ${number}`,
      mediaUrls: [],
      attachments: [],
      replyTo: null,
      mentions: [],
      effect: null,
      location: null,
    },
    metadata: null,
    route: routes[wish.route]!,
    idempotencyKey: wish.key === null ? null : `key-${wish.key}`,
    fingerprint: `print ${number}`,
    callbackUrl: null,
    correlationId: 'c',
    scheduledAt,
    event: { id: eventId(number), type: 'message.queued', correlationId: 'c', data: { message: { id } as never } },
  }
}

const small = (max: number) => fc.integer({ min: 0, max })
const node = fc.integer({ min: 1, max: 2 })
const channel = fc.constantFrom<Channel>('imessage', 'whatsapp', 'sms')
const key = fc.record({ channel, number: small(3) }).map(({ channel, number }) => ({
  customerId,
  lineId,
  channel,
  providerId: `p${number}` as ProviderMessageId,
}))
const failure = fc.record({
  kind: fc.constantFrom<FailureKind>('retryable', 'retryable', 'uncertain', 'uncertain', 'unreachable', 'refused'),
  scope: fc.constantFrom('link' as const, 'message' as const),
  retryAfterMs: fc.constantFrom(null, 30_000),
  throttled: fc.boolean(),
  code: fc.constant('SMS_SEND_FAILED' as const),
  message: fc.constant('It failed.'),
})
const wish = fc.record({
  lane: small(1),
  key: fc.option(small(2)),
  route: small(routes.length - 1),
  aheadMs: fc.constantFrom(null, null, null, 4_000, 90_000),
})
const end = fc.record({
  how: fc.constantFrom('fail' as const, 'fail' as const, 'fail' as const, 'succeed' as const, 'nothing' as const),
  isBegun: fc.boolean(),
  dedupes: fc.boolean(),
  asks: fc.boolean(),
  isAnswer: fc.constantFrom(false, false, true),
  failure,
  isEcho: fc.boolean(),
  key,
})
const people = ['+14155550170', '77@lid'].map((handle) => memberOf(handle as Handle))
const ourselves = { ...memberOf('self' as Handle, true), role: 'self' as const }
const person = fc.constantFrom(...people, { ...people[0]!, admin: 'admin' as const }, ourselves)
const change = fc.oneof(
  fc.record({ what: fc.constant('title' as const), title: fc.constantFrom('Kitchen', ' Kitchen', 'Garden') }),
  fc.record({
    what: fc.constant('photo' as const),
    photo: fc.constantFrom(
      'removed' as const,
      { mark: 'm', url: null },
      ...['m', 'n', null].map((mark) => ({ mark, url: null, file: { hash: `hash ${mark}`, mimeType: 'image/png' } })),
    ),
  }),
  fc.record({ what: fc.constantFrom('joined' as const, 'left' as const, 'rank' as const), member: person }),
)
const roster = fc.record({
  name: fc.constantFrom(null, 'Kitchen', 'Garden'),
  participants: fc.option(fc.uniqueArray(person, { selector: ({ handle }) => handle })),
})
const place = { claim: small(3), head: small(1) }
const of = <const Name extends string>(...names: Name[]) => ({ do: fc.constantFrom(...names) })

/** What to do, still without what only the run itself knows: the time, and how many messages there are. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ ...of('accept'), wishes: fc.array(wish, { minLength: 1, maxLength: 3 }) }) },
  // A lane is worked on as far as it goes, and given back, or not.
  {
    weight: 9,
    arbitrary: fc.record({
      ...of('work'),
      node,
      headsMax: fc.integer({ min: 1, max: 3 }),
      ends: fc.array(end, { maxLength: 3 }),
      leaving: fc.constantFrom('finish', 'hold', 'leave', 'late', 'nothing'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ ...of('advance'), ms: fc.constantFrom(1_000, 2_500, 5_000, 31_000, 121_000, 901_000) }),
  },
  // What those do who have lost their claim and do not know it yet.
  { weight: 2, arbitrary: fc.record({ ...of('begin'), ...place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ ...of('fail'), ...place, isBegun: fc.boolean(), dedupes: fc.boolean(), failure },
      ...{ asks: fc.boolean(), isAnswer: fc.boolean() },
    }),
  },
  { weight: 1, arbitrary: fc.record({ ...of('finish'), claim: small(3), holdMs: fc.constantFrom(null, 5_000) }) },
  { weight: 3, arbitrary: fc.record({ ...of('renew lanes'), node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...of('receipt'),
      key,
      status: fc.constantFrom('delivered' as const, 'read' as const, 'failed' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...of('retry', 'cancel'), message: small(8) }) },
  { weight: 1, arbitrary: fc.record({ ...of('inbound'), key, isWithheld: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...of('change chat'),
      change,
      origin: fc.constantFrom('caller', 'network'),
      notice: small(4),
    }),
  },
  { weight: 3, arbitrary: fc.record({ ...of('ask chat', 'refuse chat'), change }) },
  { weight: 2, arbitrary: fc.record({ ...of('message in chat'), roster }) },
  { weight: 1, arbitrary: fc.record({ ...of('tell once'), key: small(1), forMs: fc.constantFrom(3_000, 60_000) }) },
  { weight: 1, arbitrary: fc.record(of('forget')) },
  { weight: 1, arbitrary: fc.record({ ...of('find'), key }) },
  { weight: 2, arbitrary: fc.record({ ...of('choose'), isOut: fc.boolean(), key: fc.option(key) }) },
  { weight: 1, arbitrary: fc.record(of('register')) },
  { weight: 2, arbitrary: fc.record({ ...of('beat', 'die', 'take lines', 'renew lines', 'leave', 'bury'), node }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...of('release line'),
      node,
      line: fc.record({ id: fc.constantFrom(...lineIds), epoch: small(3) }),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Longer than the lease of a lane. */
const lateMs = 31_000

/** Fills in what the run knows. */
function createPlan() {
  let nowMs = 0
  let messages = 0
  const numbered = () => {
    messages += 1
    return messages
  }
  const accept = (wishes: readonly Wish[]): Operation => {
    return { do: 'accept', batch: wishes.map((one) => newMessage(numbered(), one, nowMs)) }
  }
  return (next: Step): readonly Operation[] => {
    if (next.do === 'advance') nowMs += next.ms
    switch (next.do) {
      case 'accept':
        return [accept(next.wishes)]
      case 'work':
        if (next.leaving === 'late') nowMs += lateMs
        return workOf(next)
      case 'receipt':
        return [
          {
            do: 'receipt',
            key: next.key,
            receipt: { status: next.status, at: dateOf(nowMs).toISOString(), detail: null },
          },
        ]
      case 'retry':
      case 'cancel':
        return [{ do: next.do, customerId, id: messageId(next.message + 1) }]
      case 'inbound':
        return [
          { do: 'inbound', message: inboundOf(numbered(), next.key, next.isWithheld) },
          { do: 'find', key: next.key },
        ]
      case 'change chat':
        return [{ ...next, chat: group, origin: next.origin, notice: `notice ${next.notice}` }]
      case 'ask chat':
      case 'refuse chat':
      case 'message in chat':
        return [{ ...next, chat: group }]
      case 'tell once':
        return [{ ...next, customerId, key: `key ${next.key}` }]
      case 'find':
        return [{ do: 'find', key: next.key }]
      case 'choose': {
        const number = numbered()
        const message = next.key === null ? null : inboundOf(number, next.key, false)
        return [{ do: 'choose', customerId, event: choiceOf(number, next.isOut, message), message }]
      }
      case 'bury':
        return [{ do: 'bury', node: next.node, leaseMs: 15_000 }]
      case 'register':
      case 'advance':
      case 'begin':
      case 'fail':
      case 'finish':
      case 'renew lanes':
      case 'release line':
      case 'forget':
        return [next]
      default:
        return [{ do: next.do, node: next.node }]
    }
  }
}

function workOf(next: Step & { do: 'work' }): Operation[] {
  const { node: holder, headsMax } = next
  const operations: Operation[] = [{ do: 'claim', node: holder, headsMax, customerId, lineId }]
  for (const [head, one] of next.ends.entries()) {
    if (one.isBegun) operations.push({ do: 'begin', claim: 0, head })
    if (one.how === 'fail') operations.push({ ...one, do: 'fail', claim: 0, head })
    if (one.how === 'succeed') operations.push({ ...one, do: 'succeed', claim: 0, head, conversation })
  }
  if (next.leaving === 'leave') operations.push({ do: 'leave', node: holder })
  if (next.leaving === 'finish') operations.push({ do: 'finish', claim: 0, holdMs: null })
  if (next.leaving === 'late') operations.push({ do: 'advance', ms: lateMs }, { do: 'renew lanes', node: holder })
  if (next.leaving === 'hold') operations.push({ do: 'finish', claim: 0, holdMs: 5_000 })
  return operations
}

function inboundOf(
  number: number,
  { channel, providerId }: { channel: Channel; providerId: ProviderMessageId },
  isWithheld: boolean,
): NewInbound {
  const { content, event } = newMessage(number, { lane: 0, key: null, route: 0, aheadMs: null }, 0)
  return {
    customerId,
    id: messageId(number),
    lineId,
    conversationId: conversation.id,
    channel,
    providerId,
    from: '+14155550170',
    to: null,
    content,
    metadata: isWithheld ? { otp: { code: '4821' } } : null,
    event: isWithheld ? null : event,
  }
}

function choiceOf(number: number, isOut: boolean, message: NewInbound | null): NewChoice {
  const source = message === null ? ('api' as const) : ('keyword' as const)
  const data = { person: '+14155550170' as Handle, contactId: null, channel: message?.channel ?? null, source }
  const id = eventId(number + 5_000)
  return { id, type: isOut ? 'contact.opted_out' : 'contact.opted_in', correlationId: null, data }
}

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

async function compare(steps: readonly Step[]): Promise<void> {
  const model = createSide(createModelLedger(lines))
  const real = createSide(await createPostgresLedger(database.db, lines))
  const plan = createPlan()
  try {
    for (const operation of [{ do: 'register' } as const, ...steps].flatMap(plan)) {
      const expected = await perform(model, operation)
      const label = JSON.stringify(operation)
      expect(await perform(real, operation), label).toEqual(expected)
      expect(await real.ledger.dump(fenceNames(real)), label).toEqual(await model.ledger.dump(fenceNames(model)))
    }
  } finally {
    await real.ledger.end()
  }
}

test('whatever is done to it, the model answers and stores what PostgreSQL does', { timeout: 120_000 }, async () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 40, size: 'max' })
  await fc.assert(fc.asyncProperty(steps, compare), { numRuns: 40, seed: 20_260_101, interruptAfterTimeLimit: 60_000 })
})
