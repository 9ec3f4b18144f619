/** The shapes of this surface: what may be asked, and what is answered. */
import { z } from 'zod'
import { isBase64 } from '../input.ts'

const anyId = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const limits = { nameCharacters: 100, textCharacters: 10_000, urlCharacters: 2_048, fileNameCharacters: 255 } as const

const wellFormed = (text: string) => text.isWellFormed() && !text.includes('\0')
const text = (max: number) =>
  z.string().max(max, `At most ${max} characters.`).refine(wellFormed, 'This text holds characters that no text has.')

export const sessionParams = z.object({
  id: z.string().meta({ description: 'The id of a session.', examples: [anyId] }),
})

export const newSession = z
  .object({
    session_name: text(limits.nameCharacters)
      .trim()
      .min(1, 'Give the session a name.')
      .meta({ description: 'For people to tell your sessions apart.', examples: ['Front desk'] }),
  })
  .meta({ id: 'NewSession', examples: [{ session_name: 'Front desk' }] })

export const sessionStatuses = ['created', 'qr_ready', 'connecting', 'ready', 'disconnected', 'auth_failed'] as const

const sessionAgent = z
  .object({ id: z.string(), name: z.string(), is_active: z.boolean(), is_default: z.boolean() })
  .meta({ id: 'SessionAgent', description: 'Somebody who is no person and answers in the chats of this session.' })

export const session = z
  .object({
    id: z.string().meta({ examples: [anyId] }),
    name: z.string().meta({ examples: ['Front desk'] }),
    status: z.enum(sessionStatuses).meta({
      description:
        '`created`: no phone was ever to be linked. `connecting`: on its way. `qr_ready`: a code waits to be scanned. `ready`: a phone is linked, and messages come and go. `disconnected`: down, for now or until a code is asked for again. `auth_failed`: the phone or WhatsApp ended the link, or the phone is linked with another session; ask for a new code.',
    }),
    qr_code_url: z
      .string()
      .nullable()
      .meta({ description: 'The code to scan while the status is `qr_ready`: a PNG as a data URL.', examples: [null] }),
    ai_agents: z.array(sessionAgent).meta({ examples: [[]] }),
  })
  .meta({ id: 'Session' })

export const sessionList = z.object({ data: z.array(session) }).meta({ id: 'SessionList' })

export const done = z
  .object({ success: z.literal(true), message: z.string().meta({ description: 'For people to read.' }) })
  .meta({ id: 'Done' })

export const qrCode = z
  .object({
    success: z.literal(true),
    qr_code_url: z.string().meta({
      description: 'A PNG as a data URL. WhatsApp changes the code every 20 to 60 seconds.',
      examples: ['data:image/png;base64,iVBORw0KGgo…'],
    }),
    message: z.string(),
  })
  .meta({ id: 'QrCode' })

const phone = (what: string) =>
  z.string().meta({
    description: `${what}, with the country code. Spaces, brackets and a leading + or 00 are ignored.`,
    examples: ['14155550123'],
  })

export const authCodeBody = z
  .object({ phone: phone('The number of the phone to be linked') })
  .meta({ id: 'AuthCodeRequest', examples: [{ phone: '14155550123' }] })

export const authCode = z
  .object({
    success: z.literal(true),
    message: z.string(),
    code: z.string().meta({ description: 'To be typed on the phone.', examples: ['K7QX2M9B'] }),
  })
  .meta({ id: 'AuthCode' })

const degrees = (max: number, example: number) =>
  z
    .union([z.number(), z.string().regex(/^-?\d{1,3}(?:\.\d{1,20})?$/, 'This must be a number.')])
    .meta({ examples: [example], description: `In degrees, between -${max} and ${max}.` })
    .transform(Number)
    .refine((value) => Math.abs(value) <= max, `This must lie between -${max} and ${max}.`)

const dataUrlStart = /^data:[^,]{0,255};base64,/i

const fileFields = {
  mimetype: text(255)
    .optional()
    .meta({ description: 'What the bytes are.', examples: ['application/pdf'] }),
  filename: text(limits.fileNameCharacters)
    .optional()
    .meta({ examples: ['menu.pdf'] }),
  url: z
    .string()
    .max(limits.urlCharacters)
    .refine(
      (value) => /^https?:\/\//i.test(value) && URL.canParse(value),
      'This must be a URL that begins with https://.',
    )
    .optional()
    .meta({
      format: 'uri',
      description: 'Where the file is fetched from.',
      examples: ['https://images.shop.test/menu.pdf'],
    }),
  data: z
    .string()
    .overwrite((value) => value.replace(dataUrlStart, ''))
    .refine(isBase64, 'This must be base64 with padding and without line breaks.')
    .optional()
    .meta({
      contentEncoding: 'base64',
      description: 'The file itself, in the place of a URL. It may begin like a data URL; `mimetype` counts.',
    }),
  caption: text(limits.textCharacters).optional().meta({ description: 'Shown with the file.' }),
}

const fileFacts = z.object(fileFields)

const fileContent = z
  .object({ file: fileFacts.optional(), ...fileFields })
  .transform(({ file, ...flat }) => ({ ...flat, ...file }))
  .refine(({ url, data }) => (url === undefined) !== (data === undefined), {
    path: ['file'],
    message: 'Give either `url` or `data`, exactly one of the two.',
  })
  .meta({ id: 'FileContent', description: 'The fields of `file` may stand beside it as well.' })

const placeContent = z
  .object({
    title: text(1_000)
      .optional()
      .meta({ examples: ['The bistro'] }),
    latitude: degrees(90, 48.8606),
    longitude: degrees(180, 2.3376),
  })
  .meta({ id: 'PlaceContent' })

const to = phone(
  'The number it goes to, the id of a group such as `123456789@g.us`, or a name ending in `@lid` as webhooks tell it',
)

export const sendMessage = z
  .discriminatedUnion(
    'type',
    [
      z
        .object({
          phone: to,
          type: z.literal('text'),
          content: text(limits.textCharacters)
            .min(1, 'This must not be empty.')
            .meta({
              description: 'The two characters `\\n` become a new line.',
              examples: ['Your table is ready.\\nSee you soon!'],
            }),
        })
        .meta({
          id: 'TextMessage',
          examples: [{ phone: '14155550123', type: 'text', content: 'Your table is ready.' }],
        }),
      z.object({ phone: to, type: z.literal('file'), content: fileContent }).meta({
        id: 'FileMessage',
        examples: [
          {
            ...{ phone: '14155550123', type: 'file' },
            content: {
              file: { mimetype: 'application/pdf', filename: 'menu.pdf', url: 'https://images.shop.test/menu.pdf' },
            },
          },
        ],
      }),
      z.object({ phone: to, type: z.literal('location'), content: placeContent }).meta({
        id: 'LocationMessage',
        examples: [
          {
            ...{ phone: '14155550123', type: 'location' },
            content: { title: 'The bistro', latitude: 48.8606, longitude: 2.3376 },
          },
        ],
      }),
    ],
    { error: ({ code }) => (code === 'invalid_union' ? 'This must be `text`, `file` or `location`.' : undefined) },
  )
  .meta({ id: 'SendMessage' })

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x21-\x7e]*$/, 'Only printable ASCII characters, and no spaces.')
    .optional()
    .meta({
      description: 'A message is sent once under the same key: whoever repeats a call gets the id of the first one.',
      examples: ['table-7-reminder'],
    }),
})

export const sentMessage = z
  .object({
    success: z.literal(true),
    message: z.string(),
    data: z.object({
      messageId: z.string().meta({
        description: 'Known before the message is out, and the same however often it is tried.',
        examples: ['true_14155550123@c.us_0199A2C46F3E7B108D523C9E41F7A650'],
      }),
    }),
  })
  .meta({ id: 'SentMessage' })

export const chatState = z
  .object({ phone: to, state: z.enum(['typing', 'recording', 'stop']) })
  .meta({ id: 'ChatState', examples: [{ phone: '14155550123', state: 'typing' }] })

export const seen = z
  .object({
    phone: phone('Who wrote it, or the id of the group'),
    messageId: z
      .string()
      .max(200)
      .meta({
        description: 'From the webhook `message.received`, whole or its last part alone.',
        examples: ['false_14155550123@c.us_0199A2C46F3E7B108D523C9E41F7A650'],
      }),
  })
  .meta({
    id: 'Seen',
    examples: [{ phone: '14155550123', messageId: 'false_14155550123@c.us_0199A2C46F3E7B108D523C9E41F7A650' }],
  })

export const webhookEvents = ['session.status_changed', 'message.received'] as const

export const webhookParams = z.object({
  id: z.string().meta({ description: 'The id of a webhook.', examples: [anyId] }),
})

export const newWebhook = z
  .object({
    url: z
      .string()
      .max(limits.urlCharacters)
      .refine(
        (value) => /^https?:\/\//i.test(value) && URL.canParse(value),
        'This must be a URL that begins with https://.',
      )
      .meta({ format: 'uri', examples: ['https://shop.test/hooks/whatsapp'] }),
    events: z
      .array(z.enum(webhookEvents))
      .min(1, 'Name at least one event, or leave the field out.')
      .max(10)
      .optional()
      .meta({ description: 'Default: both.', examples: [['message.received']] }),
  })
  .meta({ id: 'NewWebhook', examples: [{ url: 'https://shop.test/hooks/whatsapp' }] })

const webhookFields = {
  id: z.string().meta({ examples: [anyId] }),
  url: z.string(),
  events: z.array(z.string()).meta({ examples: [['message.received', 'session.status_changed']] }),
  active: z.boolean().meta({
    description: 'False when it was paused, or its receiver failed for days or said that it is gone.',
    examples: [true],
  }),
  created_at: z.string().meta({ format: 'date-time' }),
}

export const webhookList = z
  .object({ data: z.array(z.object(webhookFields).meta({ id: 'Webhook' })) })
  .meta({ id: 'WebhookList' })

export const createdWebhook = z
  .object({
    ...webhookFields,
    secret: z.string().meta({
      description: 'The key of `X-WabSync-Signature`. It is shown now and never again.',
      examples: ['wabs_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY'],
    }),
  })
  .meta({ id: 'CreatedWebhook' })
