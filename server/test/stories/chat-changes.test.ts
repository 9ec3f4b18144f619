/** A group is renamed, grows, shrinks and gets a picture, and each of it is told once, with the group as it is after it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Peer } from '../../src/channels/inmemory/peers.ts'
import type { GatewayEvent } from '../../src/model/event.ts'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { wordEvent } from '../../src/surfaces/textbubbles/dialect.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const bob = '+14155550178' as Handle
const cleo = '+14155550179' as Handle
const jid = (phone: string) => `${phone.slice(1)}@s.whatsapp.net`

let gateway: TestGateway
let person: Peer
let chat: ProviderChatId
let story: Story
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

/** A group of Ada, Bob and us that we have heard from. */
beforeEach(async () => {
  const us = gateway.customer.line.address
  person = gateway.network.as(ada)
  chat = person.createsGroup('whatsapp', 'Kitchen', [us, bob])
  person.in(chat).says('Welcome')
  await gateway.advance(1_000)
  story = await tell(gateway)
})

/** The newest events, as they go out. */
async function lastWorded(count: number): Promise<Record<string, unknown>[]> {
  const rows = await gateway.database.db.query<GatewayEvent>(
    {
      name: '',
      text: `select id, type, at, data, customer_id as "customerId" from events where customer_id = $1
      order by xid desc, seq desc limit $2`,
    },
    [gateway.customer.id, count],
  )
  return rows.reverse().map((event) => wordEvent(event, gateway.gateway.media.linkTo)?.data ?? {})
}

function handles(worded: Record<string, unknown> = {}): string[] {
  const { participants } = worded.chat as { participants: { handle: string }[] }
  return participants.map(({ handle }) => handle).sort()
}

test('what others change is told with the group as it is then', async () => {
  person.in(chat).renames('Garden')
  person.in(chat).adds(cleo)
  person.in(chat).removes(bob)
  person.in(chat).changesPhoto({ mark: 'p1', url: 'https://files.test/p1' })
  person.in(chat).changesPhoto({ mark: null, url: null })
  person.in(chat).changesPhoto('removed')
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'chat.title.changed - whatsapp',
    'chat.participant.added - whatsapp',
    'chat.participant.left - whatsapp',
    'chat.photo.changed - whatsapp',
    'chat.photo.changed - whatsapp',
    'chat.photo.changed - whatsapp',
  ])
  const [renamed, added, left, ...photos] = await lastWorded(6)
  const about = {
    actor: jid(ada),
    to: gateway.customer.line.address,
    channel: 'whatsapp',
    customerId: gateway.customer.id,
  }
  expect(renamed).toMatchObject({ ...about, name: 'Garden', title: 'Garden', chat: { name: 'Garden', isGroup: true } })
  expect(renamed).toMatchObject({ externalMessageId: expect.any(String), chatId: expect.any(String) })
  expect(added).toMatchObject({ ...about, participant: { handle: jid(cleo), role: 'member' } })
  expect([handles(renamed), handles(added), handles(left)]).toEqual([
    [jid(ada), jid(bob), 'self'].sort(),
    [jid(ada), jid(bob), jid(cleo), 'self'].sort(),
    [jid(ada), jid(cleo), 'self'].sort(),
  ])
  expect(left).toMatchObject({ participant: { handle: jid(bob) } })
  expect(photos.map((photo) => ('photoUrl' in photo ? photo.photoUrl : 'absent'))).toEqual([
    'https://files.test/p1',
    'absent',
    null,
  ])
})

test('the network tells twice, we tell once', async () => {
  const twice = () => gateway.network.failNext({ kind: 'duplicate', channel: 'whatsapp' })
  twice()
  person.in(chat).renames('Garden')
  await gateway.settled()
  twice()
  person.in(chat).changesPhoto({ mark: null, url: null })
  await gateway.settled()
  twice()
  person.in(chat).leaves()
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'chat.title.changed - whatsapp',
    'chat.photo.changed - whatsapp',
    'chat.participant.left - whatsapp',
  ])
  expect(gateway.network.faults.waiting()).toEqual([])
})

test('what changes nothing is not told', async () => {
  person.in(chat).renames('Kitchen')
  person.in(chat).renames(' Kitchen ')
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([])
})

test('when we are taken out and back in, it is about ourselves, and no number is told', async () => {
  const us = gateway.customer.line.address
  person.in(chat).removes(us)
  person.in(chat).adds(us)
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual(['chat.participant.left - whatsapp', 'chat.participant.added - whatsapp'])
  const worded = await lastWorded(2)
  for (const one of worded) expect(one).toMatchObject({ participant: { handle: 'self', role: 'self' } })
  // The roster is the state after the change.
  expect(worded.map(handles)).toEqual([[jid(ada), jid(bob)], [jid(ada), jid(bob), 'self'].sort()])
})

test('a group that never wrote to us has no conversation to tell of', async () => {
  const quiet = person.createsGroup('whatsapp', 'Quiet', [gateway.customer.line.address])
  person.in(quiet).renames('Quieter')
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([])
})

test('on iMessage it is the same', async () => {
  const other = person.createsGroup('imessage', 'Kitchen', [gateway.customer.line.address, bob])
  person.in(other).says('Welcome')
  person.in(other).renames('Garden')
  person.in(other).adds(cleo)
  await gateway.advance(1_000)
  expect(await story.heard()).toEqual([
    'message.inbound received imessage',
    'chat.title.changed - imessage',
    'chat.participant.added - imessage',
  ])
})

test('what was told is forgotten when it cannot come again', async () => {
  person.in(chat).renames('Garden')
  await gateway.settled()
  const remembered = async () => {
    const text = 'select from recent_events where customer_id = $1'
    return (await gateway.database.db.query({ name: '', text }, [gateway.customer.id])).length
  }
  expect(await remembered()).toBeGreaterThan(0)
  await gateway.pass(86_400_000)
  await gateway.pass(120_000)
  await until(async () => (await remembered()) === 0, 'housekeeping to forget it')
})
