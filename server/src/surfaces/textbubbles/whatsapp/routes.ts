/** The calls that link a number of the caller's with WhatsApp, and ask things over that link. */
import { GatewayError } from '../../../model/errors.ts'
import { parsePhone, withPlus } from '../../../model/handle.ts'
import type { Handle } from '../../../model/ids.ts'
import { defineRoute, type Route } from '../../route.ts'
import { wireMessageId } from '../ids.ts'
import { wireHandle } from '../present.ts'
import { presentChanged, presentSession, statusOf } from './present.ts'
import * as shape from './schema.ts'

/** What is no number at all is nobody's, like any number that is not the caller's. */
const numberIn = ({ phoneNumber }: { phoneNumber: string }): string => parsePhone(withPlus(phoneNumber)) ?? phoneNumber

function phoneIn(text: string, field: string): Handle {
  const handle = parsePhone(withPlus(text))
  if (handle !== null) return handle
  throw new GatewayError('INVALID_PHONE_NUMBER', `Give \`${field}\` in E.164: a plus sign and 2 to 15 digits.`)
}

const listSessions = defineRoute({
  method: 'GET',
  path: '/v1/whatsapp',
  operationId: 'listWhatsappNumbers',
  summary: 'List your numbers with their links',
  description: 'Every number of yours that could have WhatsApp, and how it is linked.',
  tag: 'WhatsApp',
  scope: 'read',
  responses: { 200: { description: 'All of them.', schema: shape.ownSessions } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const sessions = await gateway.pairing.list(caller)
    const data = sessions.map((session) => {
      const { phoneNumber, ...whatsapp } = presentSession(session)
      return { phoneNumber, instanceName: session.lineName, isDefault: session.isDefault, whatsapp }
    })
    return { status: 200, data }
  },
})

const getStatus = defineRoute({
  method: 'GET',
  path: '/v1/whatsapp/numbers/{phoneNumber}/status',
  operationId: 'getWhatsappStatus',
  summary: 'See how a number is linked',
  description: 'Follow the event `whatsapp.status` on the stream to hear of each change at once.',
  tag: 'WhatsApp',
  scope: 'read',
  params: shape.numberParams,
  responses: { 200: { description: 'As it is now.', schema: shape.session } },
  errors: ['NUMBER_NOT_OWNED'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentSession(await gateway.pairing.status(caller, numberIn(params))) }
  },
})

const getQr = defineRoute({
  method: 'GET',
  path: '/v1/whatsapp/numbers/{phoneNumber}/qr',
  operationId: 'getWhatsappQr',
  summary: 'Get the QR code to scan',
  description: 'On the phone: WhatsApp, Settings, Linked devices, Link a device. The number must be that of the phone.',
  tag: 'WhatsApp',
  scope: 'read',
  params: shape.numberParams,
  responses: { 200: { description: 'The code as text, if there is one to scan.', schema: shape.qrCode } },
  errors: ['NUMBER_NOT_OWNED'],
  async handle({ gateway }, { caller, params }) {
    const { state } = await gateway.pairing.status(caller, numberIn(params))
    return { status: 200, data: { qrCode: state?.status === 'pairing' ? state.qr : null } }
  },
})

const enable = defineRoute({
  method: 'POST',
  path: '/v1/whatsapp/numbers/{phoneNumber}/enable',
  operationId: 'enableWhatsapp',
  summary: 'Switch WhatsApp on',
  description:
    'Connects, with the credentials it has or else with a QR code to scan. Enabling what is on changes nothing; what has ended starts anew.',
  tag: 'WhatsApp',
  scope: 'manage',
  params: shape.numberParams,
  responses: { 200: { description: 'It is on, or on its way.', schema: shape.changed } },
  errors: ['CHANNEL_NOT_SUPPORTED', 'NOT_FOUND', 'NUMBER_NOT_OWNED'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentChanged(await gateway.pairing.enable(caller, numberIn(params))) }
  },
})

const requestPairingCode = defineRoute({
  method: 'POST',
  path: '/v1/whatsapp/numbers/{phoneNumber}/pairing-code',
  operationId: 'requestWhatsappPairingCode',
  summary: 'Get a code to type on the phone',
  description:
    'In the place of the QR code: on the phone choose to link with the phone number, and type the code. What is not enabled yet is enabled first. Takes 25 seconds at most.',
  tag: 'WhatsApp',
  scope: 'manage',
  params: shape.numberParams,
  body: shape.pairingBody,
  responses: { 200: { description: 'The code; a new one makes the one before useless.', schema: shape.pairingCode } },
  errors: [
    ...(['CHANNEL_NOT_SUPPORTED', 'CONFLICT', 'INVALID_PHONE_NUMBER', 'INVALID_STATUS', 'NOT_FOUND'] as const),
    ...(['NUMBER_NOT_OWNED', 'PROVIDER_TIMEOUT', 'WHATSAPP_ALREADY_CONNECTED', 'WHATSAPP_NOT_CONNECTED'] as const),
    ...(['WHATSAPP_RATE_LIMITED', 'WHATSAPP_REJECTED'] as const),
  ],
  async handle({ gateway }, { caller, params, body }) {
    const asked = body?.phoneNumber === undefined ? null : phoneIn(body.phoneNumber, 'phoneNumber')
    const { code, phone } = await gateway.pairing.pairingCode(caller, numberIn(params), asked)
    return { status: 200, data: { code, pairingCode: code, phoneNumber: phone } }
  },
})

const disconnect = defineRoute({
  method: 'POST',
  path: '/v1/whatsapp/numbers/{phoneNumber}/disconnect',
  operationId: 'disconnectWhatsapp',
  summary: 'Switch WhatsApp off',
  description: 'The phone stays linked: enabling it again needs no code.',
  tag: 'WhatsApp',
  scope: 'manage',
  params: shape.numberParams,
  responses: { 200: { description: 'It is off, until it is enabled.', schema: shape.changed } },
  errors: ['NOT_FOUND', 'NUMBER_NOT_OWNED'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentChanged(await gateway.pairing.disconnect(caller, numberIn(params))) }
  },
})

const forgetErrors = [
  ...(['CHANNEL_NOT_SUPPORTED', 'INVALID_STATUS', 'NOT_FOUND', 'NUMBER_NOT_OWNED'] as const),
  ...(['PROVIDER_TIMEOUT', 'WHATSAPP_NOT_CONNECTED'] as const),
]

const resetAuth = defineRoute({
  method: 'POST',
  path: '/v1/whatsapp/numbers/{phoneNumber}/reset-auth',
  operationId: 'resetWhatsappAuth',
  summary: 'Unlink the phone',
  description: 'The credentials are erased and the link is off. Enabling it again shows a new QR code.',
  tag: 'WhatsApp',
  scope: 'manage',
  params: shape.numberParams,
  responses: { 200: { description: 'It is off, and no phone is linked.', schema: shape.changed } },
  errors: forgetErrors,
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentChanged(await gateway.pairing.resetAuth(caller, numberIn(params))) }
  },
})

const remove = defineRoute({
  method: 'DELETE',
  path: '/v1/whatsapp/numbers/{phoneNumber}',
  operationId: 'removeWhatsapp',
  summary: 'Take WhatsApp from a number',
  description: 'The credentials are erased, and the number has no WhatsApp until it is enabled. Messages stay.',
  tag: 'WhatsApp',
  scope: 'manage',
  params: shape.numberParams,
  responses: { 200: { description: 'It has none, whether or not it had.', schema: shape.removed } },
  errors: forgetErrors,
  async handle({ gateway }, { caller, params }) {
    const session = await gateway.pairing.remove(caller, numberIn(params))
    const data = { phoneNumber: session.address, status: statusOf(session), removed: true as const }
    return { status: 200, data }
  },
})

const check = defineRoute({
  method: 'GET',
  path: '/v1/whatsapp/numbers/{phoneNumber}/check',
  operationId: 'checkWhatsapp',
  summary: 'Ask whether somebody is on WhatsApp',
  description: 'Asks WhatsApp itself, over the link of this number.',
  tag: 'WhatsApp',
  scope: 'read',
  params: shape.numberParams,
  query: shape.checkQuery,
  responses: { 200: { description: 'What WhatsApp said.', schema: shape.checkAnswer } },
  errors: [
    ...(['CHANNEL_NOT_SUPPORTED', 'INVALID_PHONE_NUMBER', 'NOT_FOUND', 'NUMBER_NOT_OWNED'] as const),
    ...(['PROVIDER_TIMEOUT', 'WHATSAPP_NOT_CONNECTED', 'WHATSAPP_RATE_LIMITED'] as const),
  ],
  async handle({ gateway }, { caller, params, query }) {
    const phone = phoneIn(query.phone ?? '', 'phone')
    const exists = await gateway.pairing.check(caller, numberIn(params), phone)
    return { status: 200, data: { exists, ...(exists && { jid: wireHandle(phone, 'whatsapp') }) } }
  },
})

const listSignupCodes = defineRoute({
  method: 'GET',
  path: '/v1/whatsapp/numbers/{phoneNumber}/signup-codes',
  operationId: 'listWhatsappSignupCodes',
  summary: 'Read the codes to sign up with',
  description:
    'WhatsApp proves a number by a code it sends there. Those that came lately, by any channel of the number; also while it is connected, when such messages are told to nobody.',
  tag: 'WhatsApp',
  scope: 'read',
  params: shape.numberParams,
  responses: { 200: { description: 'Of the last 15 minutes.', schema: shape.signupCodes } },
  errors: ['NUMBER_NOT_OWNED'],
  async handle({ gateway }, { caller, params }) {
    const { windowMinutes, codes } = await gateway.pairing.signupCodes(caller, numberIn(params))
    const shown = codes.map(({ code, messageId, from, channel, receivedAt }) => ({
      ...{ code, from, channel },
      messageId: wireMessageId(messageId),
      receivedAt: receivedAt.toISOString(),
    }))
    return { status: 200, data: { windowMinutes, codes: shown } }
  },
})

export const whatsappRoutes: readonly Route[] = [
  listSessions,
  enable,
  getStatus,
  getQr,
  requestPairingCode,
  disconnect,
  resetAuth,
  remove,
  check,
  listSignupCodes,
]
