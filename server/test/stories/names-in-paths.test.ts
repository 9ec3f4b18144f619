/** A chat and its people are found by what callers call them, however they spell it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const bob = '+14155550178' as Handle

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

async function chatWith(to: string, channel: string): Promise<string> {
  const story = await tell(gateway)
  const id = await story.send({ to, content: { text: 'Hi' }, routing: { preference: [channel] } })
  await gateway.advance(1_000)
  return (await story.get(id)).conversationId
}

test.each([
  [
    'imessage',
    'Eve@Example.com',
    'iMessage;-;eve@example.com',
    ['iMessage;-;Eve@Example.com', 'iMessage;-;EVE@example.COM'],
  ],
  [
    'imessage',
    ada,
    `iMessage;-;${ada}`,
    ['iMessage;-;14155550177', 'iMessage;-; 14155550177', 'iMessage;-;+1 (415) 555-0177'],
  ],
  ['sms', ada, `SMS;-;${ada}`, ['SMS;-;14155550177', 'SMS;-;+1-415-555-0177']],
  ['whatsapp', ada, '14155550177@s.whatsapp.net', ['14155550177:3@s.whatsapp.net', '14155550177@c.us']],
])(
  'on %s the chat with %s is called %s, and is found by other spellings of it',
  async (channel, to, guid, spellings) => {
    const id = await chatWith(to, channel)
    for (const name of [guid, ...spellings]) {
      const found = await ask(`GET /v1/chats/${encodeURIComponent(name)}`)
      expect([name, found.status, found.body.data?.conversationId, found.body.data?.chatId]).toEqual([
        name,
        200,
        id,
        guid,
      ])
    }
    const history = await ask(`GET /v1/chats/${encodeURIComponent(spellings[0] ?? '')}/messages`)
    expect(history.body.data.messages).toHaveLength(1)
    expect(
      (await ask(`GET /v1/chats/${encodeURIComponent(spellings[0] ?? '')}?from=%2B15550100200`)).body.error.code,
    ).toBe('FROM_INSTANCE_CANNOT_REACH')
  },
)

test('another spelling finds nobody else', async () => {
  const id = await chatWith(bob, 'imessage')
  expect((await ask('GET /v1/chats/iMessage;-;14155550178')).body.data.conversationId).toBe(id)
  for (const name of ['SMS;-;14155550178', '14155550178@s.whatsapp.net', '14155550178', 'iMessage;-;', 'SMS;-;nobody'])
    expect((await ask(`GET /v1/chats/${encodeURIComponent(name)}`)).body.error?.code).toBe('CONVERSATION_NOT_FOUND')
})

test.each(['14155550178', '%2B14155550178', '%2014155550178', '+1-415-555-0178', '14155550178@s.whatsapp.net'])(
  'somebody is taken out of a group as %s',
  async (name) => {
    const made = await ask('POST /v1/chats/groups', { channel: 'whatsapp', name: 'Us', participants: [ada, bob] })
    const gone = await ask(`DELETE /v1/chats/${made.body.data.conversationId}/participants/${name}`)
    expect([gone.status, gone.body.data?.removedParticipant.handle]).toEqual([200, '14155550178@s.whatsapp.net'])
    expect(
      gateway.network
        .group(made.body.data.chatId)
        ?.members.map(({ handle }) => handle)
        .sort(),
    ).toEqual([ada, gateway.customer.line.address])
    await gateway.settled()
  },
)
