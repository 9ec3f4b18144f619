/** Changes of a group and calls, in this surface's words. */
import { describe, expect, test } from 'vitest'
import type { Conversation, Participant } from '../../model/conversation.ts'
import type { EventData, EventType, GatewayEvent } from '../../model/event.ts'
import { wordEvent } from './dialect.ts'
import { presentChat } from './present.ts'

const linkTo = ({ hash }: { hash: string }, untilMs: number) => `https://gateway.test/${hash}?until=${untilMs}`

const conversation = {
  id: 'c1',
  customerId: 'cu',
  lineId: 'l',
  channel: 'whatsapp',
  providerChatId: 'chat@g.us',
  isGroup: true,
  name: 'Kitchen',
  participants: [{ handle: '+15550100177', contactId: 'k1', role: 'owner', admin: 'superadmin', phoneKnown: true }],
} as unknown as Conversation
const chat = presentChat(conversation)

function word<Type extends EventType>(type: Type, data: EventData[Type]) {
  const about = { correlationId: null, cursor: '1.1', customerId: 'cu', at: new Date('2026-01-02T03:04:05.006Z') }
  return wordEvent({ id: 'e1', type, data, ...about } as unknown as GatewayEvent, linkTo)
}

describe('a change of a group', () => {
  const about = {
    conversation,
    channel: 'whatsapp',
    actor: '+15550100177',
    to: '+15550100100',
    externalId: 'n1',
  } as unknown as Omit<EventData['chat.title.changed'], 'name'>
  const wire = {
    externalMessageId: 'n1',
    chatId: 'c1',
    chat,
    actor: '15550100177@s.whatsapp.net',
    to: '+15550100100',
    channel: 'whatsapp',
    customerId: 'cu',
  }
  const member = { handle: '88@lid', contactId: null, role: 'member', admin: null, phoneKnown: false } as Participant
  const wireMember = { handle: '88@lid', contactId: null, role: 'member', isPhoneResolved: false, admin: null }

  test.each(['chat.participant.added', 'chat.participant.left'] as const)('%s names the one', (type) => {
    const worded = word(type, { ...about, participant: member })
    expect(worded?.type).toBe(type)
    expect(worded?.data).toEqual({ ...wire, participant: wireMember })
  })

  test('never tells our own number as a member’s', () => {
    const us: Participant = { ...member, handle: '+15550100100' as Participant['handle'], role: 'self' }
    expect(word('chat.participant.left', { ...about, participant: us })?.data).toMatchObject({
      participant: { handle: 'self', contactId: null, role: 'self', isPhoneResolved: true },
    })
  })

  test('a new name is told under both of its names', () => {
    expect(word('chat.title.changed', { ...about, name: 'Garden' })?.data).toEqual({
      ...wire,
      name: 'Garden',
      title: 'Garden',
    })
  })

  test.each<[string, EventData['chat.photo.changed']['photo'], object]>([
    ['set', { url: 'https://files.test/p' }, { photoUrl: 'https://files.test/p' }],
    ['removed', { url: null }, { photoUrl: null }],
    ['set, but not captured', null, {}],
  ])('a photo that was %s', (_what, photo, expected) => {
    expect(word('chat.photo.changed', { ...about, photo })?.data).toEqual({ ...wire, ...expected })
  })

  test('a photo that is kept has a link that works for an hour after the event', () => {
    const shown = { ...conversation, photo: { mark: 'm', hash: 'abc', mimeType: 'image/png' } }
    const untilMs = Date.parse('2026-01-02T04:04:05.006Z')
    expect(word('chat.photo.changed', { ...about, conversation: shown, photo: null })?.data).toEqual({
      ...wire,
      photoUrl: `https://gateway.test/abc?until=${untilMs}`,
    })
  })

  test('what nobody knows is absent', () => {
    const unknown = { ...about, actor: null, to: null, externalId: null, name: 'Garden' }
    expect(word('chat.title.changed', unknown)?.data).toEqual({
      ...{ chatId: 'c1', chat, name: 'Garden', title: 'Garden', channel: 'whatsapp', customerId: 'cu' },
    })
  })
})

describe('a call', () => {
  const call = {
    channel: 'imessage',
    callId: 'k1',
    person: '+15550100177',
    to: '+15550100100',
    isAudio: false,
    isVideo: true,
  } as unknown as EventData['facetime.incoming']
  const envelope = { timestamp: '2026-01-02T03:04:05.006Z', id: 'evt_e1', eventId: 'evt_e1' }
  const sides = { to: '+15550100100', isAudio: false, isVideo: true }

  test('that comes in is told in `data` and beside it, where the time stays the envelope’s', () => {
    const flat = { eventId: 'evt_e1', callUuid: 'k1', caller: '+15550100177', ...sides }
    const worded = word('facetime.incoming', { ...call, at: '2026-01-02T03:04:04.000Z' })
    expect(worded).toEqual({
      ...envelope,
      type: 'facetime.incoming',
      ...flat,
      data: { ...flat, timestamp: 1_767_323_044_000, customerId: 'cu' },
    })
    expect(Object.keys(worded ?? {}).slice(0, 5)).toEqual(['id', 'type', 'timestamp', 'data', 'eventId'])
  })

  test('that goes on has a status', () => {
    const flat = { eventId: 'evt_e1', callUuid: 'k1', address: '+15550100177', ...sides }
    const change = { status: 'missed', isOutgoing: false } as const
    expect(word('facetime.status_changed', { ...call, ...change })).toEqual({
      ...envelope,
      type: 'facetime.status_changed',
      ...flat,
      ...change,
      data: { ...flat, ...change, customerId: 'cu' },
    })
  })
})
