/** Which part of a file a request gets: for every range, exactly the bytes it names, and never one that is not there. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Asking, type Part, partOf } from './ranges.ts'

const mark = '"abc"'

describe('of a hundred bytes', () => {
  test.each<[Asking, Part]>([
    [{}, { status: 200 }],
    [{ range: 'bytes=0-99' }, { status: 206, start: 0, end: 99 }],
    [{ range: 'bytes=0-0' }, { status: 206, start: 0, end: 0 }],
    [{ range: 'bytes=10-' }, { status: 206, start: 10, end: 99 }],
    [{ range: 'bytes=-10' }, { status: 206, start: 90, end: 99 }],
    [{ range: 'bytes=-1000' }, { status: 206, start: 0, end: 99 }],
    [{ range: 'bytes=50-1000' }, { status: 206, start: 50, end: 99 }],
    [{ range: 'bytes=100-' }, { status: 416 }],
    [{ range: 'bytes=100-200' }, { status: 416 }],
    [{ range: 'bytes=-0' }, { status: 416 }],
    [{ range: 'bytes=20-10' }, { status: 200 }],
    [{ range: 'bytes=-' }, { status: 200 }],
    [{ range: 'bytes=0-1,5-6' }, { status: 200 }],
    [{ range: 'lines=0-1' }, { status: 200 }],
    [{ range: 'bytes=a-b' }, { status: 200 }],
    [
      { range: 'bytes=0-9', ifRange: mark },
      { status: 206, start: 0, end: 9 },
    ],
    [{ range: 'bytes=0-9', ifRange: '"other"' }, { status: 200 }],
    [{ ifNoneMatch: mark }, { status: 304 }],
    [{ ifNoneMatch: '"other", W/"abc"' }, { status: 304 }],
    [{ ifNoneMatch: '*' }, { status: 304 }],
    [{ ifNoneMatch: '"other"' }, { status: 200 }],
  ])('%o gets %o', (asking, part) => {
    expect(partOf(asking, 100, mark)).toEqual(part)
  })
})

test('an empty file has no part', () => {
  for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(partOf({ range }, 0, mark)).toEqual({ status: 416 })
})

test('a part always lies within the file', () => {
  const number = fc.option(fc.nat(300), { nil: '' })
  fc.assert(
    fc.property(number, number, fc.nat(200), (first, last, bytes) => {
      const part = partOf({ range: `bytes=${first}-${last}` }, bytes, mark)
      if (part.status !== 206) return
      expect(part.start).toBeGreaterThanOrEqual(0)
      expect(part.end).toBeGreaterThanOrEqual(part.start)
      expect(part.end).toBeLessThan(bytes)
    }),
  )
})
