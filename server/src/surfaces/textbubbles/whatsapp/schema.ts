/** The shapes of the calls that link a number with WhatsApp. */
import { z } from 'zod'
import { channelName, text, time } from '../schema.ts'

export const numberParams = z.object({
  phoneNumber: z
    .string()
    .meta({ description: 'A number of yours in E.164, with or without its `+`.', examples: ['+15550100150'] }),
})

const sessionStatus = z.enum(['not_enabled', 'disconnected', 'connecting', 'qr_pending', 'connected']).meta({
  id: 'WhatsappStatus',
  description: 'While it is `qr_pending` a phone can be linked, by the QR code or by a pairing code.',
})
const reason = z.string().meta({
  description:
    'Why it was last disconnected, until it is connected again: `stopped`, `auth_reset`, `auth_revoked` (unlinked on the phone), `phone_number_mismatch` (a phone with another number was linked), `close_<code>` (comes back by itself), `terminal_<code>` and `reconnect_exhausted` (do not).',
  examples: ['close_428'],
})
const jid = z.string().meta({ examples: ['15550100150:2@s.whatsapp.net'] })

const sessionFields = {
  status: sessionStatus,
  jid: jid.nullable().meta({ description: 'As what WhatsApp knows the link; null until a phone is linked.' }),
  lastConnectedAt: time().nullable(),
  lastDisconnectedAt: time().nullable(),
  disconnectReason: reason.nullable(),
}
const phoneNumber = z.string().meta({ examples: ['+15550100150'] })

export const session = z
  .object({ phoneNumber: phoneNumber.nullable(), ...sessionFields })
  .meta({ id: 'WhatsappSession', description: 'How a number is linked with WhatsApp.' })

export const ownSessions = z.array(
  z.object({
    phoneNumber: phoneNumber.nullable(),
    instanceName: z.string(),
    isDefault: z.boolean(),
    whatsapp: z.object(sessionFields),
  }),
)

export const qrCode = z.object({
  qrCode: z
    .string()
    .nullable()
    .meta({ description: 'To be drawn as it is. A new one comes every now and then; null unless `qr_pending`.' }),
})

export const pairingBody = z
  .object({
    phoneNumber: text(64, 1)
      .optional()
      .meta({
        description: 'The number that WhatsApp has on the phone, if it is not this one.',
        examples: ['+15550100150'],
      }),
  })
  .optional()
  .meta({ id: 'PairingCodeRequest' })

export const pairingCode = z
  .object({
    code: z.string().meta({ description: 'Eight characters, to be typed on the phone.', examples: ['K7PM2QXW'] }),
    pairingCode: z.string().meta({ description: 'The same under another name.' }),
    phoneNumber,
  })
  .meta({ id: 'PairingCode' })

export const changed = z.object({
  phoneNumber: phoneNumber.nullable(),
  status: sessionStatus,
  disconnectReason: reason.nullable(),
})

export const removed = z.object({
  phoneNumber: phoneNumber.nullable(),
  status: sessionStatus,
  removed: z.literal(true),
})

export const checkQuery = z.object({
  phone: z
    .string()
    .optional()
    .meta({ description: 'Whom to look for, in E.164.', examples: ['+15550100123'] }),
})
export const checkAnswer = z.object({
  exists: z.boolean(),
  jid: jid.optional().meta({ description: 'Only of somebody who is there.' }),
})

export const signupCodes = z.object({
  windowMinutes: z.int(),
  codes: z
    .array(
      z
        .object({
          code: z.string().meta({ examples: ['301774'] }),
          messageId: z.string().meta({
            description: 'The message it came in, which you may not be able to read while you are connected.',
          }),
          from: z.string().nullable(),
          channel: channelName,
          receivedAt: time(),
        })
        .meta({ id: 'SignupCode' }),
    )
    .meta({ description: 'Newest first.' }),
})
