/** Faults: each does what its name says, once when scripted, by chance when told; and under all of them nothing is lost. */
import { describe, expect, test } from 'vitest'
import { accepted, createWorld, type TestLine, type World } from '../../../test/support/inmemory-line.ts'
import { type Chance, seededChance } from '../../lib/chance.ts'
import { channels } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Handle } from '../../model/ids.ts'
import { newOutgoing } from '../conformance-stage.ts'
import type { Outgoing } from '../connector.ts'
import { faultKinds } from './faults.ts'

const someone = '+12025550177' as Handle

/** Sends and gives up after so long, as the gateway does. */
async function sendFor(world: World, line: TestLine, message: Outgoing, patienceMs = 8_000) {
  const giveUp = new AbortController()
  const answer = line.connection.send(message, giveUp.signal).catch((error: unknown) => error)
  const watch = world.clock.sleep(patienceMs, giveUp.signal).then(() => giveUp.abort())
  const ended = await world.clock.during(answer)
  giveUp.abort()
  await watch
  return ended
}

describe('a scripted fault', () => {
  test.each([
    ['dropBefore', { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }, 0],
    ['dropAfter', { kind: 'uncertain', code: 'PROVIDER_TIMEOUT' }, 1],
    ['retryable', { kind: 'retryable', scope: 'message' }, 0],
    ['refused', { kind: 'refused', code: 'WHATSAPP_REJECTED' }, 0],
    ['disconnect', { kind: 'retryable', scope: 'link', code: 'WHATSAPP_NOT_CONNECTED' }, 0],
  ] as const)('%s strikes one send, and the next goes well', async (kind, failure, arrived) => {
    for (const hangs of [true, false]) {
      const world = createWorld()
      const line = await world.line('whatsapp')
      world.network.failNext({ kind, hangs, ms: 500 })
      expect(await sendFor(world, line, newOutgoing('whatsapp', { handle: someone }))).toMatchObject(failure)
      expect(world.network.received()).toHaveLength(arrived)
      await world.settle()
      accepted(await line.send(someone))
      expect(world.network.faults.hits()[kind]).toBe(1)
      expect(world.network.faults.waiting()).toEqual([])
    }
  })

  test('of one channel, one line or several times strikes there and so often', async () => {
    const world = createWorld()
    const [whatsapp, sms] = [await world.line('whatsapp'), await world.line('sms')]
    world.network.failNext({ kind: 'refused', channel: 'sms', times: 2 })
    world.network.failNext({ kind: 'retryable', line: whatsapp.address })
    accepted(await (await world.line('imessage')).send(someone))
    expect(await whatsapp.send(someone)).toMatchObject({ kind: 'retryable' })
    expect(await sms.send(someone)).toMatchObject({ kind: 'refused' })
    expect(world.network.faults.waiting()).toEqual([{ kind: 'refused', channel: 'sms', times: 1 }])
    expect(await sms.send(someone)).toMatchObject({ kind: 'refused' })
    accepted(await sms.send(someone))
  })

  test('late takes effect after the caller gave up', async () => {
    const world = createWorld()
    const line = await world.line('sms')
    world.network.failNext({ kind: 'late', ms: 20_000 })
    expect(await sendFor(world, line, newOutgoing('sms', { handle: someone }))).toMatchObject({ kind: 'uncertain' })
    expect(world.network.received()).toEqual([])
    await world.settle()
    expect(world.network.received()).toHaveLength(1)
  })

  test('delay holds back the answer only', async () => {
    const world = createWorld()
    const line = await world.line('sms')
    const startMs = world.clock.now()
    world.network.failNext({ kind: 'delay', ms: 3_000 })
    accepted(await line.send(someone))
    expect(world.clock.now() - startMs).toBeGreaterThanOrEqual(3_000)
    expect(world.network.received()[0]?.at.getTime()).toBe(startMs)
  })

  test('early brings echo and receipt before the answer', async () => {
    const world = createWorld()
    const line = await world.line('whatsapp')
    world.network.failNext({ kind: 'early' })
    const sending = line.connection.send(newOutgoing('whatsapp', { handle: someone }), new AbortController().signal)
    await world.clock.advance(100)
    expect(line.host.taken.map(({ kind }) => kind)).toEqual(['message', 'receipt'])
    const { providerId } = await world.clock.during(sending)
    expect(line.heard('receipt')).toMatchObject([{ providerId, status: 'delivered' }])
  })

  test('reorder tells read before delivered', async () => {
    const world = createWorld({ everybody: { readAfterMs: 1_000 } })
    const line = await world.line('whatsapp')
    world.network.failNext({ kind: 'reorder' })
    for (let sends = 0; sends < 2; sends += 1) {
      accepted(await line.send(someone))
      await world.settle()
    }
    expect(line.heard('receipt').map(({ status }) => status)).toEqual(['read', 'delivered', 'delivered', 'read'])
  })

  test.each([
    ['duplicate', 0],
    ['ackLost', 1],
  ] as const)('%s tells the same thing twice', async (kind, redeliveries) => {
    const world = createWorld()
    const line = await world.line('sms')
    world.network.failNext({ kind })
    for (const text of ['one', 'two']) world.network.as(someone).says(line.address, 'sms', text)
    await world.settle()
    expect(line.heard('message').map(({ text }) => text)).toEqual(['one', 'one', 'two'])
    expect(new Set(line.heard('message').map(({ providerId }) => providerId)).size).toBe(2)
    expect(world.network.counts()).toMatchObject({ redeliveries, undelivered: 0 })
  })

  test('disconnect loses the answers that were in flight, and comes back by itself', async () => {
    const world = createWorld({ answerMs: [50, 50] })
    const line = await world.line('imessage')
    const first = line.connection.send(newOutgoing('imessage', { handle: someone }), new AbortController().signal)
    const lost = expect(first).rejects.toMatchObject({ kind: 'uncertain' })
    world.network.failNext({ kind: 'disconnect', ms: 700 })
    expect(await line.send(someone)).toMatchObject({ kind: 'retryable', scope: 'link' })
    await lost
    expect(await line.connection.reach(someone)).toBe('unknown')
    expect(line.host.states.at(-1)).toEqual({
      status: 'disconnected',
      reason: 'close_428',
      retryAt: '2026-01-01T00:00:00.700Z',
    })
    await world.settle()
    expect(line.host.states.slice(-2).map(({ status }) => status)).toEqual(['connecting', 'connected'])
    expect(world.network.received()).toHaveLength(1)
  })

  test('on a verb fails like a send, and never hangs', async () => {
    const world = createWorld()
    const line = await world.line('imessage')
    const { setTyping } = line.connection.actions
    const { chat } = accepted(await line.send(someone))
    world.network.failNext({ kind: 'dropAfter', hangs: true })
    await expect(world.clock.during(setTyping?.(chat, true) ?? Promise.resolve())).rejects.toMatchObject({
      kind: 'uncertain',
    })
    expect(world.network.acts()).toHaveLength(1)
  })
})

const everyFault = Object.fromEntries(faultKinds.map((kind) => [kind, 0.12]))

/** A day of one line with every fault there is; what it heard and what arrived, as one text. */
async function day(seed: number, channel: (typeof channels)[number]) {
  const world = createWorld({ seed, everybody: { readAfterMs: 400 } })
  const line = await world.line(channel)
  const chance: Chance = seededChance(seed).fork('driver')
  world.network.faults.set(everyFault)
  const refs: string[] = []
  const said: string[] = []
  for (let index = 0; index < 15; index += 1) {
    if (chance.happens(0.3)) line.host.refuse(chance.between(1, 3))
    said.push(`said ${index}`)
    world.network.as(someone).says(line.address, channel, `said ${index}`)
    const message = newOutgoing(channel, { handle: someone })
    refs.push(message.ref)
    await sendUntilClear(world, line, message)
  }
  world.network.faults.set({})
  await world.settle()
  return { world, line, refs, said }
}

/** As the gateway would: again after a passing failure, again after an uncertain one only where it cannot double. */
async function sendUntilClear(world: World, line: TestLine, message: Outgoing): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    const answer = await sendFor(world, line, message)
    if (!(answer instanceof SendFailure)) return
    if (answer.kind === 'refused') await world.clock.advance(100)
    else if (answer.kind === 'uncertain' && !line.connection.capabilities.dedupesByRef) return
    else await world.clock.advance(1_500)
  }
  throw new Error('forty tries were not enough')
}

describe('under every fault at once', () => {
  test.each(channels)('%s loses nothing that it took, and doubles nothing', async (channel) => {
    const hits = new Map<string, number>()
    for (let seed = 0; seed < 40; seed += 1) {
      const { world, line, refs, said } = await day(seed, channel)
      const arrived = world.network.received().map(({ ref }) => ref)
      expect(new Set(arrived).size, `seed ${seed}: doubled`).toBe(arrived.length)
      if (line.connection.capabilities.dedupesByRef)
        expect(arrived.toSorted(), `seed ${seed}: lost`).toEqual(refs.toSorted())
      const heard = line
        .heard('message')
        .filter(({ echoOf }) => echoOf === null)
        .map(({ text }) => text)
      expect([...new Set(heard)], `seed ${seed}: heard`).toEqual(said)
      expect(world.network.counts()).toEqual({
        undelivered: 0,
        overflows: 0,
        scheduled: 0,
        due: 0,
        unanswered: 0,
        redeliveries: expect.any(Number),
      })
      expect(world.clock.sleepers).toBe(0)
      for (const [kind, count] of Object.entries(world.network.faults.hits()))
        hits.set(kind, (hits.get(kind) ?? 0) + count)
    }
    // Receipts that are never told cannot change places.
    const possible = faultKinds.filter((kind) => channel !== 'sms' || kind !== 'reorder')
    expect(possible.filter((kind) => (hits.get(kind) ?? 0) === 0)).toEqual([])
  })

  test('the same seed tells the same story, to the last byte, and another seed another', async () => {
    const story = async (seed: number) => {
      const { world, line } = await day(seed, 'whatsapp')
      const plain = world.network.received().map(({ ref, ...rest }) => rest)
      const heard = line.host.taken.map((event) =>
        'echoOf' in event ? { ...event, echoOf: event.echoOf !== null, text: '' } : event,
      )
      return JSON.stringify([
        plain.map(({ text, ...rest }) => rest),
        heard,
        line.host.states,
        world.network.faults.hits(),
      ])
    }
    const first = await story(11)
    expect(await story(11)).toBe(first)
    expect(await story(12)).not.toBe(first)
  })
})
