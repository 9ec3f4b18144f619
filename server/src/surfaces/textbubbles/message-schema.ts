/** The shapes of messages: what callers send, and what they get. */
import { z } from 'zod'
import { channels } from '../../model/channel.ts'
import { isBase64 } from '../input.ts'
import {
  channelName,
  distinct,
  limits,
  pageCursor,
  pageLimit,
  pagination,
  text,
  time,
  url,
  uuidText,
  word,
} from './schema.ts'

const effects = [
  'slam',
  'loud',
  'gentle',
  'invisibleInk',
  'echo',
  'spotlight',
  'balloons',
  'confetti',
  'love',
  'lasers',
  'fireworks',
] as const
/** http:// is for receivers on this machine, where the gateway allows them; that is checked where the message is let in. */
const fileUrl = () => url(['https', 'http'], 'https://images.shop.test/menu/friday.jpg')

export const metadata = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= limits.metadataBytes,
    `At most ${limits.metadataBytes} bytes as JSON.`,
  )

const messageIdText = () =>
  z.string().meta({ pattern: '^msg_[0-9a-f-]{36}$', examples: ['msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] })

// --- what callers send -----------------------------------------------------------------------------------------------

const attachmentFields = {
  mimeType: text(255, 1)
    .optional()
    .meta({ description: 'What the bytes are.', examples: ['application/pdf'] }),
  filename: text(255, 1)
    .optional()
    .meta({ examples: ['menu.pdf'] }),
  isAudioMessage: z.boolean().optional().meta({ description: 'Show it as a voice bubble where the channel has one.' }),
}

const attachment = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('url'), url: fileUrl(), ...attachmentFields }).meta({ id: 'UrlAttachment' }),
    z
      .object({
        type: z.literal('base64'),
        data: z
          .string()
          .min(1, 'This must not be empty.')
          .refine(isBase64, 'This must be base64 with padding, without line breaks and without a `data:` prefix.')
          .meta({ contentEncoding: 'base64', examples: ['aGVsbG8='] }),
        ...attachmentFields,
      })
      .meta({ id: 'Base64Attachment' }),
  ])
  .meta({ id: 'NewAttachment', description: 'A file of any kind, by URL or with its bytes.' })

const mention = z
  .object({
    address: text(limits.addressCharacters, 1).meta({ examples: ['+15550100177'] }),
    start: z.int().min(0).max(limits.textCharacters),
    length: z.int().min(1).max(limits.textCharacters),
  })
  .meta({
    id: 'Mention',
    description: 'A part of the text that names a member of the group; dropped on one-to-one sends.',
  })

const sendOptions = {
  idempotencyKey: text(limits.keyCharacters, 1)
    .optional()
    .meta({
      description: 'The same key again gives the same message, never a second one.',
      examples: ['table-7-reminder'],
    }),
  callbackUrl: url(['https', 'http'], 'https://shop.test/hooks/messages').optional().meta({
    description: 'Gets all events of this message, besides the webhooks.',
  }),
  metadata: metadata.optional().meta({
    description: `Anything of your own, at most ${limits.metadataBytes} bytes; told back with the message and its events.`,
    examples: [{ table: 7 }],
  }),
  effect: z.enum(effects).optional().meta({ description: 'iMessage only; dropped elsewhere.' }),
}

const recipient = text(limits.addressCharacters, 1).meta({
  description:
    'A phone number in E.164, an iMessage e-mail address, a WhatsApp group (`…@g.us`) or an iMessage chat (`iMessage;…`).',
  examples: ['+15550100123'],
})

export const sendMessage = z
  .object({
    to: recipient.optional(),
    chatId: text(64, 1).optional().meta({
      description: 'The id of a conversation, instead of `to`. It fixes channel and sender; `routing` is ignored.',
      format: 'uuid',
    }),
    conversationId: text(64, 1).optional().meta({ description: 'Another name of `chatId`.', format: 'uuid' }),
    from: text(limits.addressCharacters, 1)
      .optional()
      .meta({
        description:
          'One of your own addresses. When absent: the number a known group is on, else your default one. A group stays on its number; naming another is refused.',
        examples: ['+15550100100'],
      }),
    content: z
      .object({
        text: text(limits.textCharacters)
          .optional()
          .meta({ examples: ['Your table is ready.'] }),
        mediaUrls: z
          .array(fileUrl())
          .min(1, 'Name at least one URL, or leave the field out.')
          .max(limits.mediaUrls)
          .optional()
          .meta({
            description:
              'Images by HTTPS URL. Two or more become one carousel on iMessage; on SMS each is a part of its own.',
          }),
      })
      .optional()
      .meta({ description: 'Text, images or both. May be left out beside `attachments`.' }),
    attachments: z.array(attachment).max(limits.attachments).optional(),
    routing: z
      .object({
        preference: distinct(z.array(channelName).min(1, 'Name at least one channel.'))
          .optional()
          .meta({
            description: 'The channels to try, in order. Default: iMessage, then SMS.',
            examples: [['whatsapp', 'sms']],
          }),
        fallback: z.boolean().optional().meta({ description: 'Whether to go on to the next channel. Default: true.' }),
      })
      .optional(),
    replyTo: text(64, 1)
      .optional()
      .meta({
        description: 'The id of the message this one answers. Dropped on SMS.',
        examples: ['msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'],
      }),
    mentions: z.array(mention).max(limits.mentions).optional(),
    messageType: z
      .enum(['text', 'carousel'])
      .optional()
      .meta({ description: 'Accepted and ignored: the content decides.' }),
    scheduledAt: text(64, 1)
      .optional()
      .meta({
        description: 'When to send, at most 30 days ahead: ISO 8601 with a zone.',
        format: 'date-time',
        examples: ['2026-09-04T17:20:00.000Z'],
      }),
    createContact: z.boolean().optional().meta({
      description:
        'Makes a contact of the recipient if they have a number and are none yet. Ignored with `chatId`; the message is sent either way.',
    }),
    ...sendOptions,
  })
  .meta({
    id: 'SendMessage',
    description: 'One message to one recipient or into one conversation. Fields that are not listed are ignored.',
    examples: [
      {
        to: '+15550100123',
        content: { text: 'Your table is ready.' },
        routing: { preference: ['imessage', 'sms'] },
        idempotencyKey: 'table-7-reminder',
      },
    ],
  })

export const sendCarousel = z
  .object({
    to: recipient,
    mediaUrls: z.array(fileUrl()).min(2, 'A carousel has at least two images.').max(limits.mediaUrls),
    text: text(limits.textCharacters).optional(),
    ...sendOptions,
  })
  .meta({
    id: 'SendCarousel',
    examples: [
      {
        to: '+15550100123',
        mediaUrls: ['https://images.shop.test/a.jpg', 'https://images.shop.test/b.jpg'],
        text: 'Two for you',
      },
    ],
  })

export const idempotencyHeader = z.object({
  'idempotency-key': word(limits.keyCharacters)
    .optional()
    .meta({
      description: 'The same as the field `idempotencyKey`; when both are given they must be equal.',
      examples: ['table-7-reminder'],
    }),
})

export const editMessage = z
  .object({
    text: text(limits.textCharacters, 1),
    backwardsCompatibilityMessage: text(limits.textCharacters, 1)
      .optional()
      .meta({ description: 'What devices that know no edits show.' }),
  })
  .meta({
    id: 'EditMessage',
    examples: [{ text: 'Your table is ready at nine.', backwardsCompatibilityMessage: 'Correction: at nine.' }],
  })

export const reactToMessage = z
  .object({
    type: text(64, 1).meta({
      description:
        '`love`, `like`, `dislike`, `laugh`, `emphasize` or `question`, or an emoji on WhatsApp. With `-` in front it is taken back.',
      examples: ['love'],
    }),
  })
  .meta({ id: 'React', examples: [{ type: 'love' }] })

export const messageParams = z.object({
  id: z.string().meta({ description: 'The id of a message.', examples: ['msg_0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] }),
})

const listedStatuses = [
  'queued',
  'pending',
  'sent',
  'delivered',
  'read',
  'failed',
  'unsent',
  'scheduled',
  'received',
  'cancelled',
] as const
const uuidWord = word(36)
  .refine((value) => /^[0-9a-f-]{36}$/i.test(value), 'This must be a UUID.')
  .meta({ format: 'uuid', maxLength: 36 })

export const listMessages = z.object({
  limit: pageLimit,
  cursor: pageCursor,
  status: z.enum(listedStatuses).optional(),
  to: word(limits.addressCharacters)
    .optional()
    .meta({ examples: ['+15550100123'] }),
  from: word(limits.addressCharacters).optional(),
  channel: z.enum(channels).optional(),
  direction: z.enum(['outbound', 'inbound']).optional(),
  chatId: uuidWord.optional().meta({ description: 'Only messages of this conversation.' }),
})

// --- what callers get ------------------------------------------------------------------------------------------------

const status = z.enum(listedStatuses).meta({
  id: 'MessageStatus',
  description: 'Moves forward only: queued, pending, sent, delivered, read. `received` is for messages that came in.',
})

const wireAttachment = z
  .object({
    mimeType: z.string(),
    filename: z.string().optional(),
    totalBytes: z.int().nullable().meta({ description: 'Null while it is not known.' }),
    isAudioMessage: z.boolean(),
    url: z.string().optional().meta({ description: 'Where it was linked from, for attachments given by URL.' }),
    downloadUrl: z
      .string()
      .optional()
      .meta({ description: 'Its bytes, for an hour and without a key. Read the message again for a fresh one.' }),
    note: z.string().optional().meta({ description: 'Why there is nothing to download.' }),
  })
  .meta({ id: 'Attachment' })

export const message = z
  .object({
    id: messageIdText(),
    direction: z.enum(['outbound', 'inbound']),
    status,
    to: z.string().nullable(),
    from: z.string().nullable(),
    channel: channelName.nullable().meta({ description: 'Null until a channel has been chosen.' }),
    conversationId: uuidText().optional(),
    messageType: z.enum(['text', 'carousel']),
    content: z.object({ text: z.string().optional(), mediaUrls: z.array(z.string()).optional() }),
    attachments: z.array(wireAttachment).optional(),
    timeline: z
      .array(z.object({ status: z.string(), at: time(), channel: channelName.nullable() }))
      .meta({ description: 'What happened to it, oldest first.' }),
    fallbackTriggered: z.boolean(),
    retryCount: z.int().min(0),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    externalId: z.string().nullable().meta({ description: "The network's own id of it." }),
    errorCode: z.string().nullable().meta({
      description:
        'One of the codes that calls answer with, or `imessage_error_` and the number that iMessage gives the reason, such as `imessage_error_22` when the recipient is not on iMessage.',
    }),
    errorMessage: z.string().nullable(),
    retryable: z.boolean().optional().meta({
      description:
        'Only on failed messages. False when another try is pointless, or could deliver it twice (`OUTCOME_UNKNOWN`).',
    }),
    effect: z.string().optional(),
    parentMessageId: messageIdText().optional().meta({ description: 'The message this one answers.' }),
    createdAt: time(),
    updatedAt: time(),
    scheduledAt: time().optional(),
    sentAt: time().optional(),
    deliveredAt: time().optional(),
    readAt: time().optional(),
  })
  .meta({ id: 'Message' })

export const acceptedMessage = z
  .object({
    id: messageIdText(),
    status,
    to: z.string().optional().meta({ description: 'For a send to an address.' }),
    conversationId: uuidText().optional().meta({ description: 'Instead of `to`, for a send into a conversation.' }),
    from: z.string().nullable(),
    channel: channelName.nullable(),
    createdAt: time(),
    scheduledAt: time().optional(),
  })
  .meta({ id: 'AcceptedMessage' })

export const acceptedCarousel = z
  .object({
    id: messageIdText(),
    status,
    to: z.string(),
    messageType: z.literal('carousel'),
    imageCount: z.int(),
    createdAt: time(),
  })
  .meta({ id: 'AcceptedCarousel' })

export const messagePage = z.object({ messages: z.array(message), pagination }).meta({ id: 'MessagePage' })
export const receiptList = z
  .object({
    messageId: messageIdText(),
    receipts: z.array(
      z.object({
        handle: z.string(),
        deliveredAt: time().nullable(),
        readAt: time().nullable().meta({ description: 'Null as long as nobody has said so; many people never do.' }),
      }),
    ),
  })
  .meta({ id: 'ReceiptList' })
export const deletedMessage = z.object({ id: messageIdText(), deleted: z.literal(true) })
export const unsentMessage = z.object({ id: messageIdText(), status: z.literal('unsent') })
export const retriedMessage = z.object({ id: messageIdText(), status, retryCount: z.int() })
export const cancelledMessage = z.object({
  id: messageIdText(),
  status: z.literal('cancelled'),
  cancelled: z.literal(true),
})
export const reactionAnswer = z.object({ messageId: messageIdText(), reaction: z.string() })
export const readAnswer = z.object({ messageId: messageIdText(), read: z.literal(true) })
