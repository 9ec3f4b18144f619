/** The operator's calls about instances, which is what this surface calls lines. */
import type { AdminLine, ProviderChange } from '../../../gateway.ts'
import { type Channel, channels } from '../../../model/channel.ts'
import { parseAddress } from '../../../model/handle.ts'
import { healthOf } from '../../../model/line.ts'
import { invalid } from '../../input.ts'
import { defineRoute, type Route } from '../../route.ts'
import { cursorOf, plainIdOf } from '../ids.ts'
import { pageEnd } from '../present.ts'
import { addressOf, capabilitiesOf } from './routes.ts'
import * as shape from './schema.ts'

const presentInstance = (line: AdminLine) => ({
  id: line.id,
  name: line.name,
  phoneNumber: line.address,
  icloudEmail: line.email,
  provider: line.provider,
  channels: [...line.channels],
  capabilities: capabilitiesOf(line),
  url: line.url,
  providers: Object.fromEntries(
    Object.entries(line.providers).map(([channel, provider]) => [
      channel,
      { provider, url: line.urls[channel as Channel] ?? null },
    ]),
  ),
  hostType: line.hostType,
  hostInfo: line.hostInfo,
  maxCustomers: 1 as const,
  customerId: line.customerId,
  isDefault: line.isDefault,
  status: line.status,
  healthStatus: healthOf(line),
  lastHealthCheck: line.lastHealthCheck?.toISOString() ?? null,
  createdAt: line.createdAt.toISOString(),
})

const presentHealth = (line: AdminLine) => ({
  id: line.id,
  name: line.name,
  phoneNumber: line.address,
  status: line.status,
  healthStatus: healthOf(line),
  warnings: Object.values(line.links).flatMap((state) => (state.status === 'connected' ? [...state.warnings] : [])),
  lastHealthCheck: line.lastHealthCheck?.toISOString() ?? null,
})

/** What is said for each channel, as far as anything is. */
function mapProviders<From, To>(
  said: Partial<Record<Channel, From | undefined>> | undefined,
  of: (from: From) => To,
): Partial<Record<Channel, To>> {
  const mapped: Partial<Record<Channel, To>> = {}
  for (const channel of channels) {
    const one = said?.[channel]
    if (one !== undefined) mapped[channel] = of(one)
  }
  return mapped
}

const changeOf = (said: shape.ChangedProvider): ProviderChange =>
  said === null
    ? null
    : {
        provider: said.provider,
        url: said.url ?? null,
        ...(said.password !== undefined && { password: said.password }),
      }

const createInstance = defineRoute({
  method: 'POST',
  path: '/v1/admin/instances',
  operationId: 'createInstance',
  summary: 'Create an instance',
  description: 'It connects at once, and belongs to nobody until a customer gets it as a number.',
  tag: 'Admin',
  scope: 'admin',
  body: shape.newInstance,
  responses: { 201: { description: 'Created.', schema: shape.instance } },
  errors: ['CONFLICT'],
  async handle({ gateway }, { body }) {
    if (body.phoneNumber === undefined && body.icloudEmail === undefined) {
      throw invalid([{ path: 'phoneNumber', message: 'Give a `phoneNumber`, an `icloudEmail`, or both.' }])
    }
    const line = await gateway.admin.createLine({
      name: body.name,
      address: body.phoneNumber === undefined ? null : addressOf(body.phoneNumber, 'phoneNumber'),
      email: body.icloudEmail === undefined ? null : parseAddress(body.icloudEmail),
      provider: body.provider,
      channels: body.channels ?? ['imessage', 'sms'],
      url: body.url ?? null,
      password: body.password ?? null,
      providers: mapProviders(body.providers, ({ provider, url, password }) => ({
        provider,
        url: url ?? null,
        password: password ?? null,
      })),
      hostType: body.hostType ?? null,
      hostInfo: body.hostInfo ?? null,
    })
    return { status: 201, data: presentInstance(line) }
  },
})

const listInstances = defineRoute({
  method: 'GET',
  path: '/v1/admin/instances',
  operationId: 'listInstances',
  summary: 'List instances',
  description: 'Newest first.',
  tag: 'Admin',
  scope: 'admin',
  query: shape.page,
  responses: { 200: { description: 'One page.', schema: shape.instancePage } },
  errors: [],
  async handle({ gateway }, { query }) {
    const page = await gateway.admin.lines({ limit: query.limit, after: cursorOf<'line'>(query.cursor) })
    return { status: 200, data: { instances: page.rows.map(presentInstance), pagination: pageEnd(page) } }
  },
})

const listInstanceHealth = defineRoute({
  method: 'GET',
  path: '/v1/admin/instances/health',
  operationId: 'listInstanceHealth',
  summary: 'See how well the instances are',
  description: 'An instance is as well as its worst connection.',
  tag: 'Admin',
  scope: 'admin',
  query: shape.page,
  responses: { 200: { description: 'One page.', schema: shape.instanceHealthPage } },
  errors: [],
  async handle({ gateway }, { query }) {
    const page = await gateway.admin.lines({ limit: query.limit, after: cursorOf<'line'>(query.cursor) })
    return { status: 200, data: { instances: page.rows.map(presentHealth), pagination: pageEnd(page) } }
  },
})

const getInstance = defineRoute({
  method: 'GET',
  path: '/v1/admin/instances/{id}',
  operationId: 'getInstance',
  summary: 'Read an instance',
  description: 'One instance.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.instanceParams,
  responses: { 200: { description: 'The instance.', schema: shape.instance } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentInstance(await gateway.admin.line(plainIdOf<'line'>(params.id))) }
  },
})

const updateInstance = defineRoute({
  method: 'PATCH',
  path: '/v1/admin/instances/{id}',
  operationId: 'updateInstance',
  summary: 'Change an instance',
  description: 'Only the fields that are given change; null empties one. Its address and provider stay.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.instanceParams,
  body: shape.changeInstance,
  responses: { 200: { description: 'The instance as it is now.', schema: shape.instance } },
  errors: ['CONFLICT', 'NOT_FOUND'],
  async handle({ gateway }, { params, body }) {
    const { maxCustomers: _, providers, ...rest } = body
    const change = { ...rest, ...(providers !== undefined && { providers: mapProviders(providers, changeOf) }) }
    return { status: 200, data: presentInstance(await gateway.admin.changeLine(plainIdOf<'line'>(params.id), change)) }
  },
})

const deleteInstance = defineRoute({
  method: 'DELETE',
  path: '/v1/admin/instances/{id}',
  operationId: 'deleteInstance',
  summary: 'Delete an instance',
  description: 'It is disconnected at once, and a customer who has it as a number loses the number. Messages stay.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.instanceParams,
  responses: { 200: { description: 'Deleted.', schema: shape.deletedInstance } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const id = plainIdOf<'line'>(params.id)
    await gateway.admin.removeLine(id)
    return { status: 200, data: { id, deleted: true as const } }
  },
})

const testInstance = defineRoute({
  method: 'POST',
  path: '/v1/admin/instances/{id}/test',
  operationId: 'testInstance',
  summary: 'Test the settings of an instance',
  description:
    'Connects to the provider with the URL and the password of the instance, has the credentials proved, and leaves again; nothing is sent to anybody. Takes 20 seconds at most.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.instanceParams,
  responses: { 200: { description: 'What came of it, for each channel.', schema: shape.instanceTest } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const results = await gateway.admin.testLine(plainIdOf<'line'>(params.id))
    return { status: 200, data: { ok: results.every(({ ok }) => ok), results: [...results] } }
  },
})

export const instanceRoutes: readonly Route[] = [
  createInstance,
  listInstances,
  listInstanceHealth,
  getInstance,
  updateInstance,
  deleteInstance,
  testInstance,
]
