/** Whatever goes wrong on the Mac, and whenever the process ends: what is said to be sent arrived once, and nothing arrived twice. */
import { afterEach, expect, test } from 'vitest'
import type { Accepted, Outgoing } from '../../src/channels/connector.ts'
import { type Chance, seededChance } from '../../src/lib/chance.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle } from '../../src/model/ids.ts'
import { type Mac, openMac, picture, textTo } from '../support/imessage-sending.ts'

let mac: Mac
afterEach(() => mac.stop())

const peopleCount = 4
/** With more of them it takes the longer. */
const messagesEach = Number(process.env.MESSAGES ?? 4)
const patienceMs = 240_000
/** Whoever asks so often in vain has found a mistake. */
const openMax = 400

interface Sent {
  message: Outgoing
  accepted: Accepted | null
}

/** Often nothing, now and then several things in a row. */
function goWrong(chance: Chance): void {
  const { faults, quirks } = mac.network
  const doings = [
    () => faults.loseNextAnswer(),
    () => faults.nextSends({ kind: 'timesOut', rowAfterMs: chance.between(1, 100) * 1_000 }),
    () => faults.nextSends({ kind: 'timesOut', rowAfterMs: null }),
    () => faults.nextSends({ kind: 'neverWritten' }),
    () => faults.nextSends({ kind: 'errorAtOnce', code: 4 }),
    () => faults.nextSends({ kind: 'refused', words: 'Message send timeout' }),
  ]
  for (const doing of doings) if (chance.happens(0.1)) doing()
  quirks.mixesGuids = chance.happens(0.3)
  quirks.losesFailedRow = chance.happens(0.5)
}

/** As the outbox does: waits for the turn, sends, asks after what is uncertain, and sends again what did not go out. */
async function carry(message: Outgoing, chance: Chance): Promise<Accepted | null> {
  for (let tries = 0; tries < 40; tries += 1) {
    await turnOf(message)
    goWrong(chance)
    const result = await sent(message)
    if (!(result instanceof SendFailure)) return result
    const failure = result.kind === 'uncertain' ? await resolved(message) : result
    if (!(failure instanceof SendFailure)) return failure
    if (failure.kind !== 'retryable') return null
  }
  throw new Error('It was tried too often.')
}

async function turnOf(message: Outgoing): Promise<void> {
  for (let waits = 0; waits < openMax; waits += 1) {
    const waitMs = mac.sending.turn(message)
    if (waitMs === 0) return
    await mac.clock.sleep(waitMs)
  }
  throw new Error('Its turn never came.')
}

async function sent(message: Outgoing): Promise<Accepted | SendFailure> {
  const patience = new AbortController()
  const late = mac.clock.sleep(patienceMs, patience.signal).then(() => {
    patience.abort()
    return new SendFailure('uncertain', 'PROVIDER_TIMEOUT', 'It took too long.')
  })
  const asFailure = (error: unknown) => {
    if (error instanceof SendFailure) return error
    throw error
  }
  const result = await Promise.race([mac.send(message, patience.signal).catch(asFailure), late])
  patience.abort()
  return result
}

async function resolved(message: Outgoing): Promise<Accepted | SendFailure> {
  for (let asked = 0; asked < openMax; asked += 1) {
    const outcome = await mac.sending.outcomeOf(message.ref)
    if (outcome.what === 'sent') return outcome.accepted
    if (outcome.what === 'failed') return outcome.failure
    await mac.clock.sleep(5_000)
  }
  throw new Error('It was open for too long.')
}

/** What is still under way on the Mac may bring rows that nobody expects any more. */
async function calm(): Promise<void> {
  while (mac.network.busy > mac.network.hanging) await mac.clock.sleep(1_000)
}

/** Few words, so that many are the same. */
function messageFor(person: Handle, nth: number, chance: Chance): Outgoing {
  const text = ['yes', 'no', '🙂', `text ${nth}`][chance.between(0, 3)] ?? 'yes'
  return chance.happens(0.2) ? textTo(person, text, { attachments: [picture(`${nth}.png`)] }) : textTo(person, text)
}

test.each([2])('seed %d', { timeout: 120_000 }, async (seed) => {
  mac = await openMac()
  const chance = seededChance(seed)
  const people = Array.from({ length: peopleCount }, (_, nth) => mac.somebody({ isNew: nth % 2 === 0 }))
  const ends: Sent[] = []
  const carrying = people.map(async (person, at) => {
    const own = chance.fork(`person ${at}`)
    for (let nth = 0; nth < messagesEach; nth += 1) {
      const message = messageFor(person, nth, own)
      ends.push({ message, accepted: await carry(message, own) })
    }
  })
  await mac.hurry(Promise.all(carrying))
  await mac.hurry(calm())
  check(people, ends)
})

test.each([22])('seed %d, with a process that is killed now and then', { timeout: 120_000 }, async (seed) => {
  mac = await openMac()
  const chance = seededChance(seed)
  const person = mac.somebody()
  const ends: Sent[] = []
  for (let nth = 0; nth < messagesEach; nth += 1) {
    const message = messageFor(person, nth, chance)
    goWrong(chance)
    const before = mac.send(message).catch(() => undefined)
    await Promise.race([before, systemClock.sleep(chance.between(0, 12))])
    await mac.restart()
    const known = await mac.hurry(resolved(message))
    const isLeft = known instanceof SendFailure && known.kind === 'retryable'
    const accepted = isLeft ? await mac.hurry(carry(message, chance)) : known instanceof SendFailure ? null : known
    ends.push({ message, accepted })
  }
  await mac.hurry(calm())
  check([person], ends)
})

/** What was said to have been sent is there under its ids with its words, each row belongs to one message, and no row is left over. */
function check(people: readonly Handle[], ends: readonly Sent[]): void {
  const rows = mac.network.messages().filter(({ isFromMe, error }) => isFromMe && error === 0)
  const claimed = ends.flatMap(({ message, accepted }) => {
    if (accepted === null) return []
    const ids = accepted.parts ?? [accepted.providerId]
    expect(ids).toHaveLength(1 + message.attachments.length)
    expect(rows.find(({ guid }) => guid === ids[0])?.text).toBe(message.text)
    return ids
  })
  expect(new Set(claimed).size).toBe(claimed.length)
  const refused = ends.filter(({ accepted }) => accepted === null)
  // Of those, the text is out and the file is not.
  expect(rows).toHaveLength(claimed.length + refused.length)
  expect(people.flatMap((person) => mac.network.person(person).received)).toHaveLength(rows.length)
}
