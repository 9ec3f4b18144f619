/** The shapes of the operator's calls: customers, keys, instances (lines), numbers and usage. */
import { z } from 'zod'
import { channels } from '../../../model/channel.ts'
import { healthStatus } from '../account-schema.ts'
import { pageCursor, pageLimit, pagination, time, uuidText } from '../schema.ts'

const name = () => z.string().trim().min(1, 'This must not be empty.').max(200)
const email = () => z.email('This must be an e-mail address.').max(254)
const address = (example: string) =>
  z
    .string()
    .min(1)
    .max(320)
    .meta({ examples: [example] })
const keyScopes = ['send', 'read', 'manage'] as const
const requestsPerMinute = z.int().min(0).max(1_000_000).nullable()
const optOutChannels = () =>
  z
    .array(z.enum(channels))
    .max(channels.length)
    .refine((named) => new Set(named).size === named.length, 'Name each channel once.')
    .meta({
      description:
        'Where nothing is sent to people who opted out, and where STOP and its like opt them out. SMS as long as nothing is said; none with an empty list.',
    })
const id = (what: string) =>
  z.string().meta({ description: `The id of ${what}.`, examples: ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] })

export const customerParams = z.object({ id: id('a customer') })
export const numberParams = z.object({ id: id('a customer'), numberId: id('a number') })
export const keyParams = z.object({ id: id('a key') })
export const instanceParams = z.object({ id: id('an instance') })
export const page = z.object({ limit: pageLimit, cursor: pageCursor })
export const keyPageQuery = page.extend({
  customerId: z.string().max(64).optional().meta({ description: 'Only keys of this customer.' }),
})

export const newCustomer = z
  .object({
    email: email(),
    name: name(),
    company: name().optional(),
    requestsPerMinute: requestsPerMinute
      .optional()
      .meta({ description: 'For each of its keys. Null or absent: the default of the gateway; 0: no limit.' }),
    optOutChannels: optOutChannels().optional(),
  })
  .meta({ id: 'NewCustomer', examples: [{ email: 'owner@bistro.test', name: 'Bistro on the Corner' }] })

export const changeCustomer = z
  .object({
    name: name().optional(),
    company: name().nullable().optional(),
    requestsPerMinute: requestsPerMinute.optional(),
    optOutChannels: optOutChannels().optional(),
  })
  .meta({ id: 'CustomerChange', examples: [{ optOutChannels: ['sms', 'whatsapp'] }] })

export const customer = z
  .object({
    id: uuidText(),
    email: z.string(),
    name: z.string(),
    company: z.string().nullable(),
    requestsPerMinute: z.int().nullable(),
    optOutChannels: z.array(z.enum(channels)),
    createdAt: time(),
  })
  .meta({ id: 'Customer' })
export const customerPage = z.object({ customers: z.array(customer), pagination })

export const newKey = z
  .object({
    name: name(),
    customerId: z.string().min(1).max(64).optional().meta({ format: 'uuid', description: 'The customer, by id …' }),
    customerEmail: email().optional().meta({ description: '… or by e-mail; exactly one of the two.' }),
    scopes: z
      .array(z.enum(keyScopes))
      .min(1, 'Name at least one scope, or leave the field out.')
      .max(keyScopes.length)
      .optional()
      .meta({
        description: 'What the key may do. Default: everything.',
      }),
    expiresAt: z.iso
      .datetime({ offset: true, error: 'This must be an ISO 8601 time with a zone.' })
      .optional()
      .meta({ examples: ['2027-01-01T00:00:00Z'] }),
    surface: z.enum(['textbubbles', 'whatsbridge']).default('textbubbles').meta({
      description:
        'Which clients it is for, as they know a key by its first letters: `whatsbridge` makes a token that begins with `WBT|`. Either kind opens both APIs.',
    }),
  })
  .meta({ id: 'NewKey', examples: [{ name: 'Kitchen display', customerEmail: 'owner@bistro.test', scopes: ['read'] }] })

const keyFields = {
  id: uuidText(),
  name: z.string(),
  customerId: uuidText(),
  customerEmail: z.string(),
  prefix: z.string().meta({ description: 'The first characters, to tell keys apart.' }),
  scopes: z.array(z.enum(keyScopes)),
  createdAt: time(),
  expiresAt: time().nullable(),
  revokedAt: time().nullable(),
  lastUsedAt: time().nullable(),
}
const apiKey = z.object(keyFields).meta({ id: 'ApiKey' })
export const createdKey = z
  .object({ ...keyFields, key: z.string().meta({ description: 'The key itself. It is shown now and never again.' }) })
  .meta({ id: 'CreatedKey' })
export const keyPage = z.object({ keys: z.array(apiKey), pagination })
export const revokedKey = z.object({ id: uuidText(), revoked: z.literal(true), revokedAt: time().nullable() })

const hostTypes = ['mac_user', 'mac_vm', 'dedicated'] as const
const channelList = z
  .array(z.enum(channels))
  .max(channels.length)
  .refine((list) => new Set(list).size === list.length, 'Name each only once.')
  .meta({ uniqueItems: true })
const providerUrl = z
  .string()
  .max(2_048)
  .refine(
    (value) => /^(?:(?:https?|smpps?|ws):\/\/|whatsapp:)/.test(value) && URL.canParse(value),
    'This must be a URL that begins with https://, http://, smpps://, smpp://, whatsapp: or ws://.',
  )
  .refine(
    (value) => !URL.canParse(value) || new URL(value).password === '',
    'A URL is shown to whoever may see the instance: leave the password out of it, and give it as `password`.',
  )
  .meta({
    format: 'uri',
    description: 'Where its provider is. Settings of a provider stand behind the question mark.',
    examples: [
      'http://mini-3.rack.test:1234',
      'smpps://gateway@smsc.example.com:3550?window=20',
      'whatsapp:?newContactsPerDay=20',
    ],
  })
const password = z.string().min(1).max(1_024).meta({ format: 'password', writeOnly: true })

const providerName = () => z.string().min(1).max(64)
const ownProvider = z.object({
  provider: providerName(),
  url: providerUrl.nullable().optional(),
  password: password.nullable().optional(),
})
export type ChangedProvider = z.output<typeof ownProvider> | null

/** An inbound message names only the line it came in on: with two customers on one line nobody could tell whose it is. */
const maxCustomers = z
  .int()
  .refine(
    (count) => count === 1,
    'An instance serves one customer: an inbound message could not be attributed otherwise. Leave the field out, or send 1.',
  )
  .optional()
  .meta({ description: 'Only 1 is possible.', const: 1 })

export const newInstance = z
  .object({
    name: name(),
    phoneNumber: address('+15550100100').optional(),
    icloudEmail: email().optional(),
    provider: z
      .string()
      .min(1)
      .max(64)
      .default('bluebubbles')
      .meta({ description: 'What connects it to its networks.' }),
    channels: channelList.optional().meta({ description: 'What it is used for. Default: iMessage and SMS.' }),
    url: providerUrl.optional(),
    password: password.optional(),
    providers: z
      .object({ imessage: ownProvider.optional(), whatsapp: ownProvider.optional(), sms: ownProvider.optional() })
      .optional()
      .meta({
        description: 'Channels that go through another provider than the rest, such as SMS of an iMessage line.',
      }),
    hostType: z.enum(hostTypes).optional(),
    hostInfo: z.string().max(500).optional(),
    maxCustomers,
  })
  .meta({
    id: 'NewInstance',
    examples: [
      {
        name: 'Mini 3',
        phoneNumber: '+15550100100',
        provider: 'bluebubbles',
        url: 'http://mini-3.rack.test:1234',
        password: 'correct horse',
        hostType: 'dedicated',
      },
    ],
  })

export const changeInstance = z
  .object({
    name: name().optional(),
    channels: channelList.optional(),
    url: providerUrl.nullable().optional(),
    password: password.nullable().optional(),
    providers: z
      .object({
        imessage: ownProvider.nullable().optional(),
        whatsapp: ownProvider.nullable().optional(),
        sms: ownProvider.nullable().optional(),
      })
      .optional()
      .meta({
        description:
          'Only the channels that are named change; null gives one back to the provider of the line. Without `password` the one it has stays.',
      }),
    hostType: z.enum(hostTypes).nullable().optional(),
    hostInfo: z.string().max(500).nullable().optional(),
    status: z.enum(['active', 'inactive', 'maintenance']).optional(),
    maxCustomers,
  })
  .refine(
    ({ maxCustomers: _, ...change }) => Object.values(change).some((value) => value !== undefined),
    'Name at least one field to change.',
  )
  .meta({ id: 'ChangeInstance', minProperties: 1, examples: [{ status: 'maintenance' }] })

const carried = z.object({ imessage: z.boolean(), sms: z.boolean(), whatsapp: z.boolean() })

export const instance = z
  .object({
    id: uuidText(),
    name: z.string(),
    phoneNumber: z.string().nullable(),
    icloudEmail: z.string().nullable(),
    provider: z.string(),
    channels: z.array(z.enum(channels)),
    capabilities: carried,
    url: z.string().nullable(),
    providers: z
      .partialRecord(z.enum(channels), z.object({ provider: z.string(), url: z.string().nullable() }))
      .meta({ description: 'Channels that go through another provider than the rest.' }),
    hostType: z.string().nullable(),
    hostInfo: z.string().nullable(),
    maxCustomers: z.literal(1),
    customerId: uuidText().nullable(),
    isDefault: z.boolean(),
    status: z.enum(['active', 'inactive', 'maintenance']),
    healthStatus,
    lastHealthCheck: time().nullable(),
    createdAt: time(),
  })
  .meta({
    id: 'Instance',
    description: 'A line: an address, and what connects it to its networks. Its password is never told.',
  })
export const instancePage = z.object({ instances: z.array(instance), pagination })
export const instanceTest = z
  .object({
    ok: z.boolean(),
    results: z.array(
      z.object({
        channel: z.enum(channels),
        ok: z.boolean(),
        detail: z.string().meta({ description: 'What was found, or what to do about it.' }),
      }),
    ),
  })
  .meta({
    id: 'InstanceTest',
    examples: [{ ok: true, results: [{ channel: 'sms', ok: true, detail: 'The SMSC accepted the bind.' }] }],
  })
export const deletedInstance = z.object({ id: uuidText(), deleted: z.literal(true) })

const instanceHealth = z
  .object({
    id: uuidText(),
    name: z.string(),
    phoneNumber: z.string().nullable(),
    status: z.enum(['active', 'inactive', 'maintenance']),
    healthStatus,
    warnings: z.array(z.string()),
    lastHealthCheck: time().nullable(),
  })
  .meta({ id: 'InstanceHealth' })
export const instanceHealthPage = z.object({ instances: z.array(instanceHealth), pagination })

export const newNumber = z
  .object({
    phoneNumber: address('+15550100100'),
    provider: z.string().min(1).max(64).default('bluebubbles'),
    instanceId: z
      .string()
      .max(64)
      .optional()
      .meta({ format: 'uuid', description: 'An instance nobody has yet. Without it a new one is made.' }),
  })
  .meta({ id: 'NewNumber', examples: [{ phoneNumber: '+15550100100', provider: 'bluebubbles' }] })
export const customerNumber = z
  .object({ id: uuidText(), phoneNumber: z.string().nullable(), capabilities: carried, isDefault: z.boolean() })
  .meta({ id: 'CustomerNumber' })
export const customerNumbers = z.object({ numbers: z.array(customerNumber) })
export const removedNumber = z.object({ id: uuidText(), deleted: z.literal(true) })

const day = z.iso.date('This must be a date, as in 2026-09-04.').meta({ examples: ['2026-09-04'] })
export const usageQuery = z.object({
  customerId: z.string().max(64).optional(),
  from: day.optional().meta({ description: 'First day, UTC. Default: 30 days before the last.' }),
  to: day.optional().meta({ description: 'Last day, UTC. Default: today.' }),
  limit: pageLimit,
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
})
export const usagePage = z.object({
  usage: z.array(
    z
      .object({
        customerId: uuidText(),
        day: z.string().meta({ format: 'date' }),
        event: z.string(),
        channel: z.enum(channels).nullable(),
        count: z.int(),
      })
      .meta({ id: 'UsageRow', description: 'How often something happened on one day, UTC.' }),
  ),
  pagination: z.object({ limit: z.int(), offset: z.int(), hasMore: z.boolean() }),
})
