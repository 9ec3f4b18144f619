/** What an order does to a link of a held line, and what it leaves alone. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import type { Connector } from '../channels/connector.ts'
import { inMemoryCapabilities } from '../channels/inmemory/capabilities.ts'
import type { CustomerId, LineId } from '../model/ids.ts'
import type { DisconnectReason, LinkOrders, LinkState } from '../model/line.ts'
import type { HeldLine } from '../store/nodes.ts'
import { Holding } from './held.ts'

const line: HeldLine = {
  id: 'line' as LineId,
  customerId: 'customer' as CustomerId,
  address: null,
  email: null,
  channels: ['sms', 'whatsapp'],
  epoch: 1,
  provider: 'sandbox',
  url: null,
  secret: null,
  channelProviders: {},
  linkOrders: {},
}
const stopped = (round: number): LinkOrders => ({ whatsapp: { stopped: 'stopped', round } })
const up = (round: number): LinkOrders => ({ whatsapp: { stopped: null, round } })

/** Two networks that write down what they are asked for, and links that say what they are told to say. */
function stage(first: HeldLine = line) {
  const clock = createHandClock()
  const done: string[] = []
  const said: string[] = []
  const says = new Map<string, (state: LinkState) => void>()
  /** While it is set, links take so long to stop. */
  const pace = { stopMs: 0 }
  const connectorOf = (channel: 'sms' | 'whatsapp'): Connector => ({
    channel,
    capabilities: inMemoryCapabilities[channel],
    open(_settings, host) {
      let isUp = false
      says.set(channel, (state) => host.setState(state))
      const move = (wanted: boolean, state: LinkState) => {
        done.push(`${wanted ? 'start' : 'stop'} ${channel}`)
        if (isUp !== wanted) host.setState(state)
        isUp = wanted
      }
      return {
        capabilities: inMemoryCapabilities[channel],
        actions: {},
        start: async () => move(true, { status: 'connecting' }),
        stop: async () => {
          const { stopMs } = pace
          pace.stopMs = 0
          move(false, { status: 'disconnected', reason: 'stopped', retryAt: null })
          if (stopMs > 0) await clock.sleep(stopMs)
        },
        reach: async () => 'yes',
        send: () => Promise.reject(new Error('nothing is sent here')),
      }
    },
  })
  const held = new Holding(
    first,
    {
      vault: { get: async () => null, getAll: async () => new Map(), keys: async () => [], put: async () => undefined },
      providers: new Map([
        [
          'sandbox',
          new Map([
            ['sms', connectorOf('sms')],
            ['whatsapp', connectorOf('whatsapp')],
          ]),
        ],
      ]),
      box: { open: () => Buffer.alloc(0) },
      publicUrl: () => 'http://127.0.0.1:9',
      inbox: { receive: async () => undefined },
      lineAt: async () => null,
      adopt: async () => true,
      clock,
      log: { info: () => undefined, warn: () => undefined, error: (facts) => void done.push(JSON.stringify(facts)) },
    },
    {
      isHeld: () => true,
      tell: (_line, channel, { state, round }) => {
        const why = state.status === 'disconnected' ? ` ${state.reason}` : ''
        said.push(`${channel} ${state.status}${why} in round ${round}`)
      },
    },
  )
  /** What happened since somebody last looked. */
  const since = () => ({ done: done.splice(0), said: said.splice(0) })
  const follow = async (change: Partial<HeldLine>) => {
    await clock.during(held.follow({ ...line, ...change }))
    await clock.advance(0)
    return since()
  }
  return { clock, held, says, pace, since, follow }
}

async function opened(first: HeldLine = line) {
  const scene = stage(first)
  await scene.clock.during(scene.held.open())
  return scene
}

test('a link that is to stay down is opened, not started, and says why', async () => {
  const { held, since } = await opened({ ...line, linkOrders: stopped(3) })
  expect(since()).toEqual({
    done: ['start sms'],
    said: ['sms connecting in round 0', 'whatsapp disconnected stopped in round 3'],
  })
  expect([held.ready, held.connection('whatsapp') !== null]).toEqual([true, true])
})

test('an order stops and starts its own link, and no other', async () => {
  const { follow, since } = await opened()
  since()
  const down = await follow({ linkOrders: stopped(1) })
  expect(down.done).toEqual(['stop whatsapp'])
  expect(new Set(down.said)).toEqual(new Set(['whatsapp disconnected stopped in round 1']))
  expect(await follow({ linkOrders: stopped(1) })).toEqual({ done: [], said: [] })
  expect(await follow({ linkOrders: up(2) })).toEqual({
    done: ['start whatsapp'],
    said: ['whatsapp connecting in round 2'],
  })
})

test('a start waits until the stop before it is done', async () => {
  const { clock, follow, pace, since } = await opened()
  pace.stopMs = 3_000
  since()
  expect((await follow({ linkOrders: stopped(1) })).done).toEqual(['stop whatsapp'])
  expect((await follow({ linkOrders: up(2) })).done).toEqual([])
  await clock.advance(3_000)
  expect(since()).toEqual({ done: ['start whatsapp'], said: ['whatsapp connecting in round 2'] })
})

test('a channel that goes is not started by what was ordered before', async () => {
  const { clock, follow, pace, since } = await opened()
  pace.stopMs = 3_000
  await follow({ linkOrders: stopped(1) })
  await follow({ linkOrders: up(2) })
  await follow({ channels: ['sms'] })
  await clock.advance(3_000)
  expect(since().done.filter((one) => one.startsWith('start'))).toEqual([])
})

test('what a link says while it is to stay down is the reason for that', async () => {
  const { follow, says, since } = await opened()
  await follow({ linkOrders: { whatsapp: { stopped: 'auth_reset', round: 1 } } })
  says.get('whatsapp')?.({ status: 'connecting' })
  expect(since().said).toEqual(['whatsapp disconnected auth_reset in round 1'])
})

test('a link that has nothing to do says in the new round what it said before', async () => {
  const { follow, says, since } = await opened()
  says.get('whatsapp')?.({ status: 'connected', identity: 'us', warnings: [], since: '' })
  since()
  expect(await follow({ linkOrders: up(1) })).toEqual({
    done: ['start whatsapp'],
    said: ['whatsapp connected in round 1'],
  })
})

test('a link without its pairing was reset', async () => {
  const { says, since } = await opened()
  since()
  says.get('whatsapp')?.({ status: 'off' })
  expect(since().said).toEqual(['whatsapp disconnected auth_reset in round 0'])
})

test('channels that come, go or change their provider do so alone', async () => {
  const { held, follow, since } = await opened({ ...line, channels: ['sms'] })
  since()
  expect((await follow({})).done).toEqual(['start whatsapp'])
  const elsewhere = { whatsapp: { provider: 'sandbox', url: 'http://127.0.0.1:9', secret: null } }
  expect((await follow({ channelProviders: elsewhere })).done).toEqual(['stop whatsapp', 'start whatsapp'])
  expect((await follow({ channels: ['sms'], channelProviders: elsewhere })).done).toEqual(['stop whatsapp'])
  expect([held.connection('whatsapp'), held.connection('sms') !== null]).toEqual([null, true])
})

test.each<[DisconnectReason, boolean]>([
  ['close_440', true],
  ['auth_revoked', false],
  ['auth_reset', false],
  ['reconnect_exhausted', false],
  ['terminal_403', false],
  ['phone_number_mismatch', false],
])('a link that ended with %s is started again by itself: %s', async (reason, isStarted) => {
  const { clock, held, says, since } = await opened()
  says.get('whatsapp')?.({ status: 'disconnected', reason, retryAt: null })
  since()
  await clock.advance(2_000)
  held.restartEnded()
  await clock.advance(0)
  expect(since().done).toEqual(isStarted ? ['start whatsapp'] : [])
})

test('a link that is to stay down is not started again, however it ended', async () => {
  const { clock, held, follow, says, since } = await opened()
  says.get('whatsapp')?.({ status: 'disconnected', reason: 'close_440', retryAt: null })
  await follow({ linkOrders: stopped(1) })
  says.get('whatsapp')?.({ status: 'disconnected', reason: 'close_440', retryAt: null })
  since()
  await clock.advance(600_000)
  held.restartEnded()
  await clock.advance(0)
  expect(since().done).toEqual([])
})
