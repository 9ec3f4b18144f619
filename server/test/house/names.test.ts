/** Bad names, full folders, lonely model files and thin testing are caught from the list of files. */
import { describe, expect, test } from 'vitest'
import { badNames, emptyWords, fewTests, fullFolders, modelWithoutTests } from './names.ts'
import { parseSource } from './source.ts'

describe('names', () => {
  test.each<[string, string]>([
    ['server/src/messaging/index.ts', 'index file'],
    ['server/src/messaging/sendMessage.ts', 'kebab-case'],
    ['server/src/messaging/send_message.ts', 'kebab-case'],
    ['server/src/Messaging.ts', 'kebab-case'],
    ...emptyWords.map((word) => [`server/src/lib/line-${word}.ts`, `"${word}"`] satisfies [string, string]),
    ['server/src/lib/utils.ts', '"util"'],
  ])('%s: %s', (path, found) => {
    expect(badNames([path])).toMatchObject([{ file: path, found: expect.stringContaining(found) }])
  })

  test.each([
    'server/src/lib/work-loop.test.ts',
    'server/src/store/migrations/0001-first-tables.sql',
    'server/src/lib/database.ts',
    'server/vitest.config.ts',
  ])('%s is fine', (path) => {
    expect(badNames([path])).toEqual([])
  })
})

describe('folders', () => {
  const filled = (folder: string, count: number, name = 'file') =>
    Array.from({ length: count }, (_, number) => `${folder}/${name}-${number}.ts`)

  test('twelve files pass, thirteen are caught', () => {
    expect(fullFolders(filled('server/src/links', 12))).toEqual([])
    expect(fullFolders(filled('server/src/links', 13))).toMatchObject([
      { file: 'server/src/links', found: expect.stringContaining('13 files') },
    ])
  })

  test('tests and migrations do not count', () => {
    const tests = filled('server/src/messaging', 12).map((path) => path.replace('.ts', '.test.ts'))
    expect(
      fullFolders([...filled('server/src/messaging', 12), ...tests, ...filled('server/src/store/migrations', 40)]),
    ).toEqual([])
  })

  test('some folders are given more room, and no more than that', () => {
    expect(fullFolders(filled('server/src/store', 16))).toEqual([])
    expect(fullFolders(filled('server/src/store', 17))).toHaveLength(1)
  })
})

describe('neighbours in the model', () => {
  const model = (files: Record<string, string>) =>
    modelWithoutTests(Object.entries(files).map(([name, text]) => parseSource(`server/src/model/${name}`, text)))

  test('a file that decides something is caught without its test', () => {
    const rank = 'export const rank = { queued: 1 }'
    expect(model({ 'message.ts': rank })).toMatchObject([{ file: 'server/src/model/message.ts' }])
    expect(model({ 'message.ts': rank, 'message.test.ts': '' })).toEqual([])
  })

  test('a file that only declares types has nothing to test', () => {
    expect(
      model({
        'line.ts':
          "import type { Id } from './ids.ts'\nexport type LineId = Id\nexport interface Line { id: LineId }\ninterface Own {}",
      }),
    ).toEqual([])
  })

  test('other rooms are free to test elsewhere', () => {
    expect(modelWithoutTests([parseSource('server/src/lib/log.ts', 'export const a = 1')])).toEqual([])
  })
})

describe('amount of tests', () => {
  const lines = (path: string, count: number) => parseSource(path, `// one\n\n`.repeat(count))

  test('too few are caught; blank lines count for neither side', () => {
    const source = lines('server/src/lib/log.ts', 10)
    expect(fewTests([source, lines('server/src/lib/log.test.ts', 7)])).toEqual([])
    expect(fewTests([source, lines('server/src/lib/log.test.ts', 6)])).toHaveLength(1)
  })

  test('whole-gateway tests count, other workspaces do not', () => {
    const source = lines('server/src/lib/log.ts', 10)
    expect(fewTests([source, lines('server/test/stories/send.test.ts', 7)])).toEqual([])
    expect(fewTests([source, lines('networks/src/people.test.ts', 70)])).toHaveLength(1)
  })
})
