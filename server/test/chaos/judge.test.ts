/** The judge finds what is planted: each broken promise by its name, and nothing in a run in which all held. */
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import type { Arrival, Evidence, Hook, Settled } from './evidence.ts'
import { breaches, tally } from './judge.ts'
import { signedWith } from './receivers.ts'

const hooks: readonly Hook[] = [
  { id: '1', name: 'plain', kind: 'plain', ordered: false },
  { id: '2', name: 'errors-ordered', kind: 'errors', ordered: true },
  { id: '3', name: 'refuses', kind: 'refuses', ordered: false },
  { id: '4', name: 'distrusted', kind: 'distrusted', ordered: false },
]
const steps = ['queued', 'sent', 'delivered', 'read']

/** Two messages of one conversation, taking turns, and one of another. */
const log = steps.flatMap((step) =>
  ['a', 'b', 'c'].map((message) => ({
    id: `evt_${message}_${step}`,
    type: `message.${step}`,
    message: `msg_${message}`,
    thread: message === 'c' ? 'line other' : 'line person',
  })),
)

function arrival(hook: string, event: string): Arrival {
  const type = `message.${event.split('_')[2]}`
  return { hook, event, type, id: event, hash: `bytes of ${event}`, fine: true, standard: true, stamped: true }
}

interface Draft extends Evidence {
  arrivals: Arrival[]
  deliveries: Settled[]
}

function calm(): Draft {
  const able = hooks.filter(({ kind }) => kind !== 'distrusted')
  return {
    hooks,
    log,
    arrivals: able.flatMap(({ name }) => log.map(({ id }) => arrival(name, id))),
    deliveries: hooks.flatMap(({ name, kind }) => {
      const status = kind === 'distrusted' ? 'pending' : 'delivered'
      return log.map(({ id }) => ({ hook: name, event: id, status, attempts: 1 }))
    }),
    kills: 1,
    canary: 0,
    memory: { peak: 200e6, early: 180e6, late: 190e6 },
  }
}

/** What is found, by the name of the promise. */
function found(change: (evidence: Draft) => void, duplicatesMax = 0.1): string[] {
  const evidence = calm()
  change(evidence)
  return [...new Set(breaches(evidence, duplicatesMax).map(({ promise }) => promise))]
}

function at(evidence: Draft, hook: string, event: string): Arrival {
  const one = evidence.arrivals.find((some) => some.hook === hook && some.event === event)
  if (one === undefined) throw new Error(`${event} did not come to ${hook}.`)
  return one
}

function settle(evidence: Draft, hook: string, event: string): Settled {
  const one = evidence.deliveries.find((some) => some.hook === hook && some.event === event)
  if (one === undefined) throw new Error(`${event} has no delivery to ${hook}.`)
  return one
}

function drop(evidence: Draft, hook: string, event: string): void {
  evidence.arrivals.splice(evidence.arrivals.indexOf(at(evidence, hook, event)), 1)
}

test('nothing is found where all promises held', () => {
  expect(found(() => {})).toEqual([])
  expect(tally(calm())).toMatchObject({ deliveries: 36, missing: 0, duplicates: 0, regressions: 0, disorder: 0 })
})

describe('what a receiver and a kill may do', () => {
  test('a bad answer and a good one', () => {
    const again = (evidence: Draft) => {
      const one = at(evidence, 'errors-ordered', 'evt_a_queued')
      evidence.arrivals.splice(evidence.arrivals.indexOf(one), 0, { ...one, fine: false })
    }
    expect(found(again, 0)).toEqual([])
  })

  test('a refusal that is told to the owner', () => {
    const refuse = (evidence: Draft) => {
      at(evidence, 'refuses', 'evt_a_read').fine = false
      settle(evidence, 'refuses', 'evt_a_read').status = 'failed'
    }
    expect(found(refuse)).toEqual([])
  })

  test('a repeat at once, of the same bytes', () => {
    const repeat = (evidence: Draft) => void evidence.arrivals.push(at(evidence, 'plain', 'evt_b_read'))
    expect(found(repeat)).toEqual([])
    const evidence = calm()
    repeat(evidence)
    expect(tally(evidence)).toMatchObject({ duplicates: 1, duplicateShare: 1 / 36 })
  })
})

const planted: [string, (evidence: Draft) => void, string[]][] = [
  [
    'a lost delivery',
    (evidence) => {
      drop(evidence, 'plain', 'evt_a_read')
      settle(evidence, 'plain', 'evt_a_read').status = 'pending'
    },
    ['nothing is missing', 'nothing is given up'],
  ],
  [
    'a delivery that was never listed',
    (evidence) => {
      drop(evidence, 'plain', 'evt_a_read')
      evidence.deliveries.splice(evidence.deliveries.indexOf(settle(evidence, 'plain', 'evt_a_read')), 1)
    },
    ['nothing is missing'],
  ],
  [
    'a delivery that only the gateway saw',
    (evidence) => drop(evidence, 'plain', 'evt_a_read'),
    ['nothing is missing', 'nothing is claimed that was not'],
  ],
  [
    'a delivery that was answered with an error and called done',
    (evidence) => {
      at(evidence, 'plain', 'evt_a_read').fine = false
    },
    ['nothing is missing', 'nothing is claimed that was not'],
  ],
  [
    'one that was given up',
    (evidence) => {
      settle(evidence, 'plain', 'evt_a_read').status = 'failed'
    },
    ['nothing is given up'],
  ],
  [
    'a repeat under another id',
    (evidence) => void evidence.arrivals.push({ ...at(evidence, 'plain', 'evt_b_read'), id: 'evt_other' }),
    ['a repeat has the same id and the same bytes'],
  ],
  [
    'a repeat that calls itself another event',
    (evidence) => {
      const other = { id: 'evt_other', event: 'evt_other' }
      evidence.arrivals.push({ ...at(evidence, 'plain', 'evt_b_read'), ...other })
    },
    ['nothing is invented'],
  ],
  [
    'a repeat with other bytes',
    (evidence) => void evidence.arrivals.push({ ...at(evidence, 'plain', 'evt_b_read'), hash: 'other bytes' }),
    ['a repeat has the same id and the same bytes'],
  ],
  [
    'too many repeats',
    (evidence) => void evidence.arrivals.push(...Array(8).fill(at(evidence, 'plain', 'evt_b_read'))),
    ['at most 10 % comes twice'],
  ],
  [
    'more repeats of one webhook than were under way',
    (evidence) => {
      evidence.kills = 0
      evidence.arrivals.push(at(evidence, 'plain', 'evt_b_read'))
    },
    ['a kill repeats at most 8 deliveries of a webhook'],
  ],
  [
    'a status that goes back',
    (evidence) => void evidence.arrivals.push({ ...at(evidence, 'plain', 'evt_a_sent'), fine: false }),
    ['no status goes back', 'what is told of a message keeps its order'],
  ],
  [
    'two messages of a conversation in the wrong order',
    (evidence) => {
      const one = at(evidence, 'errors-ordered', 'evt_a_sent')
      drop(evidence, 'errors-ordered', 'evt_a_sent')
      evidence.arrivals.splice(evidence.arrivals.indexOf(at(evidence, 'errors-ordered', 'evt_b_sent')) + 1, 0, one)
    },
    ['an ordered webhook keeps the order of each conversation'],
  ],
  [
    'a signature that only the official library refuses',
    (evidence) => {
      at(evidence, 'plain', 'evt_a_read').standard = false
    },
    ['every signature holds'],
  ],
  [
    'an X-Signature that does not fit',
    (evidence) => {
      at(evidence, 'plain', 'evt_a_read').stamped = false
    },
    ['every signature holds'],
  ],
  [
    'a redirect that was followed',
    (evidence) => {
      evidence.canary = 1
    },
    ['no redirect is followed'],
  ],
  [
    'a receiver with bad TLS that is spoken to',
    (evidence) => void evidence.arrivals.push(arrival('distrusted', 'evt_a_queued')),
    ['a receiver with bad TLS gets nothing, and waits'],
  ],
  [
    'memory that grows',
    (evidence) => {
      evidence.memory = { peak: 600e6, early: 180e6, late: 600e6 }
    },
    ['memory stays flat'],
  ],
]

test.each(planted)('%s is found', (_, plant, promises) => {
  expect(found(plant)).toEqual(promises)
})

test('what each receiver verifies is what was sent to it, at its time, with its secret', () => {
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  const body = Buffer.from('{"id":"evt_1"}')
  const now = Math.floor(Date.now() / 1_000)
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(now),
    'webhook-signature': new Webhook(secret).sign('evt_1', new Date(now * 1_000), body.toString()),
    'x-timestamp': String(now),
    'x-signature': `sha256=${createHmac('sha256', secret).update(`${now}.${body}`).digest('hex')}`,
  }
  expect(signedWith(secret, { headers, body })).toEqual({ standard: true, stamped: true })
  expect(signedWith(secret, { headers, body: Buffer.from('{"id":"evt_2"}') })).toEqual({
    standard: false,
    stamped: false,
  })
  expect(signedWith(null, { headers, body })).toEqual({ standard: false, stamped: false })
  const untimed = { 'x-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` }
  expect(signedWith(secret, { headers: untimed, body }).stamped).toBe(false)
})
