/** What follows a failed try: a table of the answers, and the promises that hold for all of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Channel, channels } from './channel.ts'
import {
  askAgainMs,
  askWithinMs,
  briefDelaysMs,
  confirmWithinMs,
  type FailureKind,
  type NextStep,
  nextStep,
  patientDelaysMs,
  retryAfterMaxMs,
  SendFailure,
} from './delivery.ts'
import { errorCodes } from './errors.ts'

type Input = Parameters<typeof nextStep>[0]

const failing = (kind: FailureKind, extra?: ConstructorParameters<typeof SendFailure>[3]) =>
  new SendFailure(kind, 'SMS_SEND_FAILED', 'It did not work.', extra)

const base = { tries: 1, rest: [] as Channel[], dedupesByRef: false, waitedForProof: false }
const unknown = { do: 'giveUp', status: 'unknown', code: 'OUTCOME_UNKNOWN' }
const confirm = { do: 'confirm', withinMs: confirmWithinMs }
const ask = { do: 'ask', againMs: askAgainMs }
const toSms = { do: 'fallBack', to: 'sms' }
const beforeSms: Channel[] = ['sms', 'whatsapp']

describe('nextStep', () => {
  test.each<[string, SendFailure, Partial<Input>, object]>([
    ['a stranger, SMS is left', failing('unreachable'), { rest: beforeSms }, toSms],
    [
      'a stranger, nothing is left',
      failing('unreachable'),
      {},
      { do: 'giveUp', status: 'failed', code: 'NO_CHANNEL_AVAILABLE' },
    ],
    ['refused, SMS is left', failing('refused'), { rest: beforeSms }, toSms],
    ['refused, nothing is left', failing('refused'), {}, { do: 'giveUp', status: 'failed', code: 'SMS_SEND_FAILED' }],
    [
      'first passing failure, SMS is left',
      failing('retryable'),
      { rest: beforeSms },
      { do: 'retry', afterMs: 2_000, hold: false },
    ],
    ['third passing failure, SMS is left', failing('retryable'), { rest: beforeSms, tries: 3 }, toSms],
    ['first passing failure, alone', failing('retryable'), {}, { do: 'retry', afterMs: 5_000, hold: false }],
    [
      'fifth passing failure, alone',
      failing('retryable'),
      { tries: 5 },
      { do: 'retry', afterMs: 3_600_000, hold: false },
    ],
    [
      'sixth passing failure, alone',
      failing('retryable'),
      { tries: 6 },
      { do: 'giveUp', status: 'failed', code: 'SMS_SEND_FAILED' },
    ],
    ['the link fails', failing('retryable', { scope: 'link' }), {}, { do: 'retry', afterMs: 5_000, hold: true }],
    [
      'the network asks for 30 s',
      failing('retryable', { retryAfterMs: 30_000 }),
      {},
      { do: 'retry', afterMs: 30_000, hold: false },
    ],
    [
      '30 s, SMS is left',
      failing('retryable', { retryAfterMs: 30_000 }),
      { rest: beforeSms },
      { do: 'retry', afterMs: 30_000, hold: false },
    ],
    ['an hour, SMS is left', failing('retryable', { retryAfterMs: 3_600_000 }), { rest: beforeSms }, toSms],
    [
      'a year, alone',
      failing('retryable', { retryAfterMs: 31e9 }),
      {},
      { do: 'retry', afterMs: retryAfterMaxMs.patient, hold: false },
    ],
    ['less than nothing', failing('retryable', { retryAfterMs: -5 }), {}, { do: 'retry', afterMs: 0, hold: false }],
    [
      'told to wait, alone',
      failing('retryable', { throttled: true, scope: 'link' }),
      { waits: 1 },
      { do: 'retry', afterMs: 1_000, hold: true },
    ],
    [
      'told to wait for the tenth time, alone',
      failing('retryable', { throttled: true, scope: 'link' }),
      { tries: 10, waits: 10 },
      { do: 'retry', afterMs: 60_000, hold: true },
    ],
    [
      'told to wait 7 s',
      failing('retryable', { throttled: true, retryAfterMs: 7_000 }),
      { tries: 10, waits: 10 },
      { do: 'retry', afterMs: 7_000, hold: false },
    ],
    [
      'told to wait for half a day, alone',
      failing('retryable', { throttled: true }),
      { tries: 601, waits: 601 },
      { do: 'giveUp', status: 'failed', code: 'SMS_SEND_FAILED' },
    ],
    [
      'told to wait for the fifth time, SMS is left',
      failing('retryable', { throttled: true }),
      { rest: beforeSms, tries: 5, waits: 5 },
      { do: 'retry', afterMs: 30_000, hold: false },
    ],
    [
      'told to wait for the sixth time, SMS is left',
      failing('retryable', { throttled: true }),
      { rest: beforeSms, tries: 6, waits: 6 },
      toSms,
    ],
    [
      'a passing failure after it was told to wait nine times',
      failing('retryable'),
      { tries: 10, waits: 9 },
      { do: 'retry', afterMs: 5_000, hold: false },
    ],
    [
      'a part was refused after another went out, SMS is left',
      failing('refused', { partly: true }),
      { rest: beforeSms },
      { do: 'giveUp', status: 'failed', code: 'SMS_SEND_FAILED' },
    ],
    ['no answer, cannot dedupe', failing('uncertain'), { rest: beforeSms }, confirm],
    ['no answer, no proof, cannot dedupe', failing('uncertain'), { rest: beforeSms, waitedForProof: true }, unknown],
    [
      'no answer, can dedupe',
      failing('uncertain'),
      { dedupesByRef: true },
      { do: 'retry', afterMs: 5_000, hold: true },
    ],
    ['no answer six times, can dedupe', failing('uncertain'), { dedupesByRef: true, tries: 6 }, confirm],
    ['no answer, no proof, can dedupe', failing('uncertain'), { dedupesByRef: true, waitedForProof: true }, unknown],
    ['no answer, can be asked, SMS is left', failing('uncertain'), { rest: beforeSms, askedForMs: 0 }, ask],
    ['no answer, can be asked and dedupe', failing('uncertain'), { dedupesByRef: true, askedForMs: 0 }, ask],
    ['asked for almost as long as it may be', failing('uncertain'), { askedForMs: askWithinMs - 1 }, ask],
    ['asked again after it waited', failing('uncertain'), { waitedForProof: true, askedForMs: 5_000 }, ask],
    ['asked for long enough, SMS is left', failing('uncertain'), { rest: beforeSms, askedForMs: askWithinMs }, unknown],
    ['a stranger, could be asked, SMS is left', failing('unreachable'), { rest: beforeSms, askedForMs: 0 }, toSms],
  ])('%s', (_name, failure, input, step) => {
    expect(nextStep({ ...base, failure, ...input })).toEqual(step)
  })

  const anyFailure = fc
    .record({
      kind: fc.constantFrom<FailureKind>('retryable', 'unreachable', 'refused', 'uncertain'),
      code: fc.constantFrom(...errorCodes),
      scope: fc.constantFrom('link' as const, 'message' as const),
      retryAfterMs: fc.option(fc.integer({ min: -1_000, max: 1e9 }), { nil: undefined }),
    })
    .map(({ kind, code, scope, retryAfterMs }) => new SendFailure(kind, code, '', { scope, retryAfterMs }))
  const anyInput: fc.Arbitrary<Input> = fc.record({
    failure: anyFailure,
    tries: fc.integer({ min: 1, max: 20 }),
    rest: fc.shuffledSubarray([...channels]),
    dedupesByRef: fc.boolean(),
    waitedForProof: fc.boolean(),
    askedForMs: fc.option(fc.integer({ min: 0, max: 2 * askWithinMs }), { nil: undefined }),
  })

  test('never falls back from an uncertain try, and repeats it only where the network can dedupe', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const step = nextStep({ ...input, failure: failing('uncertain') })
        expect(step.do).not.toBe('fallBack')
        if (!input.dedupesByRef || input.askedForMs !== undefined) expect(step.do).not.toBe('retry')
        if (input.askedForMs !== undefined) expect(step.do).toBe(input.askedForMs < askWithinMs ? 'ask' : 'giveUp')
        if (step.do === 'giveUp') expect(step.status).toBe('unknown')
      }),
    )
  })

  test('calls only an uncertain end unknown, and waits for proof only once and only then', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const step = nextStep(input)
        if (step.do === 'giveUp') expect(step.status === 'unknown').toBe(input.failure.kind === 'uncertain')
        if (step.do === 'ask') expect([input.failure.kind, input.askedForMs]).not.toContain(undefined)
        if (step.do === 'confirm') expect([input.failure.kind, input.waitedForProof]).toEqual(['uncertain', false])
      }),
    )
  })

  test('falls back only to the next channel, and holds the line only for its link or for an uncertain try', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const step = nextStep(input)
        if (step.do === 'fallBack') expect(step.to).toBe(input.rest[0])
        if (step.do !== 'retry') return
        expect(step.afterMs).toBeGreaterThanOrEqual(0)
        expect(step.afterMs).toBeLessThanOrEqual(
          input.rest.length > 0 ? retryAfterMaxMs.brief : retryAfterMaxMs.patient,
        )
        expect(step.hold).toBe(input.failure.kind === 'uncertain' || input.failure.scope === 'link')
      }),
    )
  })

  test('ends every message after a bounded number of tries, whatever fails', () => {
    const attempts = patientDelaysMs.length + 1
    const briefs = briefDelaysMs.length + 1
    fc.assert(
      fc.property(
        fc.array(anyFailure, { minLength: 60, maxLength: 60 }),
        fc.shuffledSubarray([...channels], { minLength: 1 }),
        fc.boolean(),
        (failures, route, dedupesByRef) => {
          const { tries, last } = walk(failures, route, dedupesByRef)
          expect(last.do).toBe('giveUp')
          expect(tries).toBeLessThanOrEqual((route.length - 1) * briefs + attempts)
        },
      ),
    )
  })
})

/** One message's life when each of its tries fails as told and no proof ever comes. */
function walk(
  failures: readonly SendFailure[],
  route: readonly Channel[],
  dedupesByRef: boolean,
): { tries: number; last: NextStep } {
  let rest = route.slice(1)
  let triesHere = 0
  let tries = 0
  for (const failure of failures) {
    tries += 1
    triesHere += 1
    const input = { failure, tries: triesHere, rest, dedupesByRef }
    const first = nextStep({ ...input, waitedForProof: false })
    const step = first.do === 'confirm' ? nextStep({ ...input, waitedForProof: true }) : first
    if (step.do === 'giveUp') return { tries, last: step }
    if (step.do !== 'fallBack') continue
    rest = rest.slice(1)
    triesHere = 0
  }
  throw new Error('it never ends')
}

test('a SendFailure says no more than it was told', () => {
  const failure = failing('refused')
  expect(failure).toBeInstanceOf(Error)
  expect([failure.name, failure.message, failure.scope, failure.retryAfterMs]).toEqual([
    'SendFailure',
    'It did not work.',
    'message',
    null,
  ])
})
