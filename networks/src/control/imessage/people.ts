/** What people with iMessage do on their phones, and what has come to them. */
import type { Setting } from '../../control.ts'
import type { ImessageNetwork } from '../../imessage/imessage.ts'
import { call, optional, possible } from '../call.ts'
import { numberIn } from '../input.ts'
import { bytes, group, guid, name, oneOf, person, text, yesNo } from './fields.ts'

const shownMax = 100

export function aboutPeople({ person: somebody }: ImessageNetwork): Setting[] {
  return [
    {
      method: 'GET',
      name: 'people/{address}',
      meaning: 'What lies on somebody’s phone: messages, reactions, whether the line types, what the line has read.',
      set: (_, [address = '']) => possible(() => shownOf(somebody(numberIn(address)))),
    },
    call(
      'say',
      'Somebody writes to the line or to a group, and may answer a message or use an effect.',
      {
        person,
        text,
        to: optional(group),
        answers: optional(guid),
        effect: optional(name),
        service: optional(oneOf('iMessage', 'SMS')),
      },
      ({ person: from, text: words, answers: replyTo, ...more }) => ({
        guid: somebody(from).says(words, { ...more, replyTo }),
      }),
    ),
    call(
      'send',
      'Somebody sends a file of at most 45 kB.',
      {
        person,
        name,
        bytes,
        mimeType: optional(name),
        caption: optional(text),
        to: optional(group),
        isAudioMessage: optional(yesNo),
      },
      ({ person: from, name: called, bytes: file, mimeType, ...more }) => ({
        guid: somebody(from).sends({ name: called, bytes: Buffer.from(file, 'base64'), mimeType }, more),
      }),
    ),
    call(
      'react',
      'Somebody reacts to a message with love, like, dislike, laugh, emphasize, question or an emoji, or takes that back.',
      { person, guid, reaction: name, isRemoved: optional(yesNo) },
      (said) => ({ guid: somebody(said.person).reacts(said.guid, said.reaction, said.isRemoved) }),
    ),
    call('edit', 'Somebody corrects what they wrote.', { person, guid, text }, (said) => {
      somebody(said.person).edits(said.guid, said.text)
      return { edited: said }
    }),
    call('unsend', 'Somebody takes back what they wrote.', { person, guid }, (said) => {
      somebody(said.person).unsends(said.guid)
      return { unsent: said }
    }),
    ...aboutPresence(somebody),
  ]
}

function aboutPresence(somebody: ImessageNetwork['person']): Setting[] {
  return [
    call(
      'read',
      'Somebody reads all of their chat with the line, or of a group.',
      { person, group: optional(group) },
      (said) => {
        somebody(said.person).reads(said.group)
        return { read: said }
      },
    ),
    call('type', 'Somebody types, or no longer does.', { person, isTyping: yesNo }, (said) => {
      somebody(said.person).types(said.isTyping)
      return { typing: said }
    }),
    call('call', 'Somebody rings the line by FaceTime.', { person, isVideo: optional(yesNo) }, (said) => ({
      call: somebody(said.person).calls({ isVideo: said.isVideo }).uuid,
    })),
    call('keep-audio', 'Somebody keeps an audio message of the line.', { person, guid }, (said) => ({
      guid: somebody(said.person).keepsAudio(said.guid),
    })),
    call(
      'focus',
      'Somebody does not want to be disturbed, or no longer minds.',
      { person, isFocused: yesNo },
      (said) => {
        somebody(said.person).focuses(said.isFocused)
        return { focused: said }
      },
    ),
  ]
}

function shownOf({ address, received, reactions, seen, readBy }: ReturnType<ImessageNetwork['person']>): object {
  const messages = received.slice(-shownMax).map(({ files, ...message }) => ({
    ...message,
    files: files.map(({ bytes: _, ...file }) => file),
  }))
  const lately = [reactions, seen, readBy].map((list) => list.slice(-shownMax))
  return { address, received: messages, reactions: lately[0], seen: lately[1], readBy: lately[2] }
}
