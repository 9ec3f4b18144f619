/** Sessions: lines with WhatsApp, from their making to their end. */
import type { CallCode } from '../../model/errors.ts'
import { defineRoute, type Route } from '../route.ts'
import { phoneOf, sessionIdOf } from './ids.ts'
import { presentSession, presentSessions } from './present.ts'
import { qrDataUrl } from './qr.ts'
import * as shape from './schema.ts'

const tag = 'Sessions'
const linkErrors: readonly CallCode[] = [
  ...(['CHANNEL_NOT_SUPPORTED', 'CONFLICT', 'INVALID_STATUS', 'NOT_FOUND', 'PROVIDER_TIMEOUT'] as const),
  ...(['WHATSAPP_ALREADY_CONNECTED', 'WHATSAPP_NOT_CONNECTED'] as const),
]

const createSession = defineRoute({
  method: 'POST',
  path: '/api/v1/session/create',
  operationId: 'createSession',
  summary: 'Create a session',
  description:
    'A place for one phone. It has no number and costs nothing before a code is asked for; the phone that is then linked gives it its number. You may have 20 sessions that no phone was linked with.',
  tag,
  scope: 'manage',
  bare: true,
  body: shape.newSession,
  responses: { 201: { description: 'The session.', schema: shape.session } },
  errors: ['CONFLICT'],
  async handle({ gateway }, { caller, body }) {
    const made = await gateway.sessions.create(caller, body.session_name)
    return { status: 201, data: await presentSession(gateway, caller, made) }
  },
})

const listSessions = defineRoute({
  method: 'GET',
  path: '/api/v1/session/all',
  operationId: 'listSessions',
  summary: 'List your sessions',
  description: 'Every number of yours that has WhatsApp or could have it, whichever API it was made with.',
  tag,
  scope: 'read',
  bare: true,
  responses: { 200: { description: 'All of them.', schema: shape.sessionList } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const sessions = await gateway.sessions.list(caller)
    return { status: 200, data: { data: await presentSessions(gateway, caller, sessions) } }
  },
})

const getSession = defineRoute({
  method: 'GET',
  path: '/api/v1/session/{id}',
  operationId: 'getSession',
  summary: 'Read a session',
  description: 'One session as it is now. The webhook `session.status_changed` tells of each change at once.',
  tag,
  scope: 'read',
  bare: true,
  params: shape.sessionParams,
  responses: { 200: { description: 'The session.', schema: shape.session } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const found = await gateway.sessions.get(caller, sessionIdOf(params.id))
    return { status: 200, data: await presentSession(gateway, caller, found) }
  },
})

const getQrCode = defineRoute({
  method: 'GET',
  path: '/api/v1/session/{id}/get-qr-code',
  operationId: 'getQrCode',
  summary: 'Get a code to scan',
  description:
    'Connects the session if it is down, and waits up to ten seconds for the code. On the phone: WhatsApp, Settings, Linked devices, Link a device. Codes change, so ask again until the status is `ready`.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.sessionParams,
  responses: { 200: { description: 'The code.', schema: shape.qrCode } },
  errors: linkErrors,
  async handle({ gateway }, { caller, params }) {
    const code = await gateway.sessions.code(caller, sessionIdOf(params.id))
    const message = 'Scan this with the phone that is to be linked.'
    return { status: 200, data: { success: true as const, qr_code_url: qrDataUrl(code), message } }
  },
})

const requestAuthCode = defineRoute({
  method: 'POST',
  path: '/api/v1/session/{id}/request-auth-code',
  operationId: 'requestAuthCode',
  summary: 'Get a code to type on the phone',
  description:
    'In the place of the QR code. No SMS is sent: on the phone choose to link with the phone number, and type the code of this answer. Takes 25 seconds at most.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.sessionParams,
  body: shape.authCodeBody,
  responses: { 200: { description: 'The code; a new one makes the one before useless.', schema: shape.authCode } },
  errors: [...linkErrors, 'WHATSAPP_RATE_LIMITED', 'WHATSAPP_REJECTED'],
  async handle({ gateway }, { caller, params, body }) {
    const code = await gateway.sessions.pairingCode(caller, sessionIdOf(params.id), phoneOf(body.phone))
    const message = 'Type this code on the phone, under Linked devices, Link with phone number.'
    return { status: 200, data: { success: true as const, message, code } }
  },
})

const forgetErrors = linkErrors.filter((code) => code !== 'WHATSAPP_ALREADY_CONNECTED')

const logOutSession = defineRoute({
  method: 'POST',
  path: '/api/v1/session/{id}/logout',
  operationId: 'logOutSession',
  summary: 'Unlink the phone',
  description:
    'The credentials are erased and the session is down. It keeps its number, if it has one: only the same phone can be linked again.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.sessionParams,
  responses: { 200: { description: 'No phone is linked.', schema: shape.done } },
  errors: forgetErrors,
  async handle({ gateway }, { caller, params }) {
    await gateway.sessions.logOut(caller, sessionIdOf(params.id))
    return { status: 200, data: { success: true as const, message: 'The phone is no longer linked.' } }
  },
})

const deleteSession = defineRoute({
  method: 'DELETE',
  path: '/api/v1/session/{id}',
  operationId: 'deleteSession',
  summary: 'Delete a session',
  description:
    'The phone is unlinked, the credentials are erased and the session is gone; its messages stay. A number that an operator gave you, or that has other channels, only loses WhatsApp and stays in the list.',
  tag,
  scope: 'manage',
  bare: true,
  params: shape.sessionParams,
  responses: { 200: { description: 'Deleted.', schema: shape.done } },
  errors: forgetErrors,
  async handle({ gateway }, { caller, params }) {
    await gateway.sessions.remove(caller, sessionIdOf(params.id))
    return { status: 200, data: { success: true as const, message: 'The session is deleted.' } }
  },
})

export const sessionRoutes: readonly Route[] = [
  createSession,
  listSessions,
  getSession,
  getQrCode,
  requestAuthCode,
  logOutSession,
  deleteSession,
]
