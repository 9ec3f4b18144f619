/** The shapes of conversations: how they are named and found, how groups are made and changed, and what is shown of them. */
import { z } from 'zod'
import { isBase64 } from '../../input.ts'
import { message } from '../message-schema.ts'
import { channelName, pageCursor, pageLimit, pagination, text, time, uuidText, word } from '../schema.ts'

const limits = { addressCharacters: 320, nameCharacters: 255, filenameCharacters: 255, participants: 1_024 } as const

const chatId = z.string().meta({
  description:
    'The id of a conversation, or what its network calls it (`iMessage;+;…`, `iMessage;-;…`, `SMS;-;…`, `…@g.us`, `…@s.whatsapp.net`), percent-encoded.',
  examples: ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'],
})
export const chatParams = z.object({ chatId })
export const memberParams = z.object({
  chatId,
  participantId: z.string().meta({
    description:
      'A phone number with or without its `+`, an e-mail address, or the handle as the roster shows it, percent-encoded.',
    examples: ['+15550100123'],
  }),
})

// --- what callers send -----------------------------------------------------------------------------------------------

const fromRule = 'One of your own addresses. A conversation stays on its number for good; naming another is refused.'
const from = text(limits.addressCharacters, 1)
  .optional()
  .meta({ description: fromRule, examples: ['+15550100100'] })
export const fromQuery = z.object({ from: word(limits.addressCharacters).optional().meta({ description: fromRule }) })
export const fromBody = z.object({ from }).optional()

export const listChats = z.object({
  limit: pageLimit,
  cursor: pageCursor,
  channel: channelName.optional(),
  isGroup: z
    .enum(['true', 'false'])
    .transform((said) => said === 'true')
    .optional(),
})
export const history = z.object({
  limit: pageLimit,
  cursor: pageCursor,
  from: word(limits.addressCharacters).optional().meta({ description: fromRule }),
})

const isSaid = (name: string) => name.trim() !== ''
const groupName = () => text(limits.nameCharacters, 1).meta({ examples: ['Friday kitchen'] })
const person = (description: string) =>
  text(limits.addressCharacters, 1).meta({ description, examples: ['+15550100123'] })

export const newGroup = z
  .object({
    participants: z
      .array(person('A phone number in E.164; on iMessage also an e-mail address.'))
      .min(1, 'Name at least one participant.')
      .max(limits.participants, `At most ${limits.participants}.`)
      .meta({
        description:
          'Whom to begin the group with; you are in it anyway. A group holds as many as its network allows, now and when it grows: 32 others on iMessage, 1,023 on WhatsApp.',
      }),
    name: groupName().optional().meta({ description: 'Required on WhatsApp.' }),
    channel: channelName.default('imessage'),
    from: text(limits.addressCharacters, 1)
      .optional()
      .meta({
        description: 'Which of your addresses the group is made from and stays with; the default one when absent.',
        examples: ['+15550100100'],
      }),
  })
  .meta({ id: 'NewGroup' })
export const rename = z.object({ name: groupName().refine(isSaid, 'This must not be blank.'), from })
export const addParticipant = z.object({
  participant: person('A phone number in E.164; on iMessage also an e-mail address.'),
  from,
})
export const typingBody = z.object({ status: z.enum(['start', 'stop']), from })
const iconFields = {
  mimeType: text(255, 1).optional().meta({ description: 'Accepted; the picture itself tells what it is.' }),
  filename: text(limits.filenameCharacters, 1).optional().meta({ description: 'Accepted, and not shown to anybody.' }),
  from,
}
const imageUrl = text(2_048, 1)
  .refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), 'This must be an absolute https:// URL.')
  .meta({ format: 'uri', description: 'Where to fetch it from.', examples: ['https://images.shop.test/logo.png'] })
const imageBase64 = z
  .string()
  .min(1, 'This must not be empty.')
  .refine(isBase64, 'This must be base64 with padding, without line breaks and without a `data:` prefix.')
  .meta({ contentEncoding: 'base64', examples: ['iVBORw0KGgo='] })
/** Loose, so that somebody who sends both can be told. */
export const icon = z
  .union([
    z.looseObject({ imageUrl, ...iconFields }).meta({ id: 'GroupIconByUrl' }),
    z.looseObject({ imageBase64, ...iconFields }).meta({ id: 'GroupIconBytes' }),
  ])
  .meta({
    id: 'GroupIcon',
    description: 'PNG, JPEG, GIF or WebP, at most 5 MB: exactly one of `imageUrl` and `imageBase64`.',
  })

// --- what callers get ------------------------------------------------------------------------------------------------

const providerChatGuid = z.string().nullable().meta({ description: 'What its network calls it.' })

const participant = z
  .object({
    handle: z.string().meta({
      description:
        'On iMessage a phone number or an e-mail address; on WhatsApp `<digits>@s.whatsapp.net`, or `<id>@lid` as long as the number is not known. `self` is you.',
    }),
    contactId: z.string().nullable(),
    role: z.enum(['member', 'owner', 'self']),
    isPhoneResolved: z.boolean(),
    admin: z.enum(['admin', 'superadmin']).nullable().optional().meta({ description: 'On WhatsApp only.' }),
  })
  .meta({ id: 'Participant' })

const chat = z
  .object({
    chatId: uuidText(),
    providerChatGuid,
    channel: channelName,
    isGroup: z.boolean(),
    name: z.string().nullable(),
    participants: z.array(participant).meta({ description: 'You are one of them while you are in it.' }),
  })
  .meta({ id: 'Chat' })

const flat = {
  chatId: providerChatGuid,
  conversationId: uuidText(),
  channel: channelName,
  name: z.string().nullable(),
  participants: z.array(participant).meta({ description: 'Without you.' }),
}
const photoUrl = z.string().nullable().meta({
  description:
    'Where the picture of the group can be had: a link that works for an hour and needs no key. Null when there is none that can be shown.',
})

export const createdGroup = z.object({ chat, createdAt: time(), ...flat })
export const shownChat = z.object({ chat, createdAt: time(), photoUrl, ...flat })
const listedChat = z.object({ ...chat.shape, photoUrl }).meta({ id: 'ListedChat' })
export const chatPage = z.object({ chats: z.array(listedChat), pagination }).meta({ id: 'ChatPage' })
export const chatMessages = z.object({ messages: z.array(message), pagination })
export const renamed = z.object({ chat, name: z.string() })
export const added = z.object({ chat, participant })
export const removed = z.object({ chat, removedParticipant: participant })
export const iconAnswer = z.object({ chat, photoUrl })
export const iconRemoved = z.object({ chat, photoUrl: z.null() })

const named = { chatId: uuidText(), conversationId: uuidText(), providerChatGuid }
export const left = z.object({ ...named, left: z.literal(true) })
export const read = z.object({ ...named, read: z.literal(true) })
export const unread = z.object({ ...named, unread: z.literal(true) })
export const typing = z.object({ ...named, typing: z.boolean() })
