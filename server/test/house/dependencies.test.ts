/** Every rule on dependencies catches a planted breach, and the committed rules are well formed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareVersions, dependencyProblems, type Installation, type Policy } from './dependencies.ts'
import { root } from './source.ts'

const integrity = 'sha512-AAAA'
const policy: Policy = { denied: [], minimum: [], installScripts: [] }

/** A tidy installation of one library, with parts replaced. */
function look(change: Partial<Installation> & { version?: string; entry?: object }): string[] {
  const version = change.version ?? '1.2.3'
  const lock = {
    packages: {
      '': { workspaces: ['server'] },
      server: { dependencies: { lib: version } },
      'node_modules/lib': { version, integrity, ...change.entry },
      'node_modules/@switchboard/server': { resolved: 'server', link: true },
    },
  }
  const manifests = { '': { workspaces: ['server'] }, server: { dependencies: { lib: version } } }
  const { version: _, entry: __, ...rest } = change
  return dependencyProblems({ manifests, lock, npmrc: 'ignore-scripts=true\n', policy, ...rest }).map(
    ({ found }) => found,
  )
}

test('a tidy installation passes', () => {
  expect(look({})).toEqual([])
})

describe('exact versions', () => {
  test.each([
    '^1.2.3',
    '~1.2.3',
    '1.x',
    '*',
    'latest',
    '>=1.0.0',
    '',
    'git+https://example.com/lib.git',
    'github:owner/lib',
    'owner/lib',
    'https://example.com/lib.tgz',
    'file:../lib',
    'http://example.com/lib.tgz',
  ])('%j is caught', (version) => {
    expect(look({ version })).toContain(`asks for lib as "${version}"`)
  })

  test.each(['dependencies', 'devDependencies', 'optionalDependencies'])('in %s too', (group) => {
    expect(look({ manifests: { '': { workspaces: ['server'], [group]: { other: '^1.0.0' } } } })).toContain(
      'asks for other as "^1.0.0"',
    )
  })

  test.each(['1.2.3', '18.4.0-beta.17', '7.0.0-rc14'])('%j is exact', (version) => {
    expect(look({ version })).toEqual([])
  })
})

describe('lockfile', () => {
  test('a manifest that asks for something else is caught', () => {
    expect(look({ manifests: { server: { dependencies: { lib: '1.2.4' } } } })).toEqual([
      'is not in step with server/package.json',
    ])
  })

  test('a manifest that dropped a package is caught', () => {
    expect(look({ manifests: { server: {} } })).toEqual(['is not in step with server/package.json'])
  })

  test('a workspace the lockfile has never seen is caught', () => {
    expect(look({ manifests: { networks: { dependencies: { lib: '1.2.3' } } } })).toEqual([
      'is not in step with networks/package.json',
    ])
  })

  test('an entry of another version than asked for is caught', () => {
    expect(look({ entry: { version: '1.2.2' } })).toEqual([
      'does not hold lib 1.2.3, which server/package.json asks for',
    ])
  })

  test('an entry that cannot be verified is caught', () => {
    expect(look({ entry: { integrity: undefined } })).toEqual(['has no sha512 integrity for lib'])
    expect(look({ entry: { integrity: 'sha1-AAAA' } })).toEqual(['has no sha512 integrity for lib'])
  })

  test.each(['git+ssh://git@example.com/lib.git#abc', 'http://example.com/lib.tgz', 'file:../lib'])(
    'one fetched from %s is caught',
    (resolved) => {
      expect(look({ entry: { resolved } })).toEqual([`fetches lib from ${resolved}`])
    },
  )
})

describe('denied packages', () => {
  const deny = (versions: '*' | string[], except?: string[]) => ({
    ...policy,
    denied: [{ package: 'lib', versions, except, reason: 'planted' }],
  })

  test.each<[string, '*' | string[], string[]?]>([
    ['1.2.3', '*'],
    ['1.2.3', ['1.2.3']],
    ['1.2.3', ['<1.2.4']],
    ['1.2.3', ['>=1.2.3']],
    ['6.17.16', ['<7.0.0-rc13'], ['6.7.23']],
    ['7.0.0-rc9', ['<7.0.0-rc13']],
    ['7.0.0-rc.9', ['<7.0.0-rc13']],
  ])('%s is caught by %j', (version, versions, except) => {
    expect(look({ version, policy: deny(versions, except) })).toEqual([
      `holds lib ${version}, which is denied: planted`,
    ])
  })

  test.each<[string, string[], string[]?]>([
    ['1.2.3', ['1.2.4', '<1.2.3', '>=1.2.4']],
    ['7.0.0-rc14', ['<7.0.0-rc13']],
    ['6.7.23', ['<7.0.0-rc13'], ['6.7.23']],
  ])('%s passes %j', (version, versions, except) => {
    expect(look({ version, policy: deny(versions, except) })).toEqual([])
  })

  test('deep in the tree, and under another name, it is still caught', () => {
    const lock = {
      packages: {
        'node_modules/a/node_modules/lib': { version: '1.0.0', integrity },
        'node_modules/alias': { name: 'lib', version: '1.0.0', integrity },
      },
    }
    expect(look({ manifests: {}, lock, policy: deny('*') })).toHaveLength(2)
  })
})

describe('minimum versions', () => {
  const least = { ...policy, minimum: [{ package: 'lib', lines: ['6.2.3', '8.17.1'], reason: 'planted' }] }

  test.each(['6.2.2', '8.17.0', '5.9.9', '7.5.10', '8.17.1-beta.1'])('%s is caught', (version) => {
    expect(look({ version, policy: least })).toEqual([`holds lib ${version}, older than 6.2.3 or 8.17.1: planted`])
  })

  test.each(['6.2.3', '6.10.0', '8.17.1', '9.0.0'])('%s is recent enough', (version) => {
    expect(look({ version, policy: least })).toEqual([])
  })
})

describe('install scripts', () => {
  const entry = { hasInstallScript: true }

  test('one that nobody allowed is caught', () => {
    expect(look({ entry })).toEqual(['holds lib, which runs a script when installed'])
  })

  test('one that is known to work without it passes', () => {
    expect(look({ entry, policy: { ...policy, installScripts: [{ package: 'lib', reason: 'planted' }] } })).toEqual([])
  })

  test.each(['', 'ignore-scripts=false', '# ignore-scripts=true'])('an .npmrc of %j is caught', (npmrc) => {
    expect(look({ npmrc })).toEqual(['lets packages run scripts when installed'])
  })
})

test('versions are put in order', () => {
  const inOrder = [
    '0.9.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc9',
    '1.0.0-rc13',
    '1.0.0',
    '1.0.10',
    '1.2.0',
    '10.0.0',
  ]
  expect([...inOrder].reverse().sort(compareVersions)).toEqual(inOrder)
  expect(compareVersions('1.0.0+build.1', '1.0.0')).toBe(0)
})

describe('the committed rules', () => {
  const committed: Policy = JSON.parse(readFileSync(join(root, 'security/denied-packages.json'), 'utf8'))
  const all = [...committed.denied, ...committed.minimum, ...committed.installScripts]

  test('give a reason each, and name a package once per list', () => {
    expect(all.filter(({ reason }) => reason.length < 10)).toEqual([])
    for (const list of [committed.denied, committed.minimum, committed.installScripts]) {
      const names = list.map((rule) => rule.package)
      expect(names.filter((name, place) => names.indexOf(name) !== place)).toEqual([])
    }
  })

  test('hold versions that can be compared', () => {
    const versions = [
      ...committed.minimum.flatMap(({ lines }) => lines),
      ...committed.denied.flatMap(({ versions, except = [] }) => [...(versions === '*' ? [] : versions), ...except]),
    ]
    expect(versions.filter((version) => !/^(<|>=)?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version))).toEqual([])
  })

  test('keep out what the registry calls the latest release of the WhatsApp library', () => {
    const lock = {
      packages: {
        'node_modules/baileys': { version: '6.17.16', integrity },
        'node_modules/@whiskeysockets/baileys': { version: '7.0.0-rc.9', integrity },
      },
    }
    expect(look({ manifests: {}, lock, policy: committed })).toHaveLength(2)
  })
})
