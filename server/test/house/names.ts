/** Names, folders and neighbours: what can be told from the list of files alone. */
import { posix } from 'node:path'
import { childrenOf, type Source, type Violation } from './source.ts'

/** Words that name no thing of the domain: a file called so gathers whatever has no home. */
export const emptyWords = ['manager', 'helper', 'util', 'service', 'processor', 'base', 'abstract', 'common', 'misc']

const folderMax = 12
const roomyFolders = new Map([
  ['server/src/surfaces/textbubbles', 16],
  ['server/src/store', 16],
  ['server/src/model', 20],
  ['server/src/lib', 18],
  ['server/src/messaging', 14],
])

export function badNames(paths: readonly string[]): Violation[] {
  return paths.flatMap((file) => {
    const name = posix.basename(file)
    const words = name.toLowerCase().split(/[-._]/)
    const empty = emptyWords.find((word) => words.includes(word) || words.includes(`${word}s`))
    const at = (found: string, todo: string) => [{ file, line: null, found, todo }]
    if (/^index\.[a-z]+$/.test(name))
      return at('is an index file', 'Name it after what it holds, and import it by that name.')
    if (empty) return at(`has "${empty}" in its name`, 'Name it after the thing or the act it is about.')
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(name))
      return at('is not named in kebab-case', 'Use small letters, digits and hyphens.')
    return []
  })
}

/** Tests and migrations aside, a folder is small enough to be read as a list. */
export function fullFolders(paths: readonly string[]): Violation[] {
  const counted = paths.filter((path) => !path.endsWith('.test.ts') && !path.includes('/migrations/'))
  const folders = Map.groupBy(counted, (path) => posix.dirname(path))
  return [...folders].flatMap(([folder, files]) => {
    const most = roomyFolders.get(folder) ?? folderMax
    if (files.length <= most) return []
    const found = `holds ${files.length} files; this folder may hold ${most}`
    return [
      {
        file: folder,
        line: null,
        found,
        todo: 'See which files belong together and give them a folder, or which are one idea.',
      },
    ]
  })
}

/** A file of the model that decides something has its cases beside it; one that only declares types has none. */
export function modelWithoutTests(sources: readonly Source[]): Violation[] {
  const paths = new Set(sources.map(({ path }) => path))
  const model = sources.filter(({ path, isTest }) => !isTest && path.startsWith('server/src/model/'))
  const lonely = model.filter((source) => runs(source) && !paths.has(source.path.replace(/\.ts$/, '.test.ts')))
  const todo = 'Write the neighbour: the same name, ending in .test.ts.'
  return lonely.map(({ path }) => ({ file: path, line: null, found: 'has no test beside it', todo }))
}

const erased = /^TS(TypeAlias|Interface)Declaration$/

function runs({ program }: Source): boolean {
  return childrenOf(program).some((statement) => {
    if (statement.type === 'ImportDeclaration' || erased.test(statement.type)) return false
    return !(statement.type === 'ExportNamedDeclaration' && statement.exportKind === 'type')
  })
}

export const testLinesPerSourceLine = 0.7

/** Lines that hold something, over the whole server. */
export function fewTests(sources: readonly Source[]): Violation[] {
  const server = sources.filter(({ path }) => path.startsWith('server/'))
  const count = (some: readonly Source[]) =>
    some.reduce((sum, { lines }) => sum + lines.filter((line) => line.trim()).length, 0)
  const tests = count(server.filter(({ isTest }) => isTest))
  const source = count(server.filter(({ isTest }) => !isTest))
  if (tests >= source * testLinesPerSourceLine) return []
  const found = `${tests} lines of tests for ${source} lines of source; at least ${testLinesPerSourceLine} per line are wanted`
  return [{ file: 'server/test', line: null, found, todo: 'Test the promises that nothing holds yet.' }]
}
