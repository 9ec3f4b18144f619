/** The documents, held against the real tree and the real settings. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { settings } from '../../src/config.ts'
import {
  brokenLinks,
  type Document,
  emptyChangelog,
  longPages,
  staleMap,
  unexplainedSettings,
  unknownCommands,
} from './documents.ts'
import { expectNone, filesUnder, root, type Violation } from './source.ts'

const files = filesUnder('.')
const read = (path: string): Document => ({ path, text: readFileSync(join(root, path), 'utf8') })
const documents = files.filter((path) => path.endsWith('.md')).map(read)

test.each<[string, () => Violation[]]>([
  ['the map shows every folder, and nothing that is gone', () => staleMap(read('ARCHITECTURE.md'), files)],
  ['the pages everybody reads are short', () => longPages(documents)],
  ['links lead somewhere', () => brokenLinks(documents, files)],
  ['commands exist', () => unknownCommands(documents, Object.keys(JSON.parse(read('package.json').text).scripts))],
  ['the changelog tells what is new', () => emptyChangelog(read('CHANGELOG.md'))],
  [
    'every setting is explained and listed',
    () => {
      const names = settings.map(({ name }) => name)
      return unexplainedSettings(names, read('docs/guides/self-hosting.md'), read('.env.example'))
    },
  ],
])('%s', (_, rule) => {
  expectNone(rule())
})
