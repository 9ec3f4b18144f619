/** Ways around the type checker and default exports are caught wherever they hide. */
import { describe, expect, test } from 'vitest'
import { defaultExports, waysAroundTypes } from './language.ts'
import { parseSource } from './source.ts'

const at = (text: string, path = 'server/src/messaging/submit.ts') => parseSource(path, text)

describe('ways around types', () => {
  test.each([
    'const a: any = 1',
    'const a = b as any',
    'function f(list: Array<any>) {}',
    'type Row = Record<string, any>',
    'const a = rows[0]!',
    'const a = rows!.length',
    'let row!: Row',
    'class Outbox { link!: Link }',
    '// @ts-ignore\nf()',
    '// @ts-expect-error not yet\nf()',
    '/* @ts-nocheck */',
  ])('%j is caught', (text) => {
    expect(waysAroundTypes(at(text))).toHaveLength(1)
  })

  test('the line is told', () => {
    expect(waysAroundTypes(at('\n\nconst a: any = 1'))).toMatchObject([
      { file: 'server/src/messaging/submit.ts', line: 3, found: 'uses `any`' },
    ])
  })

  test.each(['const a = !b', 'const a = b !== c', "const any = 'any'", 'const a: unknown = b', '// any word will do!'])(
    '%j is fine',
    (text) => {
      expect(waysAroundTypes(at(text))).toEqual([])
    },
  )
})

describe('default exports', () => {
  test.each([
    'export default 1',
    'export default function send() {}',
    'const a = 1\nexport { a as default }',
    "export { default } from './route.ts'",
  ])('%j is caught', (text) => {
    expect(defaultExports(at(text))).toHaveLength(1)
  })

  test('a tool that reads its configuration that way may', () => {
    expect(defaultExports(at('export default {}', 'vitest.config.ts'))).toEqual([])
  })

  test('importing a default is the library’s choice', () => {
    expect(defaultExports(at("import pg from 'pg'\nexport const pool = pg.Pool"))).toEqual([])
  })
})
