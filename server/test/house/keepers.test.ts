/** Each way to touch what is kept is caught outside its keeper, and free inside it. */
import { describe, expect, test } from 'vitest'
import { strayUses } from './keepers.ts'
import { parseSource } from './source.ts'

const uses = (text: string, path = 'server/src/messaging/outbox.ts') => strayUses(parseSource(path, text))

describe.each([
  {
    keeper: 'config.ts',
    ways: [
      'process.env.PORT',
      "process['env']",
      'globalThis.process.env',
      'const { env } = process',
      "import { env } from 'node:process'",
    ],
  },
  {
    keeper: 'lib/clock.ts',
    ways: [
      'Date.now()',
      'new Date()',
      'new Date',
      'Date()',
      'performance.now()',
      'process.hrtime.bigint()',
      'setTimeout(f, 10)',
      'globalThis.setTimeout(f, 10)',
      'setInterval(f, 10)',
      "import { setTimeout } from 'node:timers/promises'",
      'AbortSignal.timeout(10)',
      'Math.random()',
    ],
  },
  { keeper: 'lib/egress/safe-fetch.ts', ways: ['fetch(url)', 'await globalThis.fetch(url)'] },
  { keeper: 'lib/log.ts', ways: ['process.stdout.write(line)', 'process.stderr.write(line)'] },
])('kept in $keeper', ({ keeper, ways }) => {
  test.each(ways)('%j is caught elsewhere', (text) => {
    expect(uses(`\n${text}`)).toMatchObject([{ file: 'server/src/messaging/outbox.ts', line: 2 }])
  })

  test.each(ways)('%j is free there', (text) => {
    expect(uses(text, `server/src/${keeper}`)).toEqual([])
  })
})

test('the console has no keeper', () => {
  expect(uses('console.log(1)', 'server/src/main.ts')).toHaveLength(1)
  expect(uses("console['error'](1)", 'server/src/lib/log.ts')).toHaveLength(1)
})

test('main.ts talks to a person', () => {
  expect(uses('process.stdout.write(banner)', 'server/src/main.ts')).toEqual([])
})

test.each([
  'new Date(row.at)',
  'clock.now()',
  'clock.setTimeout(f)',
  "import type { Timers } from 'node:timers'",
  'safeFetch(url)',
  '// Date.now() in words',
  'process.exitCode = 1',
])('%j is fine', (text) => {
  expect(uses(text)).toEqual([])
})

test('tests and scripts may touch everything', () => {
  expect(uses('process.env.PORT', 'server/src/config.test.ts')).toEqual([])
  expect(uses('console.log(1)', 'scripts/check.mjs')).toEqual([])
})
