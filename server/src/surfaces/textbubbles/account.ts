/** What a customer has and can reach: numbers, capabilities of recipients, and the health of the gateway. */
import type { Caller, Gateway, HealthReport, Reachability } from '../../gateway.ts'
import type { Channel } from '../../model/channel.ts'
import { GatewayError } from '../../model/errors.ts'
import { parsePhone, withPlus } from '../../model/handle.ts'
import type { Handle } from '../../model/ids.ts'
import { healthOf } from '../../model/line.ts'
import { defineRoute, type Route } from '../route.ts'
import * as shape from './account-schema.ts'

const listNumbers = defineRoute({
  method: 'GET',
  path: '/v1/numbers',
  operationId: 'listNumbers',
  summary: 'List your numbers',
  description: 'Every address you may send from, and how well its connection is.',
  tag: 'Account',
  scope: 'read',
  responses: { 200: { description: 'All of them.', schema: shape.ownNumbers } },
  errors: [],
  async handle({ gateway }, { caller }) {
    const lines = await gateway.lines.list(caller)
    // Before it is paired with a phone a line has nothing to send from.
    const named = lines.filter(({ address, email }) => address !== null || email !== null)
    const data = named.map((line) => ({
      phoneNumber: line.address,
      email: line.email,
      instanceName: line.name,
      isDefault: line.isDefault,
      healthStatus: healthOf(line),
    }))
    return { status: 200, data }
  },
})

const getCapabilities = defineRoute({
  method: 'GET',
  path: '/v1/capabilities/{phoneNumber}',
  operationId: 'getCapabilities',
  summary: 'Find out how a number can be reached',
  description:
    'Asks the networks, or answers from what they said lately. `recommendedChannel` is null when no channel of yours reaches the number.',
  tag: 'Account',
  scope: 'read',
  params: shape.phoneParams,
  responses: { 200: { description: 'What is known.', schema: shape.capabilities } },
  errors: ['INVALID_PHONE_NUMBER', 'NO_DEFAULT_ADDRESS'],
  async handle({ gateway }, { caller, params }) {
    const found = await gateway.lines.reach(caller, phoneIn(params.phoneNumber))
    const { facetime, focus } = await seenOnImessage(gateway, caller, found)
    const data = {
      phoneNumber: found.handle,
      capabilities: { ...found.channels, facetime: facetime.available },
      focused: focus.focused,
      ...(focus.focused && focus.mode !== null && { focusMode: focus.mode }),
      recommendedChannel: recommendedIn(found),
      lastChecked: found.checkedAt.toISOString(),
      cached: found.cached,
    }
    return { status: 200, data }
  },
})

const nothingSeen = { facetime: { available: false }, focus: { focused: false, mode: null } }

/** Beside the channels this is a courtesy: what cannot be found out just now is said not to be so. */
async function seenOnImessage(gateway: Gateway, caller: Caller, { handle, channels }: Reachability) {
  if (!channels.imessage) return nothingSeen
  const otherwise =
    <Answer>(answer: Answer) =>
    (error: unknown): Answer => {
      if (error instanceof GatewayError) return answer
      throw error
    }
  const [facetime, focus] = await Promise.all([
    gateway.contacts.facetime(caller, handle).catch(otherwise(nothingSeen.facetime)),
    gateway.contacts.focus(caller, handle).catch(otherwise(nothingSeen.focus)),
  ])
  return { facetime, focus }
}

/** Clients know two answers here; WhatsApp is named only where it is all there is. */
function recommendedIn({ channels, recommended }: Reachability): Channel | null {
  if (recommended !== 'whatsapp') return recommended
  if (channels.imessage) return 'imessage'
  return channels.sms ? 'sms' : 'whatsapp'
}

export function phoneIn(text: string): Handle {
  const handle = parsePhone(withPlus(text))
  if (handle === null) {
    throw new GatewayError('INVALID_PHONE_NUMBER', 'Give the number in E.164: a plus sign and 2 to 15 digits.')
  }
  return handle
}

const getHealth = defineRoute({
  method: 'GET',
  path: '/health',
  operationId: 'getHealth',
  summary: 'Ask whether the gateway is well',
  description:
    'Needs no key, counts against no limit and has no envelope. Always 200 while the process answers; read `status`.',
  tag: 'Account',
  scope: 'public',
  bare: true,
  responses: { 200: { description: 'How things are.', schema: shape.health } },
  errors: [],
  async handle({ gateway, clock }) {
    const { database, outbox, links } = await gateway.health()
    const queue = { status: outbox ? ('ok' as const) : ('down' as const) }
    const data = {
      status: database && outbox ? ('ok' as const) : ('degraded' as const),
      timestamp: new Date(clock.now()).toISOString(),
      checks: {
        database: { status: database ? ('ok' as const) : ('down' as const) },
        queue,
        redis: queue,
        imessage: linkCheck(links, 'imessage'),
        sms: linkCheck(links, 'sms'),
        whatsapp: { ...linkCheck(links, 'whatsapp'), experimental: true as const },
      },
    }
    return { status: 200, data }
  },
})

const linkWords = { healthy: 'ok', degraded: 'degraded', unhealthy: 'down', unknown: 'unknown' } as const

function linkCheck(links: HealthReport['links'], channel: Channel) {
  const { health, lines } = links[channel]
  return { status: lines === 0 ? ('unused' as const) : linkWords[health] }
}

export const accountRoutes: readonly Route[] = [listNumbers, getCapabilities, getHealth]
