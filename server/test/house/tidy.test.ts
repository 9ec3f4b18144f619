/** The house rules, run over the real tree; each rule proves itself on planted breaches in the test beside it. */
import { expect, test } from 'vitest'
import { closedDoors, workspaceDoors } from './doors.ts'
import { cycles, orphans } from './graph.ts'
import { strayUses } from './keepers.ts'
import { defaultExports, waysAroundTypes } from './language.ts'
import { badNames, fewTests, fullFolders, modelWithoutTests } from './names.ts'
import { deepFunctions, longFiles, longFunctions, manyParameters, missingFirstLine } from './shape.ts'
import { expectNone, filesUnder, readSources, type Source, type Violation } from './source.ts'

const paths = filesUnder('server/src', 'server/test', 'networks', 'scripts')
const sources = readSources('server/src', 'server/test', 'networks', 'scripts')
const product = sources.filter(({ isTest }) => !isTest)

const each = (some: readonly Source[], rule: (source: Source) => Violation[]) => some.flatMap(rule)

test.each<[string, () => Violation[]]>([
  ['a file says what it is for in its first line', () => each(sources, missingFirstLine)],
  ['a file has at most 400 lines', () => each(product, longFiles)],
  ['a function has at most 70 lines', () => each(product, longFunctions)],
  ['a function nests at most 4 levels', () => each(product, deepFunctions)],
  ['a function takes at most 4 parameters', () => each(product, manyParameters)],
  ['nothing goes around the type checker', () => each(product, waysAroundTypes)],
  ['nothing is exported by default', () => each(sources, defaultExports)],
  ['names say something', () => badNames(paths.filter((path) => !path.endsWith('README.md')))],
  [
    'a folder can be read as a list',
    () => fullFolders(paths.filter((path) => path.startsWith('server/src/') || path.startsWith('networks/src/'))),
  ],
  ['what the model decides has a test beside it', () => modelWithoutTests(sources)],
  ['there are enough tests', () => fewTests(sources)],
  ['imports form no circle', () => cycles(product)],
  ['everything is used', () => orphans(sources)],
  ['rooms open only their own doors', () => each(sources, closedDoors)],
  ['workspaces stand alone', () => each(sources, workspaceDoors)],
  ['what has a keeper is touched by nobody else', () => each(sources, strayUses)],
])('%s', (_, rule) => {
  expectNone(rule())
})

test('the rules see the tree', () => {
  expect(sources.map(({ path }) => path)).toContain('server/test/house/tidy.test.ts')
})
