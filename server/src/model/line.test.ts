/** How well a line is, from the state of its links, and how a link is, from its order and what it said. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Channel, channels } from './channel.ts'
import type { CustomerId } from './ids.ts'
import {
  endsPairing,
  type Health,
  healthOf,
  type LinkOrder,
  type LinkStage,
  type LinkState,
  linkNow,
  stageOf,
} from './line.ts'

const connected: LinkState = {
  status: 'connected',
  identity: '+12025550100',
  warnings: [],
  since: '2026-01-01T00:00:00Z',
}
const warned: LinkState = { ...connected, warnings: ['Private API is disabled'] }
const connecting: LinkState = { status: 'connecting' }
const pairing: LinkState = { status: 'pairing', qr: 'code', expiresAt: '2026-01-01T00:05:00Z' }
const off: LinkState = { status: 'off' }
const lost = { status: 'disconnected', reason: 'close_428', retryAt: null } as const satisfies LinkState

describe('healthOf', () => {
  test.each<[Channel[], Partial<Record<Channel, LinkState>>, Health]>([
    [[], {}, 'unknown'],
    [[], { sms: connected }, 'unknown'],
    [['sms'], {}, 'unknown'],
    [['sms'], { sms: connected }, 'healthy'],
    [['sms'], { sms: connected, imessage: lost }, 'healthy'],
    [['imessage'], { imessage: warned }, 'degraded'],
    [['imessage', 'sms'], { imessage: warned, sms: connected }, 'degraded'],
    [['imessage', 'sms'], { imessage: warned }, 'degraded'],
    [['sms', 'imessage'], { imessage: warned }, 'degraded'],
    [['imessage', 'sms'], { imessage: connected }, 'unknown'],
    [['imessage', 'sms'], { imessage: warned, sms: lost }, 'unhealthy'],
    [['sms', 'whatsapp'], { whatsapp: pairing }, 'unhealthy'],
    [['sms'], { sms: connecting }, 'unhealthy'],
    [['sms'], { sms: off }, 'unhealthy'],
  ])('of a line with %j and links %j is %s', (enabled, links, health) => {
    expect(healthOf({ channels: enabled, links })).toBe(health)
  })

  test('does not depend on the order of the channels, and no more links make it better', () => {
    const fromBestToWorst: Health[] = ['healthy', 'unknown', 'degraded', 'unhealthy']
    const anyState = fc.option(fc.constantFrom(connected, warned, connecting, pairing, off, lost), { nil: undefined })
    const anyLinks = fc.record({ imessage: anyState, whatsapp: anyState, sms: anyState })
    fc.assert(
      fc.property(anyLinks, fc.shuffledSubarray([...channels], { minLength: 1 }), (links, enabled) => {
        const health = healthOf({ channels: enabled, links })
        expect(healthOf({ channels: enabled.toReversed(), links })).toBe(health)
        const fewer = enabled.slice(1)
        if (fewer.length === 0) return
        expect(fromBestToWorst.indexOf(healthOf({ channels: fewer, links }))).toBeLessThanOrEqual(
          fromBestToWorst.indexOf(health),
        )
      }),
    )
  })
})

test.each<[LinkState | null, LinkStage]>([
  [null, 'new'],
  [connecting, 'connecting'],
  [pairing, 'pairing'],
  [connected, 'up'],
  [warned, 'up'],
  [off, 'down'],
  [lost, 'down'],
  [{ ...lost, reason: 'stopped' }, 'down'],
  [{ ...lost, reason: 'auth_reset' }, 'down'],
  [{ ...lost, reason: 'terminal_408' }, 'down'],
  [{ ...lost, reason: 'auth_revoked' }, 'refused'],
  [{ ...lost, reason: 'phone_number_mismatch' }, 'refused'],
  [{ ...lost, reason: 'terminal_403' }, 'refused'],
])('a link that last said %j is %s', (state, stage) => {
  expect(stageOf(state)).toBe(stage)
})

describe('how a link is now', () => {
  const whatsapp: LinkState = { status: 'connected', identity: 'us', warnings: [], since: '2026-09-04T17:20:00Z' }
  const line = {
    channels: ['whatsapp'] as const,
    customerId: 'customer' as CustomerId,
    status: 'active' as const,
    links: { whatsapp },
    linkOrders: {},
    linkPasts: {},
  }
  const past = { round: 2, connectedAt: null, disconnectedAt: null, identity: null, reason: null }
  const order = (stopped: LinkOrder['stopped'], round: number) => ({ whatsapp: { stopped, round } })
  const off = (reason: 'stopped' | 'auth_reset') => ({ status: 'disconnected', reason, retryAt: null })

  test.each<[string, Partial<Parameters<typeof linkNow>[0]>, unknown]>([
    ['without that channel there is none', { channels: ['sms'] }, null],
    ['what it said counts as long as nothing was ordered', {}, whatsapp],
    ['stopped, for the reason that was ordered', { linkOrders: order('auth_reset', 1) }, off('auth_reset')],
    ['what it said under this order counts', { linkOrders: order(null, 2), linkPasts: { whatsapp: past } }, whatsapp],
    [
      'what it said before does not',
      { linkOrders: order(null, 3), linkPasts: { whatsapp: past } },
      { status: 'connecting' },
    ],
    ['on its way before it says anything', { links: {} }, { status: 'connecting' }],
    ['not on its way while the line is out of use', { links: {}, status: 'maintenance' }, off('stopped')],
    ['not on its way while the line is nobody’s', { links: {}, customerId: null }, off('stopped')],
  ])('%s', (_, change, expected) => {
    expect(linkNow({ ...line, ...change }, 'whatsapp')).toEqual(expected)
  })
})

test.each([
  ['auth_revoked', true],
  ['auth_reset', true],
  ['phone_number_mismatch', true],
  ['stopped', false],
  ['reconnect_exhausted', false],
  ['close_428', false],
  ['terminal_403', false],
] as const)('%s ends the pairing: %j', (reason, expected) => {
  expect(endsPairing(reason)).toBe(expected)
})
