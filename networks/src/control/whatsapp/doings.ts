/** What people do in chats: write, send, react, correct, take back, read, type, and have messages disappear. */
import type { Setting } from '../../control.ts'
import type { Whatsapp } from '../../whatsapp/whatsapp.ts'
import { call, optional } from '../call.ts'
import {
  bytes,
  bytesOrNull,
  emoji,
  groupId,
  id,
  ids,
  name,
  number,
  numbers,
  oneOf,
  place,
  seconds,
  text,
  yesNo,
} from './fields.ts'

export function aboutChats({ person }: Whatsapp): Setting[] {
  return [
    call(
      'say',
      'Somebody writes to a number or a group, and may answer a message or mean others.',
      { number, to: place, text, answers: optional(id), mentions: optional(numbers) },
      async ({ number: from, to, text: words, answers, mentions = [] }) => {
        const writer = person(from)
        const quoting = writer.received.find((one) => one.id === answers)
        return { id: await writer.says(to, words, { quoting, mentioning: mentions }) }
      },
    ),
    call(
      'send',
      'Somebody sends a file of at most 45 kB.',
      {
        number,
        to: place,
        kind: oneOf('image', 'video', 'audio', 'document', 'sticker'),
        mimeType: name,
        bytes,
        caption: optional(text),
      },
      async ({ number: from, to, bytes: file, ...picture }) => ({
        id: await person(from).sends(to, { ...picture, bytes: Buffer.from(file, 'base64') }),
      }),
    ),
    call(
      'react',
      'Somebody reacts to a message, or takes that back with null; `isOurs` says that it is one of their own.',
      { number, to: place, id, emoji, isOurs: optional(yesNo) },
      async (said) => ({ id: await person(said.number).reacts(said.to, said.id, said.emoji, said.isOurs) }),
    ),
    call('edit', 'Somebody corrects what they wrote.', { number, to: place, id, text }, async (said) => ({
      id: await person(said.number).edits(said.to, said.id, said.text),
    })),
    call('revoke', 'Somebody takes back what they wrote.', { number, to: place, id }, async (said) => ({
      id: await person(said.number).revokes(said.to, said.id),
    })),
    ...aboutPresence(person),
    call(
      'disappear',
      'Messages of this chat disappear after so many seconds from now on; 0: they stay.',
      { number, to: place, seconds },
      async (said) => ({ id: await person(said.number).setsDisappearing(said.to, said.seconds) }),
    ),
    call(
      'picture',
      'Somebody shows another picture of themselves or of a group, or none with null.',
      { number, group: optional(groupId), bytes: bytesOrNull },
      ({ number: from, group, bytes: image }) => {
        person(from).showsPicture(image === null ? null : Buffer.from(image, 'base64'), group)
        return { shown: { number: from, group: group ?? null } }
      },
    ),
  ]
}

function aboutPresence(person: Whatsapp['person']): Setting[] {
  return [
    call(
      'read',
      'Somebody reads all of a chat, or these messages of it.',
      { number, chat: place, ids: optional(ids) },
      (said) => {
        person(said.number).reads(said.chat, said.ids)
        return { read: said }
      },
    ),
    call(
      'type',
      'Somebody types, speaks, or no longer does.',
      { number, to: place, state: oneOf('composing', 'recording', 'paused') },
      (said) => {
        person(said.number).types(said.to, said.state)
        return { typing: said }
      },
    ),
    call(
      'call',
      'Somebody rings a number, and gives up after so many seconds.',
      { number, to: number, seconds, isVideo: optional(yesNo) },
      ({ number: from, to, seconds: rings, isVideo }) => ({
        call: person(from).calls(to, { isVideo, givesUpAfterMs: rings * 1_000 }).id,
      }),
    ),
    call('appear', 'Somebody looks at their phone, or no longer does.', { number, isOnline: yesNo }, (said) => {
      person(said.number).appears(said.isOnline)
      return { seen: said }
    }),
  ]
}
