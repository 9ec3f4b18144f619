/** What closing means: no link is left behind, and whatever one said about itself is stored before the database is let go. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../test/support/hand-clock.ts'
import type { Connector } from '../channels/connector.ts'
import { inMemoryCapabilities } from '../channels/inmemory/capabilities.ts'
import type { CustomerId, LineId } from '../model/ids.ts'
import type { LinkState } from '../model/line.ts'
import type { HeldLine } from '../store/nodes.ts'
import { Links, type LinksOptions } from './links.ts'

const line: HeldLine = {
  id: 'line' as LineId,
  customerId: 'customer' as CustomerId,
  address: null,
  email: null,
  channels: ['sms'],
  epoch: 1,
  provider: 'sandbox',
  url: null,
  secret: null,
  channelProviders: {},
  linkOrders: {},
}

function stage() {
  const clock = createHandClock()
  let say: (state: LinkState) => void = () => undefined
  /** A link that says it is off as the last thing it does. */
  const connector: Connector = {
    channel: 'sms',
    capabilities: inMemoryCapabilities.sms,
    open(_line, host) {
      say = (state) => host.setState(state)
      return {
        capabilities: inMemoryCapabilities.sms,
        actions: {},
        start: async () => host.setState({ status: 'connecting' }),
        stop: async () => host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null }),
        reach: async () => 'yes',
        send: () => Promise.reject(new Error('nothing is sent here')),
      }
    },
  }
  const calls: string[] = []
  let mine: HeldLine[] = []
  let free = [line]
  const trouble = { times: 0 }
  const options: LinksOptions = {
    ledger: {
      beat: async () => true,
      bury: async () => [],
      renewLanes: async (_node, fences) => new Set(fences),
      renewLines: async () => mine,
      takeLines: async () => {
        mine = [...mine.filter(({ id }) => free.every((one) => one.id !== id)), ...free]
        const taken = free
        free = []
        return taken
      },
      releaseLine: async () => void calls.push('released'),
      setLink: async (_line, _channel, state) => {
        await clock.sleep(500)
        if (trouble.times-- > 0) throw new Error('The connection to the database was lost.')
        calls.push(state.status)
        return false
      },
    },
    vault: { get: async () => null, getAll: async () => new Map(), keys: async () => [], put: async () => undefined },
    providers: new Map([['sandbox', new Map([['sms', connector]])]]),
    box: { open: () => Buffer.alloc(0) },
    publicUrl: () => 'http://127.0.0.1:9',
    inbox: { receive: async () => undefined },
    lineAt: async () => null,
    adopt: async () => false,
    clock,
    node: () => 1,
    laneLeaseMs: 30_000,
    rename: async () => undefined,
    fences: () => [],
    lose: () => undefined,
    moved: () => undefined,
    told: () => undefined,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  }
  const loseAll = () => (mine = [])
  /** The lease runs out after it was renewed and before lines are taken. */
  const expire = () => (free = [{ ...line, epoch: 2 }])
  return { clock, calls, links: new Links(options), loseAll, expire, trouble, says: (state: LinkState) => say(state) }
}

test('closing stores the last state of a line before it is given back', async () => {
  const { clock, calls, links } = stage()
  await links.start()
  await links.stop()
  await clock.during(links.close())
  expect(calls).toEqual(['connecting', 'disconnected', 'released'])
})

test('closing waits for the last state of a line that was dropped just before', async () => {
  const { clock, calls, links, loseAll } = stage()
  await links.start()
  loseAll()
  await clock.advance(2_000)
  await clock.during(links.stop())
  await clock.during(links.close())
  expect(calls).toEqual(['connecting', 'disconnected', 'released'])
})

test('a line that is taken from ourselves leaves no link of before behind', async () => {
  const { clock, calls, links, expire } = stage()
  await links.start()
  expire()
  await clock.advance(2_000)
  await clock.during(links.stop())
  await clock.during(links.close())
  expect(calls).toEqual(['connecting', 'disconnected', 'connecting', 'disconnected', 'released'])
})

const connected: LinkState = { status: 'connected', identity: 'us', warnings: [], since: '' }

test('a state that could not be stored is stored once the database is back', async () => {
  const { clock, calls, links, trouble, says } = stage()
  await links.start()
  await clock.advance(1_000)
  trouble.times = 2
  says(connected)
  await clock.advance(5_000)
  expect(calls).toEqual(['connecting', 'connected'])
})

test('a state that could not be stored does not come after the one that followed it', async () => {
  const { clock, calls, links, trouble, says } = stage()
  await links.start()
  await clock.advance(1_000)
  trouble.times = 1
  says(connected)
  says({ status: 'connecting' })
  await clock.advance(60_000)
  expect(calls).toEqual(['connecting', 'connecting'])
})

test('a state that could not be stored is forgotten with its line, and after some tries', async () => {
  const { clock, calls, links, trouble, says, loseAll } = stage()
  await links.start()
  await clock.advance(1_000)
  trouble.times = 3
  says(connected)
  loseAll()
  await clock.advance(60_000)
  expect(calls).not.toContain('connected')
  await clock.during(links.stop())
  await clock.during(links.close())
  expect(clock.sleepers).toBe(0)
})

test('nobody insists for ever on a state that cannot be stored', async () => {
  const { clock, links, trouble, says } = stage()
  await links.start()
  await clock.advance(1_000)
  trouble.times = 1_000
  says(connected)
  await clock.advance(120_000)
  const left = trouble.times
  await clock.advance(120_000)
  expect([left < 999, trouble.times]).toEqual([true, left])
})
