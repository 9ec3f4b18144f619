/** The shapes of what a caller has and can reach: numbers, capabilities, health. */
import { z } from 'zod'
import { channelName, time } from './schema.ts'

export const phoneParams = z.object({
  phoneNumber: z
    .string()
    .meta({ description: 'A phone number in E.164, with or without its `+`.', examples: ['+15550100123'] }),
})

export const healthStatus = z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']).meta({ id: 'HealthStatus' })

export const ownNumbers = z.array(
  z
    .object({
      phoneNumber: z.string().nullable(),
      email: z.string().nullable(),
      instanceName: z.string(),
      isDefault: z.boolean(),
      healthStatus,
    })
    .meta({ id: 'OwnNumber', description: 'An address of yours; either form may be used as `from`.' }),
)

export const capabilities = z
  .object({
    phoneNumber: z.string(),
    capabilities: z.object({ imessage: z.boolean(), sms: z.boolean(), whatsapp: z.boolean(), facetime: z.boolean() }),
    focused: z.boolean().meta({ description: 'Their phone holds back what arrives now.' }),
    focusMode: z.string().optional().meta({ description: 'Only when they are focused and the network tells it.' }),
    recommendedChannel: channelName.nullable(),
    lastChecked: time(),
    cached: z.boolean(),
  })
  .meta({ id: 'RecipientCapabilities', description: 'On which channels a number can be reached.' })

const check = z.object({ status: z.enum(['ok', 'degraded', 'down', 'unknown', 'unused']) })

export const health = z
  .object({
    status: z.enum(['ok', 'degraded']),
    timestamp: time(),
    checks: z.object({
      database: check,
      queue: check,
      redis: check.meta({ description: 'The same as `queue`, under the name older monitors look for.' }),
      imessage: check,
      sms: check,
      whatsapp: check.extend({ experimental: z.literal(true) }),
    }),
  })
  .meta({
    id: 'Health',
    description: 'Degraded only while the database or the queue is down; channels speak for themselves.',
  })
