/** The operator's calls about customers, their keys and numbers, and what they used. */
import type { AdminLine, ApiKey, Customer } from '../../../gateway.ts'
import { parseSender } from '../../../model/handle.ts'
import type { Handle } from '../../../model/ids.ts'
import { invalid } from '../../input.ts'
import { defineRoute, type Route } from '../../route.ts'
import { cursorOf, plainIdOf } from '../ids.ts'
import { pageEnd } from '../present.ts'
import * as shape from './schema.ts'

const presentCustomer = (from: Customer) => ({
  ...from,
  optOutChannels: [...from.optOutChannels],
  createdAt: from.createdAt.toISOString(),
})

const presentKey = (from: ApiKey) => ({
  id: from.id,
  name: from.name,
  customerId: from.customerId,
  customerEmail: from.customerEmail,
  prefix: from.prefix,
  scopes: [...from.scopes],
  createdAt: from.createdAt.toISOString(),
  expiresAt: from.expiresAt?.toISOString() ?? null,
  revokedAt: from.revokedAt?.toISOString() ?? null,
  lastUsedAt: from.lastUsedAt?.toISOString() ?? null,
})

export const capabilitiesOf = ({ channels }: Pick<AdminLine, 'channels'>) => ({
  imessage: channels.includes('imessage'),
  sms: channels.includes('sms'),
  whatsapp: channels.includes('whatsapp'),
})

const presentNumber = (line: AdminLine) => ({
  id: line.id,
  phoneNumber: line.address,
  capabilities: capabilitiesOf(line),
  isDefault: line.isDefault,
})

export function addressOf(text: string, path: string): Handle {
  const handle = parseSender(text)
  if (handle === null)
    throw invalid([
      {
        path,
        message:
          'Give a phone number in E.164 (a plus sign and 2 to 15 digits); for SMS also a short code of 3 to 8 digits, or a name of at most 11 letters and digits.',
      },
    ])
  return handle
}

const createCustomer = defineRoute({
  method: 'POST',
  path: '/v1/admin/customers',
  operationId: 'createCustomer',
  summary: 'Create a customer',
  description:
    'Everything else belongs to a customer: keys, numbers, messages, events. An e-mail address can be used once.',
  tag: 'Admin',
  scope: 'admin',
  body: shape.newCustomer,
  responses: { 201: { description: 'Created.', schema: shape.customer } },
  errors: ['CONFLICT'],
  async handle({ gateway }, { body }) {
    const { company = null, requestsPerMinute = null, ...rest } = body
    const customer = await gateway.admin.createCustomer({ ...rest, company, requestsPerMinute })
    return { status: 201, data: presentCustomer(customer) }
  },
})

const updateCustomer = defineRoute({
  method: 'PATCH',
  path: '/v1/admin/customers/{id}',
  operationId: 'updateCustomer',
  summary: 'Change a customer',
  description: 'Only the fields that are given change; null empties one. The e-mail address stays.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.customerParams,
  body: shape.changeCustomer,
  responses: { 200: { description: 'The customer as it is now.', schema: shape.customer } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params, body }) {
    const customer = await gateway.admin.changeCustomer(plainIdOf<'customer'>(params.id), body)
    return { status: 200, data: presentCustomer(customer) }
  },
})

const listCustomers = defineRoute({
  method: 'GET',
  path: '/v1/admin/customers',
  operationId: 'listCustomers',
  summary: 'List customers',
  description: 'Newest first.',
  tag: 'Admin',
  scope: 'admin',
  query: shape.page,
  responses: { 200: { description: 'One page.', schema: shape.customerPage } },
  errors: [],
  async handle({ gateway }, { query }) {
    const page = await gateway.admin.customers({ limit: query.limit, after: cursorOf<'customer'>(query.cursor) })
    return { status: 200, data: { customers: page.rows.map(presentCustomer), pagination: pageEnd(page) } }
  },
})

const getCustomer = defineRoute({
  method: 'GET',
  path: '/v1/admin/customers/{id}',
  operationId: 'getCustomer',
  summary: 'Read a customer',
  description: 'One customer.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.customerParams,
  responses: { 200: { description: 'The customer.', schema: shape.customer } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    return { status: 200, data: presentCustomer(await gateway.admin.customer(plainIdOf<'customer'>(params.id))) }
  },
})

const createKey = defineRoute({
  method: 'POST',
  path: '/v1/admin/keys',
  operationId: 'createKey',
  summary: 'Create an API key',
  description: 'The key is shown in this answer and never again; only a hash of it is kept.',
  tag: 'Admin',
  scope: 'admin',
  body: shape.newKey,
  responses: { 201: { description: 'Created. Store `key` now.', schema: shape.createdKey } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { body }) {
    const { name, customerId, customerEmail, scopes = ['send', 'read', 'manage'], expiresAt, surface } = body
    const created = await gateway.admin.createKey({
      name,
      customer: ownerOf(customerId, customerEmail),
      scopes: [...new Set(scopes)],
      expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
      surface,
    })
    return { status: 201, data: { ...presentKey(created), key: created.key } }
  },
})

function ownerOf(id: string | undefined, email: string | undefined) {
  if (id !== undefined && email === undefined) return { id: plainIdOf<'customer'>(id) }
  if (email !== undefined && id === undefined) return { email }
  throw invalid([
    { path: 'customerId', message: 'Name the customer by `customerId` or by `customerEmail`, exactly one of the two.' },
  ])
}

const listKeys = defineRoute({
  method: 'GET',
  path: '/v1/admin/keys',
  operationId: 'listKeys',
  summary: 'List API keys',
  description: 'Newest first, revoked ones included, without the keys themselves.',
  tag: 'Admin',
  scope: 'admin',
  query: shape.keyPageQuery,
  responses: { 200: { description: 'One page.', schema: shape.keyPage } },
  errors: [],
  async handle({ gateway }, { query }) {
    const customerId = query.customerId === undefined ? null : plainIdOf<'customer'>(query.customerId)
    const page = await gateway.admin.keys({ limit: query.limit, after: cursorOf<'key'>(query.cursor), customerId })
    return { status: 200, data: { keys: page.rows.map(presentKey), pagination: pageEnd(page) } }
  },
})

const revokeKey = defineRoute({
  method: 'DELETE',
  path: '/v1/admin/keys/{id}',
  operationId: 'revokeKey',
  summary: 'Revoke an API key',
  description: 'It is refused from now on. Revoking it again changes nothing.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.keyParams,
  responses: { 200: { description: 'Revoked.', schema: shape.revokedKey } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const key = await gateway.admin.revokeKey(plainIdOf<'key'>(params.id))
    return {
      status: 200,
      data: { id: key.id, revoked: true as const, revokedAt: key.revokedAt?.toISOString() ?? null },
    }
  },
})

const addNumber = defineRoute({
  method: 'POST',
  path: '/v1/admin/customers/{id}/numbers',
  operationId: 'addCustomerNumber',
  summary: 'Give a customer a number',
  description: 'Hands over an instance nobody has, or makes a new one. The first number of a customer is its default.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.customerParams,
  body: shape.newNumber,
  responses: { 201: { description: 'The customer has it.', schema: shape.customerNumber } },
  errors: ['CONFLICT', 'NOT_FOUND'],
  async handle({ gateway }, { params, body }) {
    const line = await gateway.admin.addNumber(plainIdOf<'customer'>(params.id), {
      address: addressOf(body.phoneNumber, 'phoneNumber'),
      provider: body.provider,
      line: body.instanceId === undefined ? null : plainIdOf<'line'>(body.instanceId),
    })
    return { status: 201, data: presentNumber(line) }
  },
})

const listNumbers = defineRoute({
  method: 'GET',
  path: '/v1/admin/customers/{id}/numbers',
  operationId: 'listCustomerNumbers',
  summary: 'List the numbers of a customer',
  description: 'All of them; their ids are the ids of their instances.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.customerParams,
  responses: { 200: { description: 'All of them.', schema: shape.customerNumbers } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const lines = await gateway.admin.numbers(plainIdOf<'customer'>(params.id))
    return { status: 200, data: { numbers: lines.map(presentNumber) } }
  },
})

const removeNumber = defineRoute({
  method: 'DELETE',
  path: '/v1/admin/customers/{id}/numbers/{numberId}',
  operationId: 'removeCustomerNumber',
  summary: 'Take a number from a customer',
  description: 'It is disconnected, and its instance goes with it. Messages stay.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.numberParams,
  responses: { 200: { description: 'Taken.', schema: shape.removedNumber } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const line = plainIdOf<'line'>(params.numberId)
    await gateway.admin.removeNumber(plainIdOf<'customer'>(params.id), line)
    return { status: 200, data: { id: line, deleted: true as const } }
  },
})

const makeDefault = defineRoute({
  method: 'PUT',
  path: '/v1/admin/customers/{id}/numbers/{numberId}/default',
  operationId: 'setDefaultCustomerNumber',
  summary: 'Choose the default number of a customer',
  description: 'What is sent without `from` goes out from there.',
  tag: 'Admin',
  scope: 'admin',
  params: shape.numberParams,
  responses: { 200: { description: 'The new default.', schema: shape.customerNumber } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { params }) {
    const line = await gateway.admin.makeDefault(plainIdOf<'customer'>(params.id), plainIdOf<'line'>(params.numberId))
    return { status: 200, data: presentNumber(line) }
  },
})

const dayMs = 86_400_000

const listUsage = defineRoute({
  method: 'GET',
  path: '/v1/admin/usage',
  operationId: 'listUsage',
  summary: 'List what customers used',
  description: 'Counted per customer, day, event and channel. At most 366 days at once.',
  tag: 'Admin',
  scope: 'admin',
  query: shape.usageQuery,
  responses: { 200: { description: 'One page.', schema: shape.usagePage } },
  errors: [],
  async handle({ gateway, clock }, { query }) {
    const { limit, offset } = query
    const to = query.to ?? new Date(clock.now()).toISOString().slice(0, 10)
    const from = query.from ?? new Date(Date.parse(to) - 30 * dayMs).toISOString().slice(0, 10)
    const days = (Date.parse(to) - Date.parse(from)) / dayMs
    if (days < 0 || days > 366)
      throw invalid([{ path: 'from', message: 'It must be before `to`, by at most 366 days.' }])
    const customerId = query.customerId === undefined ? null : plainIdOf<'customer'>(query.customerId)
    const { rows, hasMore } = await gateway.admin.usage({ customerId, from, to, limit, offset })
    return { status: 200, data: { usage: [...rows], pagination: { limit, offset, hasMore } } }
  },
})

export const adminRoutes: readonly Route[] = [
  createCustomer,
  listCustomers,
  getCustomer,
  updateCustomer,
  addNumber,
  listNumbers,
  removeNumber,
  makeDefault,
  createKey,
  listKeys,
  revokeKey,
  listUsage,
]
