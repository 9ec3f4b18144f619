/** What is done to messages and chats over iMessage is seen by the others, and what did not happen is not said to have. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Actions, Target } from '../../src/channels/connector.ts'
import type { Backend } from '../../src/channels/imessage/backend.ts'
import { createChatBook } from '../../src/channels/imessage/chats.ts'
import { ServerTrouble } from '../../src/channels/imessage/troubles.ts'
import { groupVerbs } from '../../src/channels/imessage/verbs/groups.ts'
import { messageVerbs } from '../../src/channels/imessage/verbs/messages.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle, ProviderChatId, ProviderMessageId } from '../../src/model/ids.ts'
import { type Mac, openMac, picture, textTo } from '../support/imessage-sending.ts'

let mac: Mac
let verbs: Omit<Actions, 'requestPairingCode' | 'forgetPairing'>
let person: Handle
let chat: ProviderChatId
beforeEach(async () => {
  mac = await openMac()
  verbs = verbsWith(null)
  person = mac.somebody()
  chat = `iMessage;-;${person}` as ProviderChatId
})
afterEach(() => mac.stop())

function verbsWith(groupOpener: string | null) {
  const { clock, backend, book, sending } = mac
  const silent = () => undefined
  const tools = { clock, backend, book, isUp: () => mac.isUp, bubblesOf: sending.bubblesOf }
  const host = { log: { info: silent, warn: silent, error: silent } }
  return { ...messageVerbs(tools), ...groupVerbs({ ...tools, host, settings: { groupOpener } }) }
}

async function failing(work: Promise<unknown>): Promise<SendFailure> {
  const failure = await mac.hurry(work.catch((error: unknown) => error))
  if (failure instanceof SendFailure) return failure
  throw new Error(`It should have failed, and did not: ${String(failure)}`)
}

async function sent(text: string): Promise<Target> {
  const { providerId } = await mac.hurry(mac.send(textTo(person, text)))
  return { chat, providerId, fromMe: true }
}

describe('a tapback', () => {
  test('of the six is put on a message of theirs, and taken back by its own name', async () => {
    const providerId = mac.network.person(person).says('React to this') as ProviderMessageId
    const target = { chat, providerId, fromMe: false }
    await mac.hurry(verbs.react(target, 'laugh'))
    await mac.hurry(verbs.react(target, 'love'))
    await mac.hurry(verbs.react(target, null))
    expect(mac.network.person(person).reactions.map(({ guid, reaction }) => [guid, reaction])).toEqual([
      [providerId, 'laugh'],
      [providerId, 'love'],
      [providerId, '-love'],
    ])
  })

  test('that is none of them is refused, with their names', async () => {
    const target = await sent('Hi')
    const failure = await failing(verbs.react(target, '🎉'))
    expect([failure.kind, failure.code]).toEqual(['refused', 'REACTION_FAILED'])
    expect(failure.message).toContain('love, like, dislike, laugh, emphasize, question')
    expect(mac.network.person(person).reactions).toEqual([])
  })

  test('that is not there needs no taking back, and one on no message fails', async () => {
    const target = await sent('Hi')
    await mac.hurry(verbs.react(target, null))
    expect(mac.network.person(person).reactions).toEqual([])
    const nowhere = { ...target, providerId: 'NOWHERE' as ProviderMessageId }
    expect((await failing(verbs.react(nowhere, 'love'))).code).toBe('REACTION_FAILED')
  })
})

describe('a correction', () => {
  test('is shown, with words for phones that know none', async () => {
    const target = await sent('Helo')
    await mac.hurry(verbs.edit(target, 'Hello', null))
    expect(mac.network.person(person).received).toMatchObject([{ edits: ['Hello'] }])
    const asked = mac.network.requests().findLast(({ path }) => path.includes('/edit'))
    expect(JSON.parse(asked?.body ?? '{}')).toMatchObject({
      editedMessage: 'Hello',
      backwardsCompatibilityMessage: 'Edited to “Hello”',
    })
  })

  test('that Messages passes over has failed, although the server says yes', async () => {
    mac.network.quirks.ignoresEdits = true
    const target = await sent('Helo')
    const failure = await failing(verbs.edit(target, 'Hello', 'Hello'))
    expect(['EDIT_FAILED', 'PROVIDER_TIMEOUT']).toContain(failure.code)
    expect(mac.network.person(person).received[0]?.edits).toEqual([])
  })

  test('by taking back takes every bubble of the message', async () => {
    const message = textTo(person, 'Look', { attachments: [picture('a.png')] })
    const { providerId } = await mac.hurry(mac.send(message))
    await mac.hurry(verbs.unsend({ chat, providerId, fromMe: true }))
    expect(mac.network.person(person).received.map(({ isUnsent }) => isUnsent)).toEqual([true, true])
    mac.network.quirks.ignoresUnsends = true
    expect(['UNSEND_FAILED', 'PROVIDER_TIMEOUT']).toContain((await failing(verbs.unsend(await sent('Stays')))).code)
  })

  test('of which half was taken back already is taken back as a whole by the next try', async () => {
    const message = textTo(person, 'Look', { attachments: [picture('a.png')] })
    const { providerId, parts = [] } = await mac.hurry(mac.send(message))
    const asked: string[] = []
    let isBroken = true
    const backend: Backend = {
      ...mac.backend,
      unsend: (bubble, signal) => {
        asked.push(bubble.guid)
        const isLost = isBroken && bubble.guid === parts[1]
        return isLost ? Promise.reject(new ServerTrouble(502)) : mac.backend.unsend(bubble, signal)
      },
    }
    const { clock, book, sending } = mac
    const { unsend } = messageVerbs({ clock, backend, book, isUp: () => true, bubblesOf: sending.bubblesOf })
    const target = { chat, providerId, fromMe: true }
    expect((await failing(unsend(target))).kind).toBe('retryable')
    isBroken = false
    await mac.hurry(unsend(target))
    // Messages would do nothing to the first, and that counts as a failure.
    expect(asked).toEqual([...parts, parts[1]])
    expect(mac.network.person(person).received.map(({ isUnsent }) => isUnsent)).toEqual([true, true])
  })
})

test('typing and having read are shown in the chat, and in none that is not there', async () => {
  const theirs = mac.network.person(person).says('Are you there?')
  await mac.hurry(verbs.setTyping(chat, true))
  await mac.hurry(verbs.markRead(chat, null))
  await mac.hurry(verbs.markUnread(chat))
  expect(mac.network.person(person).seen).toMatchObject([{ isTyping: true }])
  expect(mac.network.person(person).readBy).toContain(theirs)
  const failure = await failing(verbs.setTyping('iMessage;-;+14155559999' as ProviderChatId, true))
  expect(failure.code).toBe('CONVERSATION_NOT_FOUND')
})

test('who holds back messages, and who can be called', async () => {
  mac.network.person(person).focuses(true)
  expect(await mac.hurry(verbs.focus(person))).toEqual({ focused: true, mode: null })
  expect(await mac.hurry(verbs.focus('+14155559999' as Handle))).toEqual({ focused: false, mode: null })
  expect(await mac.hurry(verbs.facetime(person))).toBe(true)
})

describe('a group', () => {
  test('is begun with its name, is called so, and knows who is in it', async () => {
    const others = [person, mac.somebody(), mac.somebody()]
    const made = await mac.hurry(verbs.createGroup('Plans', others))
    expect(made.name).toBe('Plans')
    expect(made.members.map(({ handle }) => handle).sort()).toEqual([...others].sort())
    expect(made.chat).toMatch(/^iMessage;\+;/)
    expect(mac.arrived(person)).toEqual(['Plans'])
    expect(await mac.hurry(verbs.chatInfo(made.chat))).toEqual(made)
  })

  test.each([
    ['Welcome', 'Plans', 'Welcome'],
    ['Welcome', null, 'Welcome'],
    [null, null, 'Hi'],
  ])('with the opener %s and the name %s begins with %s', async (opener, name, first) => {
    await mac.hurry(verbsWith(opener).createGroup(name, [person, mac.somebody()]))
    expect(mac.arrived(person)).toEqual([first])
  })

  test('of the same people is the one that there is', async () => {
    const others = [person, mac.somebody()]
    const made = await mac.hurry(verbs.createGroup('Plans', others))
    const again = await mac.hurry(verbs.createGroup('Other plans', others))
    expect([again.chat, again.name]).toEqual([made.chat, 'Other plans'])
  })

  test('that was begun is told, also when nobody can be asked how it is: whoever heard of a failure would write to them again', async () => {
    const silent = () => undefined
    let isSilent = false
    const backend: Backend = {
      ...mac.backend,
      async startChat(draft, signal) {
        const begun = await mac.backend.startChat(draft, signal)
        isSilent = true
        return begun
      },
      chat: (chat, signal) => (isSilent ? Promise.reject(new ServerTrouble(502)) : mac.backend.chat(chat, signal)),
    }
    const { clock } = mac
    const host = { log: { info: silent, warn: silent, error: silent } }
    const tools = { clock, backend, book: createChatBook({ backend, clock }), isUp: () => true }
    const others = [person, mac.somebody()]
    const made = await mac.hurry(
      groupVerbs({ ...tools, host, settings: { groupOpener: null } }).createGroup('Plans', others),
    )
    expect([made.name, made.members.map(({ handle }) => handle).sort()]).toEqual(['Plans', [...others].sort()])
    expect(made.chat).toMatch(/^iMessage;\+;/)
  })

  test('needs two others, and all of them on iMessage', async () => {
    const alone = await failing(verbs.createGroup('Plans', [person, person]))
    expect([alone.kind, alone.code]).toEqual(['refused', 'CHAT_CHANGE_FAILED'])
    const stranger = mac.somebody({ isNew: true })
    mac.people.set(stranger, { onImessage: false })
    expect((await failing(verbs.createGroup('Plans', [person, stranger]))).kind).toBe('unreachable')
    expect(mac.arrived(person)).toEqual([])
  })

  test('changes as it is told, and what is so already is not asked for', async () => {
    const [second, third, fourth] = [mac.somebody(), mac.somebody(), mac.somebody()]
    const made = await mac.hurry(verbs.createGroup('Plans', [person, second, third]))
    await mac.hurry(verbs.addMember(made.chat, fourth))
    await mac.hurry(verbs.removeMember(made.chat, person))
    await mac.hurry(verbs.renameGroup(made.chat, 'Better plans'))
    const info = await mac.hurry(verbs.chatInfo(made.chat))
    expect(info.name).toBe('Better plans')
    expect(info.members.map(({ handle }) => handle).sort()).toEqual([second, third, fourth].sort())
    const changes = () => mac.network.requests().filter(({ path }) => path.includes('/participant')).length
    const before = changes()
    await mac.hurry(verbs.addMember(made.chat, fourth))
    await mac.hurry(verbs.removeMember(made.chat, person))
    expect(changes()).toBe(before)
  })

  test('that does not change is said not to have, before the server gives up', async () => {
    const made = await mac.hurry(verbs.createGroup('Plans', [person, mac.somebody()]))
    mac.network.quirks.ignoresGroupChanges = true
    const beganMs = mac.clock.monotonic()
    expect((await failing(verbs.addMember(made.chat, mac.somebody()))).code).toBe('PROVIDER_TIMEOUT')
    expect(mac.clock.monotonic() - beganMs).toBeLessThan(20_000)
    expect((await failing(verbs.renameGroup(made.chat, 'Better plans'))).code).toBe('PROVIDER_TIMEOUT')
    mac.network.quirks.ignoresGroupChanges = false
    await mac.hurry(verbs.leaveGroup(made.chat))
  })

  test('shows a picture, and none after that', async () => {
    const made = await mac.hurry(verbs.createGroup('Plans', [person, mac.somebody()]))
    expect(await mac.hurry(verbs.setGroupIcon(made.chat, { base64: 'iVBORw0KGgo=', mimeType: 'image/png' }))).toEqual({
      mark: null,
    })
    await mac.hurry(verbs.removeGroupIcon(made.chat))
    const asked = mac.network.requests().filter(({ path }) => path.includes('/icon'))
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
  })

  test('of two is none: nobody is added to it', async () => {
    const failure = await failing(verbs.addMember(chat, mac.somebody()))
    expect([failure.kind, failure.code]).toEqual(['refused', 'CHAT_CHANGE_FAILED'])
    expect((await failing(verbs.chatInfo(chat))).kind).toBe('refused')
  })
})

test('a link that is down does nothing', async () => {
  mac.isUp = false
  expect(await failing(verbs.setTyping(chat, true))).toMatchObject({ kind: 'retryable', scope: 'link' })
})
