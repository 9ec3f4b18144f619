/** Each rule on the documents catches a planted breach. */
import { describe, expect, test } from 'vitest'
import {
  brokenLinks,
  emptyChangelog,
  longPages,
  pageLinesMax,
  staleMap,
  unexplainedSettings,
  unknownCommands,
} from './documents.ts'

const page = (text: string, path = 'README.md') => ({ path, text })
const found = (violations: { found: string }[]) => violations.map((one) => one.found)

describe('length', () => {
  const pages = (lines: number) => Object.keys(pageLinesMax).map((path) => page('x\n'.repeat(lines), path))

  test('short pages pass, long and missing ones are caught', () => {
    expect(longPages(pages(80))).toEqual([])
    expect(longPages(pages(81))).toMatchObject([{ file: 'STYLE.md' }])
    expect(longPages(pages(151))).toHaveLength(3)
    expect(longPages([])).toHaveLength(3)
  })
})

describe('the map', () => {
  const files = [
    'server/src/main.ts',
    'server/src/store/db.ts',
    'server/src/channels/sms/smpp.ts',
    'server/test/house/tidy.test.ts',
    'docs/decisions/0001-rooms.md',
  ]
  const full = '`store/` `server/src/channels/` `channels/sms/`'
  const map = (text: string) => found(staleMap(page(text, 'ARCHITECTURE.md'), files))

  test('one that names every folder passes', () => {
    expect(map(full)).toEqual([])
  })

  test.each([
    ['`server/src/channels/` `channels/sms/`', 'does not name store/'],
    ['`store/` `channels/`', 'does not name channels/sms/'],
    [`${full} \`webhooks/\``, 'names webhooks/, which does not exist'],
    [`${full} \`server/src/media/\``, 'names server/src/media/, which does not exist'],
    [`${full} \`store/tables.ts\``, 'names store/tables.ts, which does not exist'],
    [`${full} \`server/test/house/gone.test.ts\``, 'names server/test/house/gone.test.ts, which does not exist'],
  ])('%s', (text, expected) => {
    expect(map(text)).toEqual([expected])
  })

  test('a folder drawn in the picture is not yet explained', () => {
    expect(map('```\n`store/`\n```\n`channels/` `channels/sms/`')).toEqual(['does not name store/'])
  })

  test('words of code and files of any workspace are fine', () => {
    expect(
      map(
        `${full} \`submit\` \`docs/decisions/\` \`channels/sms/smpp.ts\` \`server/test/house/tidy.test.ts\` \`application/json\``,
      ),
    ).toEqual([])
  })
})

describe('links', () => {
  const files = ['docs/guides/sandbox.md', 'server/src/main.ts', 'LICENSE']
  const sandbox = page('# The sandbox\n## Magic numbers, and more\n', 'docs/guides/sandbox.md')
  const links = (text: string, path = 'README.md') => found(brokenLinks([page(text, path), sandbox], files))

  test.each([
    '[a](docs/guides/gone.md)',
    '[a](/docs/guides/sandbox.md)',
    '[a](../LICENSE)',
    '[a](docs/guides/sandbox.md#gone)',
    '[a](#gone)',
    '![a](picture.png "with a title")',
  ])('%s is caught', (text) => {
    expect(links(text)).toHaveLength(1)
  })

  test.each([
    '[a](docs/guides/sandbox.md)',
    '[a](docs/guides/sandbox.md#magic-numbers-and-more)',
    '[a](docs/guides/)',
    '[a](server/src)',
    '[a](./LICENSE) and [b](https://example.com/gone)',
    '# Here\n[a](#here)',
    '`[a](gone.md)`',
    '```md\n[a](gone.md)\n```',
  ])('%j is fine', (text) => {
    expect(links(text)).toEqual([])
  })

  test('they are followed from where the page lies', () => {
    expect(links('[a](../guides/sandbox.md) [b](../../LICENSE)', 'docs/decisions/0001-rooms.md')).toEqual([])
    expect(links('[a](docs/guides/sandbox.md)', 'docs/decisions/0001-rooms.md')).toHaveLength(1)
  })
})

describe('the changelog', () => {
  test.each([
    '# Changelog\n',
    '# Changelog\n\n## Unreleased\n',
    '## Unreleased\n\n## 0.1.0\n- Something.\n',
    '## Released\n- Something.\n',
  ])('%j is caught', (text) => {
    expect(emptyChangelog(page(text))).toHaveLength(1)
  })

  test.each([
    '## Unreleased\n- Something.\n',
    '# Changelog\n\n## Unreleased\n\n### Added\n\n- Something.\n\n## 0.1.0\n- Else.\n',
  ])('%j is fine', (text) => {
    expect(emptyChangelog(page(text))).toEqual([])
  })
})

test('a command that does not exist is caught, in examples too', () => {
  const text = 'Run `npm run check` or `npm run bench -- growth`.\n```sh\nnpm run new:channel signal\n```\n'
  expect(unknownCommands([page(text)], ['check', 'bench', 'new:channel'])).toEqual([])
  expect(unknownCommands([page(text)], ['check'])).toMatchObject([{ line: 1 }, { line: 3 }])
})

describe('settings', () => {
  const look = (settings: string[], guide: string, example: string) =>
    found(unexplainedSettings(settings, page(guide), page(example)))

  test('explained and listed ones pass', () => {
    expect(look(['PORT', 'HOST'], '| `PORT`, `HOST` | 7090 | where |\n', '# PORT=7090\nHOST=127.0.0.1\n')).toEqual([])
  })

  test.each([
    ['| `PORT` | 7090 |\n', '# PORT=7090\n', ['does not have HOST', 'does not have HOST']],
    ['`PORT` and `HOST` in passing', '# PORT=\n# HOST=\n', ['does not have PORT', 'does not have HOST']],
    ['| `PORT`, `HOST` | x |\n', '# PORT=\n# HOST and more\n', ['does not have HOST']],
    [
      '| `PORT`, `HOST` | x |\n| `GONE` | x |\n',
      '# PORT=\n# HOST=\n# OLD=\n',
      ['has GONE, which nothing reads', 'has OLD, which nothing reads'],
    ],
  ])('%j with %j is caught', (guide, example, expected) => {
    expect(look(['PORT', 'HOST'], guide, example)).toEqual(expected)
  })
})
