/** The operator's calls about the link of an instance with WhatsApp. */
import { defineRoute, type Route } from '../../route.ts'
import { plainIdOf } from '../ids.ts'
import { presentChanged, presentSession } from '../whatsapp/present.ts'
import { changed, session } from '../whatsapp/schema.ts'
import { instanceParams } from './schema.ts'

const getStatus = defineRoute({
  method: 'GET',
  path: '/v1/admin/instances/{id}/whatsapp/status',
  operationId: 'getInstanceWhatsappStatus',
  summary: 'See how an instance is linked with WhatsApp',
  description: 'As its customer sees it.',
  tag: 'Admin',
  scope: 'admin',
  params: instanceParams,
  responses: { 200: { description: 'As it is now.', schema: session } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentSession(await gateway.admin.pairing.status(plainIdOf<'line'>(params.id))) }
  },
})

const enable = defineRoute({
  method: 'POST',
  path: '/v1/admin/instances/{id}/whatsapp/enable',
  operationId: 'enableInstanceWhatsapp',
  summary: 'Switch WhatsApp of an instance on',
  description:
    'Its customer then finds the QR code to scan. An instance that nobody has, or that is not active, waits until it is served.',
  tag: 'Admin',
  scope: 'admin',
  params: instanceParams,
  responses: { 200: { description: 'It is on, or on its way.', schema: changed } },
  errors: ['CHANNEL_NOT_SUPPORTED', 'NOT_FOUND'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentChanged(await gateway.admin.pairing.enable(plainIdOf<'line'>(params.id))) }
  },
})

const disconnect = defineRoute({
  method: 'POST',
  path: '/v1/admin/instances/{id}/whatsapp/disconnect',
  operationId: 'disconnectInstanceWhatsapp',
  summary: 'Switch WhatsApp of an instance off',
  description: 'The phone stays linked: enabling it again needs no code.',
  tag: 'Admin',
  scope: 'admin',
  params: instanceParams,
  responses: { 200: { description: 'It is off, until it is enabled.', schema: changed } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentChanged(await gateway.admin.pairing.disconnect(plainIdOf<'line'>(params.id))) }
  },
})

const resetAuth = defineRoute({
  method: 'POST',
  path: '/v1/admin/instances/{id}/whatsapp/reset-auth',
  operationId: 'resetInstanceWhatsappAuth',
  summary: 'Unlink the phone of an instance',
  description: 'The credentials are erased and the link is off, until it is enabled and a phone is linked again.',
  tag: 'Admin',
  scope: 'admin',
  params: instanceParams,
  responses: { 200: { description: 'It is off, and no phone is linked.', schema: changed } },
  errors: ['CHANNEL_NOT_SUPPORTED', 'INVALID_STATUS', 'NOT_FOUND', 'PROVIDER_TIMEOUT', 'WHATSAPP_NOT_CONNECTED'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentChanged(await gateway.admin.pairing.resetAuth(plainIdOf<'line'>(params.id))) }
  },
})

export const instanceWhatsappRoutes: readonly Route[] = [getStatus, enable, disconnect, resetAuth]
