/** What goes out over iMessage arrives as it was meant, once, and what cannot arrive is said so that another channel may. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ServerChat } from '../../src/channels/imessage/backend.ts'
import type { ProviderChatId } from '../../src/model/ids.ts'
import { type Mac, openMac, picture, textTo } from '../support/imessage-sending.ts'

let mac: Mac
beforeEach(async () => {
  mac = await openMac()
})
afterEach(() => mac.stop())

const shapes = () =>
  mac.network
    .messages()
    .filter(({ isFromMe }) => isFromMe)
    .map(({ text, attachments }) => [text, attachments.length])

describe('a message', () => {
  test('to somebody with a chat is one bubble, and is followed until it arrives', async () => {
    const person = mac.somebody()
    const accepted = await mac.hurry(mac.send(textTo(person, 'Hi there')))
    expect(mac.network.person(person).received.map(({ guid, text }) => ({ guid, text }))).toEqual([
      { guid: accepted.providerId, text: 'Hi there' },
    ])
    expect(accepted).toEqual({ providerId: accepted.providerId, chat: `iMessage;-;${person}` })
    expect(mac.followed).toEqual([accepted.providerId])
  })

  test('with an effect and an answer has both on its first bubble only', async () => {
    const person = mac.somebody()
    const [theirs] = mac.network.messages()
    const chat = { chat: `iMessage;-;${person}`, providerId: theirs?.guid, fromMe: false, text: null }
    const message = textTo(person, 'Loud', { effect: 'loud', replyTo: chat as never, attachments: [picture('a.png')] })
    const { parts } = await mac.hurry(mac.send(message))
    expect(parts).toHaveLength(2)
    const [text, file] = mac.network.person(person).received
    expect([text?.effect, text?.replyTo?.guid]).toEqual(['com.apple.MobileSMS.expressivesend.loud', theirs?.guid])
    expect([file?.effect, file?.replyTo, file?.files.map(({ name }) => name)]).toEqual([null, null, ['a.png']])
  })

  test('with two files is a text and one gallery', async () => {
    const person = mac.somebody()
    await mac.hurry(mac.send(textTo(person, 'Look', { attachments: [picture('a.png'), picture('b.png')] })))
    expect(mac.network.person(person).received.map(({ text, files }) => [text, files.map(({ name }) => name)])).toEqual(
      [
        ['Look', []],
        ['', ['a.png', 'b.png']],
      ],
    )
  })

  test('with pictures by links is one bubble with its text', async () => {
    const person = mac.somebody()
    const attachments = [picture(null, { id: 'media-0' }), picture(null, { id: 'media-1' })]
    const accepted = await mac.hurry(mac.send(textTo(person, 'Look', { attachments, effect: 'balloons' })))
    expect(accepted.parts).toBeUndefined()
    expect(mac.network.person(person).received).toMatchObject([{ text: 'Look', files: [{}, {}] }])
    expect(mac.network.person(person).received[0]?.effect).toContain('CKHappyBirthdayEffect')
  })

  test('with a voice note is a voice bubble, and a place is a link', async () => {
    const person = mac.somebody()
    const voice = picture('memo.m4a', { kind: 'audio', mimeType: 'audio/x-caf', voiceNote: true })
    const location = { title: 'Home', latitude: 48.1, longitude: 11.5 }
    await mac.hurry(mac.send(textTo(person, null, { attachments: [voice], location })))
    const [memo, place] = mac.network.person(person).received
    expect([memo?.isAudioMessage, memo?.files[0]?.name]).toEqual([true, 'memo.caf'])
    expect(place?.text).toBe('https://maps.apple.com/?ll=48.1%2C11.5&q=Home')
  })

  test('in a group mentions people where they are named', async () => {
    const people = [mac.somebody(), mac.somebody()]
    const group = mac.network.person(people[0] ?? '').startsGroup(people)
    const mentions = [{ handle: people[1] as never, start: 3, length: 3 }]
    const accepted = await mac.hurry(mac.send(textTo({ chat: group as never }, 'Hi Bob!', { mentions })))
    expect(accepted.chat).toBe(group)
    expect(mac.network.person(people[0] ?? '').received).toMatchObject([
      { text: 'Hi Bob!', mentions: [{ address: people[1], start: 3, length: 3 }] },
    ])
  })

  test('gives files names that lead nowhere', async () => {
    const person = mac.somebody()
    const names = [
      '../../etc/passwd',
      'a"; rm -rf $HOME `x`.png',
      '.hidden',
      'x.png',
      'X.png',
      null,
      `${'long '.repeat(60)}.jpeg`,
    ]
    await mac.hurry(mac.send(textTo(person, null, { attachments: names.map((name) => picture(name)) })))
    expect(mac.network.breaches).toEqual([])
    expect(mac.network.fileNames.every((name) => /^[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}$/.test(name))).toBe(true)
    expect(new Set(mac.network.fileNames).size).toBe(names.length)
  })
})

describe('somebody to whom nobody has written', () => {
  test('gets a chat with the first text', async () => {
    const person = mac.somebody({ isNew: true })
    const accepted = await mac.hurry(mac.send(textTo(person, 'Hello you', { attachments: [picture('a.png')] })))
    expect(mac.arrived(person)).toEqual(['Hello you', 'a.png'])
    expect(accepted.chat).toBe(`iMessage;-;${person}`)
    expect(accepted.parts).toHaveLength(2)
    const again = await mac.hurry(mac.send(textTo({ chat: accepted.chat }, 'And again')))
    expect(again.chat).toBe(accepted.chat)
    expect(mac.arrived(person)).toEqual(['Hello you', 'a.png', 'And again'])
  })

  test('gets a file by script when there is no text', async () => {
    const person = mac.somebody({ isNew: true })
    const accepted = await mac.hurry(
      mac.send(textTo(person, null, { attachments: [picture('a.png'), picture('b.png'), picture('c.png')] })),
    )
    expect(accepted.parts).toHaveLength(2)
    expect(mac.network.person(person).received.map(({ files }) => files.map(({ name }) => name))).toEqual([
      ['a.png'],
      ['b.png', 'c.png'],
    ])
  })

  test('is asked for a text on a Mac whose scripts do not work', async () => {
    mac.network.mac.macos = '26.0'
    await mac.look()
    const person = mac.somebody({ isNew: true })
    const failure = await mac.fail(textTo(person, null, { attachments: [picture('a.png')] }))
    expect([failure.kind, failure.code]).toEqual(['refused', 'CONTENT_NOT_SUPPORTED'])
    await mac.hurry(mac.send(textTo(person, 'Now then')))
    expect(mac.arrived(person)).toEqual(['Now then'])
  })

  test('and who has no iMessage is unreachable, without a message', async () => {
    const person = mac.somebody({ isNew: true })
    mac.people.set(person, { onImessage: false })
    expect((await mac.fail(textTo(person, 'Hello?'))).kind).toBe('unreachable')
    expect(await mac.hurry(mac.sending.reach(person))).toBe('no')
    expect(shapes()).toEqual([])
  })

  test('is not given up for one false denial', async () => {
    const person = mac.somebody({ isNew: true })
    mac.network.faults.denyNext(1)
    await mac.hurry(mac.send(textTo(person, 'Hello you')))
    expect(mac.arrived(person)).toEqual(['Hello you'])
    const other = mac.somebody({ isNew: true })
    mac.network.faults.denyNext(2)
    expect((await mac.fail(textTo(other, 'Hello you'))).kind).toBe('unreachable')
  })

  test('who gave iMessage up since is unreachable as soon as the Mac says so', async () => {
    const person = mac.somebody()
    mac.network.faults.nextSends({ kind: 'errorLater', code: 22, afterMs: 700 })
    expect((await mac.fail(textTo(person, 'Are you there?'))).kind).toBe('unreachable')
    expect(await mac.hurry(mac.sending.reach(person))).toBe('no')
  })
})

describe('a chat that is called otherwise', () => {
  test('is found under its other name, and outside it keeps its own', async () => {
    mac.network.quirks.anyGuids = true
    const person = mac.somebody()
    const accepted = await mac.hurry(mac.send(textTo(person, 'Hi')))
    expect(accepted.chat).toBe(`iMessage;-;${person}`)
    expect(mac.network.person(person).received).toMatchObject([{ chat: `any;-;${person}` }])
  })

  test('by now is looked for again, and the message arrives once', async () => {
    const person = mac.somebody()
    const before = { chat: `any;-;${person}` as ServerChat, isGroup: false, name: null, members: [person] }
    mac.book.noted(before)
    const accepted = await mac.hurry(mac.send(textTo(person, 'After')))
    expect(accepted.chat).toBe(`iMessage;-;${person}`)
    expect(mac.network.person(person).received).toMatchObject([{ text: 'After', chat: `iMessage;-;${person}` }])
  })

  test('and is gone is begun anew, but a group is not', async () => {
    const person = mac.somebody({ isNew: true })
    mac.book.noted({ chat: `any;-;${person}` as ServerChat, isGroup: false, name: null, members: [person] })
    await mac.hurry(mac.send(textTo(person, 'Hello you')))
    expect(mac.arrived(person)).toEqual(['Hello you'])
    mac.book.noted({ chat: 'any;+;gone' as ServerChat, isGroup: true, name: null, members: [person] })
    const failure = await mac.fail(textTo({ chat: 'iMessage;+;gone' as ProviderChatId }, 'Anybody?'))
    expect([failure.kind, failure.code]).toEqual(['refused', 'CONVERSATION_NOT_FOUND'])
  })
})

describe('without the private API', () => {
  beforeEach(async () => {
    mac.network.mac.privateApi = false
    await mac.look()
  })

  test('texts and files go by script, one after the other', async () => {
    const [known, stranger] = [mac.somebody(), mac.somebody({ isNew: true })]
    await mac.hurry(mac.send(textTo(known, 'Look', { attachments: [picture('a.png'), picture('b.png')] })))
    await mac.hurry(mac.send(textTo(stranger, 'Hello you')))
    expect([mac.arrived(known), mac.arrived(stranger)]).toEqual([['Look', 'a.png', 'b.png'], ['Hello you']])
    const methods = mac.network.requests().flatMap(({ body }) => /"method":"([a-z-]+)"/.exec(body)?.[1] ?? [])
    expect(new Set(methods)).toEqual(new Set(['apple-script']))
  })

  test('nothing goes on macOS 26, and that is said', async () => {
    const person = mac.somebody()
    mac.network.mac.macos = '26.0'
    await mac.look()
    const failure = await mac.fail(textTo(person, 'Hi'))
    expect([failure.kind, failure.code]).toEqual(['refused', 'IMESSAGE_SEND_FAILED'])
    expect(failure.message).toContain('private API')
  })
})

test('while its helper is away a message waits, and is not sent by script', async () => {
  const person = mac.somebody()
  mac.network.mac.helperConnected = false
  await mac.look()
  const failure = await mac.fail(textTo(person, 'Hi'))
  expect([failure.kind, failure.scope]).toEqual(['retryable', 'link'])
  expect(shapes()).toEqual([])
})

test('a link that is down sends nothing, and a file that is too large is refused before', async () => {
  const person = mac.somebody()
  const tooLarge = await mac.fail(
    textTo(person, 'Hi', { attachments: [picture('a.png', { bytes: 100 * 1024 * 1024 + 1 })] }),
  )
  expect([tooLarge.kind, tooLarge.code]).toEqual(['refused', 'MEDIA_TOO_LARGE'])
  mac.isUp = false
  const failure = await mac.fail(textTo(person, 'Hi'))
  expect([failure.kind, failure.scope]).toEqual(['retryable', 'link'])
  expect(shapes()).toEqual([])
})

test('what does not get through is not in what the failure says', async () => {
  mac.network.mac.privateApi = false
  await mac.look()
  const person = mac.somebody()
  mac.network.faults.nextSends({ kind: 'refused', words: 'Failed to execute AppleScript: send "a secret word"' })
  const failure = await mac.fail(textTo(person, 'a secret word'))
  expect(failure.message).not.toContain('secret')
})
