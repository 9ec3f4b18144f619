/** Places: receivers that hang or fail take none from those that answer. */
import { expect, test } from 'vitest'
import { createHandClock } from '../../../test/support/hand-clock.ts'
import type { CustomerId, DeliveryId, WebhookId } from '../../model/ids.ts'
import type { DueDelivery, HeldWebhook } from '../../store/webhooks/queue.ts'
import { Endpoint, type Flight } from './endpoint.ts'
import { Places } from './places.ts'

let minted = 0

function delivery(lane: string | null = null): DueDelivery {
  minted += 1
  const about = {
    webhookId: 'w' as WebhookId,
    customerId: 'c' as CustomerId,
    eventId: `e${minted}` as DueDelivery['eventId'],
  }
  const place = { xid: '1', seq: minted, lane, overtakes: false, isStatus: true }
  return { ...about, ...place, id: `d${minted}` as DeliveryId, url: null, attempts: 0, tries: 0, event: null }
}

function endpoint(over: Partial<HeldWebhook> = {}): Endpoint {
  const how = { dialect: 'standard' as const, ordered: false, asymmetric: false, active: true, secrets: [] }
  const fares = { exhausted: 0, opened: 0, openForMs: 0 }
  const who = { id: 'w' as WebhookId, customerId: 'c' as CustomerId, fence: 1, kind: 'webhook' as const }
  return new Endpoint({ ...who, ...how, ...fares, url: 'https://shop.test/', ...over }, 0)
}

function stage() {
  const clock = createHandClock()
  const places = new Places(clock)
  const begin = (one: Endpoint, lane: string | null = null): Flight | null => {
    one.take([delivery(lane)])
    const next = one.next(clock.monotonic())
    const flight = next === null ? null : places.enter(one, next)
    if (flight !== null) one.begin(flight)
    return flight
  }
  const end = (flight: Flight, fine: boolean) => {
    places.leave(flight)
    flight.endpoint.land(flight, fine, clock.monotonic())
    flight.endpoint.settled(flight.delivery.id)
  }
  return { clock, places, begin, end }
}

test('a webhook begins with two calls at a time, and gets one more with each that goes well, up to eight', () => {
  const { begin, end } = stage()
  const one = endpoint()
  const most: number[] = []
  for (let round = 0; round < 8; round++) {
    const flights: Flight[] = []
    for (let flight = begin(one); flight !== null; flight = begin(one)) flights.push(flight)
    most.push(flights.length)
    one.forgetWaiting()
    for (const [index, flight] of flights.entries()) if (index === 0) end(flight, true)
    for (const flight of flights.slice(1)) end(flight, true)
  }
  expect(most[0]).toBe(2)
  expect(Math.max(...most)).toBe(8)
})

test('each failure halves what it may have under way', () => {
  const { places, begin, end } = stage()
  const one = endpoint()
  for (let good = 0; good < 10; good++) {
    const flight = begin(one)
    if (flight !== null) end(flight, true)
  }
  const widths: number[] = []
  for (let bad = 0; bad < 4; bad++) {
    const flights: Flight[] = []
    for (let flight = begin(one); flight !== null; flight = begin(one)) flights.push(flight)
    one.forgetWaiting()
    widths.push(flights.length)
    const [first, ...rest] = flights
    for (const flight of rest) {
      places.leave(flight)
      one.land(flight, null, 0)
      one.settled(flight.delivery.id)
    }
    if (first !== undefined) end(first, false)
  }
  expect(widths).toEqual([8, 4, 2, 1])
})

test('what is answered but not written yet still counts: so much at most is told twice after a crash', () => {
  const { places, begin } = stage()
  const one = endpoint()
  const flights = [begin(one), begin(one)].flatMap((flight) => flight ?? [])
  for (const flight of flights) {
    places.leave(flight)
    one.land(flight, null, 0)
  }
  expect(begin(one)).toBeNull()
  for (const flight of flights) one.settled(flight.delivery.id)
  expect(begin(one)).not.toBeNull()
})

test('two of one lane are never under way together', () => {
  const { begin, end } = stage()
  const one = endpoint()
  const first = begin(one, 'm1')
  expect(first).not.toBeNull()
  expect(begin(one, 'm1')).toBeNull()
  const other = begin(one, 'm2')
  expect(other?.delivery.lane).toBe('m2')
  if (first !== null) end(first, true)
  expect(one.next(0)?.lane).toBe('m1')
})

test('a thousand receivers that hang leave places for one that answers', async () => {
  const { clock, places, begin } = stage()
  const dead = Array.from({ length: 1_000 }, () => endpoint())
  let begun = 0
  for (let round = 0; round < 4; round++) {
    for (const one of dead) {
      if (!places.isFreeFor(one)) continue
      if (begin(one) !== null) begun += 1
    }
    await clock.advance(1_001)
  }
  // Once each has shown what it is, no more begin than the slow may have; what hangs then is all that ever does.
  expect(begun).toBeLessThan(1_024)
  expect(places.isFreeFor(endpoint())).toBe(true)
  expect(dead.filter((one) => places.isFreeFor(one) && one.suspect)).toEqual([])
})

test('while it is paused, inactive or lost nothing begins', () => {
  const { begin } = stage()
  const paused = endpoint()
  paused.pause(60_000)
  const lost = endpoint()
  lost.lost = true
  for (const one of [paused, lost, endpoint({ active: false }), endpoint({ opened: 1, openForMs: 1_000 })]) {
    expect(begin(one)).toBeNull()
    expect(one.wants(0).rows).toBe(0)
  }
})

test('a breaker that lets one through asks for one, and only while nothing else is under way', () => {
  const { begin } = stage()
  const knocking = endpoint({ opened: 1, openForMs: 0 })
  expect(knocking.wants(0)).toEqual({ rows: 1, probe: true })
  expect(begin(knocking)).not.toBeNull()
  expect(begin(knocking)).toBeNull()
})
