/** Circles and orphans are caught in graphs planted for the purpose. */
import { describe, expect, test } from 'vitest'
import { cycles, orphans } from './graph.ts'
import { parseSource } from './source.ts'

const tree = (files: Record<string, string>) => Object.entries(files).map(([path, text]) => parseSource(path, text))

describe('cycles', () => {
  test.each([
    ['an import', "import { a } from './a.ts'"],
    ['a re-export', "export { a } from './a.ts'"],
    ['an export of everything', "export * from './a.ts'"],
    ['a dynamic import', "const a = import('./a.ts')"],
    ['an import of erased names, which still loads the file', "import { type A } from './a.ts'"],
  ])('closed by %s is caught', (_, back) => {
    const found = cycles(
      tree({
        'server/src/lib/a.ts': "import { b } from './b.ts'",
        'server/src/lib/b.ts': "import { c } from './c.ts'",
        'server/src/lib/c.ts': `\n${back}`,
      }),
    )
    expect(found).toMatchObject([{ file: 'server/src/lib/c.ts', line: 2 }])
    expect(found[0]?.found).toContain('lib/a.ts → server/src/lib/b.ts → server/src/lib/c.ts → server/src/lib/a.ts')
  })

  test('a file that imports itself is caught', () => {
    expect(cycles(tree({ 'server/src/lib/a.ts': "import './a.ts'" }))).toHaveLength(1)
  })

  test('a circle that is entered from outside is told once', () => {
    const a = "import './b.ts'"
    const b = "import './a.ts'"
    expect(
      cycles(
        tree({
          'server/src/main.ts': "import './lib/a.ts'\nimport './lib/b.ts'",
          'server/src/lib/a.ts': a,
          'server/src/lib/b.ts': b,
        }),
      ),
    ).toHaveLength(1)
  })

  test('a type that points back, and two ways to one file, are fine', () => {
    const files = {
      'server/src/lib/a.ts': "import './b.ts'\nimport './c.ts'",
      'server/src/lib/b.ts': "import './c.ts'",
      'server/src/lib/c.ts': "import type { A } from './a.ts'",
    }
    expect(cycles(tree(files))).toEqual([])
  })
})

describe('orphans', () => {
  const log = { 'server/src/lib/log.ts': '' }

  test('a file nobody imports is caught', () => {
    expect(orphans(tree(log))).toMatchObject([{ file: 'server/src/lib/log.ts' }])
  })

  test('so is one that only its own test knows', () => {
    expect(orphans(tree({ ...log, 'server/src/lib/log.test.ts': "import './log.ts'" }))).toHaveLength(1)
  })

  test.each([
    ['another source', 'server/src/gateway.ts', "import type { Logger } from './lib/log.ts'"],
    ['another file’s test', 'server/src/lib/clock.test.ts', "import './log.ts'"],
    ['a whole-gateway test', 'server/test/stories/send.test.ts', "import '../../src/lib/log.ts'"],
    ['a worker started by path', 'server/src/gateway.ts', "new Worker(new URL('./lib/log.ts', import.meta.url))"],
    ['an imported type', 'server/src/gateway.ts', "type Log = import('./lib/log.ts').Logger"],
  ])('%s makes it part of the product', (_, path, text) => {
    const found = orphans(tree({ ...log, [path]: text })).filter(({ file }) => file.endsWith('log.ts'))
    expect(found).toEqual([])
  })

  test('main.ts is started, not imported', () => {
    expect(orphans(tree({ 'server/src/main.ts': '' }))).toEqual([])
  })
})
