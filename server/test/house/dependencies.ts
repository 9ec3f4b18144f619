/** What may be installed: exact versions, a lockfile in step, nothing denied, nothing too old, no install scripts. */
import type { Violation } from './source.ts'

export interface Manifest {
  workspaces?: readonly string[]
  dependencies?: Readonly<Record<string, string>>
  devDependencies?: Readonly<Record<string, string>>
  optionalDependencies?: Readonly<Record<string, string>>
}

interface LockEntry extends Manifest {
  name?: string
  version?: string
  integrity?: string
  resolved?: string
  link?: boolean
  hasInstallScript?: boolean
}

export interface Lock {
  packages: Readonly<Record<string, LockEntry>>
}

/** The committed rules: security/denied-packages.json. */
export interface Policy {
  /** `versions` is "*" or a list of which any may match: an exact version, or one after "<" or ">=". */
  denied: readonly { package: string; versions: '*' | readonly string[]; except?: readonly string[]; reason: string }[]
  /** The first good version of each major line; a line below or between those named has none. */
  minimum: readonly { package: string; lines: readonly string[]; reason: string }[]
  installScripts: readonly { package: string; reason: string }[]
}

export interface Installation {
  /** Each package.json by its folder; '' is the root. */
  manifests: Readonly<Record<string, Manifest>>
  lock: Lock
  npmrc: string
  policy: Policy
}

const groups = ['dependencies', 'devDependencies', 'optionalDependencies'] as const

export function dependencyProblems({ manifests, lock, npmrc, policy }: Installation): Violation[] {
  return [
    ...Object.entries(manifests).flatMap(([folder, manifest]) => looseVersions(folder, manifest)),
    ...Object.entries(manifests).flatMap(([folder, manifest]) => outOfStep(folder, manifest, lock)),
    ...unverifiable(lock),
    ...denied(lock, policy),
    ...tooOld(lock, policy),
    ...withScripts(lock, policy),
    ...scriptsAllowed(npmrc),
  ]
}

const lockfile = (found: string, todo: string): Violation => ({ file: 'package-lock.json', line: null, found, todo })

const exact = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/

function looseVersions(folder: string, manifest: Manifest): Violation[] {
  return groups.flatMap((group) => {
    const loose = Object.entries(manifest[group] ?? {}).filter(([, version]) => !exact.test(version))
    return loose.map(([name, version]) => {
      const todo = 'Name one exact version from the registry, such as 1.2.3.'
      return { file: fileIn(folder), line: null, found: `asks for ${name} as "${version}"`, todo }
    })
  })
}

function outOfStep(folder: string, manifest: Manifest, lock: Lock): Violation[] {
  const locked = lock.packages[folder]
  const differ =
    locked === undefined ||
    [...groups, 'workspaces' as const].some((part) => !isSame(manifest[part] ?? {}, locked[part] ?? {}))
  if (differ)
    return [lockfile(`is not in step with ${fileIn(folder)}`, 'Run npm install and commit the lockfile with it.')]
  const wanted = groups.flatMap((group) => Object.entries(manifest[group] ?? {}))
  const wrong = wanted.filter(([name, version]) => installed(folder, name, lock)?.version !== version)
  return wrong.map(([name, version]) =>
    lockfile(`does not hold ${name} ${version}, which ${fileIn(folder)} asks for`, 'Run npm install.'),
  )
}

function fileIn(folder: string): string {
  return folder === '' ? 'package.json' : `${folder}/package.json`
}

function installed(folder: string, name: string, lock: Lock): LockEntry | undefined {
  const own = folder === '' ? undefined : lock.packages[`${folder}/node_modules/${name}`]
  return own ?? lock.packages[`node_modules/${name}`]
}

function isSame(a: object, b: object): boolean {
  const sorted = (value: object) =>
    JSON.stringify(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
  return sorted(a) === sorted(b)
}

/** Everything from the registry, by name; workspaces are ours. */
function fetched(lock: Lock): { name: string; entry: LockEntry }[] {
  const paths = Object.entries(lock.packages).filter(([path, entry]) => path.includes('node_modules/') && !entry.link)
  return paths.map(([path, entry]) => ({
    name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 13),
    entry,
  }))
}

function unverifiable(lock: Lock): Violation[] {
  return fetched(lock).flatMap(({ name, entry }) => {
    const found: Violation[] = []
    if (!entry.integrity?.startsWith('sha512-')) {
      found.push(lockfile(`has no sha512 integrity for ${name}`, 'Remove its entry and run npm install again.'))
    }
    if (entry.resolved && !entry.resolved.startsWith('https://')) {
      found.push(lockfile(`fetches ${name} from ${entry.resolved}`, 'Depend on a release from the registry.'))
    }
    return found
  })
}

function denied(lock: Lock, policy: Policy): Violation[] {
  return fetched(lock).flatMap(({ name, entry: { version = '0.0.0' } }) => {
    const rule = policy.denied.find(({ package: denied, versions, except = [] }) => {
      if (denied !== name || except.includes(version)) return false
      return versions === '*' || versions.some((one) => matches(version, one))
    })
    return rule
      ? [
          lockfile(
            `holds ${name} ${version}, which is denied: ${rule.reason}`,
            'Use another version, or another package.',
          ),
        ]
      : []
  })
}

function matches(version: string, rule: string): boolean {
  if (rule.startsWith('<')) return compareVersions(version, rule.slice(1)) < 0
  if (rule.startsWith('>=')) return compareVersions(version, rule.slice(2)) >= 0
  return version === rule
}

function tooOld(lock: Lock, policy: Policy): Violation[] {
  return fetched(lock).flatMap(({ name, entry: { version = '0.0.0' } }) => {
    const rules = policy.minimum.filter((rule) => rule.package === name && !isRecent(version, rule.lines))
    return rules.map(({ lines, reason }) =>
      lockfile(
        `holds ${name} ${version}, older than ${lines.join(' or ')}: ${reason}`,
        'Raise it, by an override if another package asks for it.',
      ),
    )
  })
}

function isRecent(version: string, lines: readonly string[]): boolean {
  const line = lines.find((first) => majorOf(first) === majorOf(version))
  if (line) return compareVersions(version, line) >= 0
  return lines.every((first) => majorOf(version) > majorOf(first))
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10)
}

function withScripts(lock: Lock, policy: Policy): Violation[] {
  const allowed = new Set(policy.installScripts.map((rule) => rule.package))
  const names = new Set(fetched(lock).flatMap(({ name, entry }) => (entry.hasInstallScript ? [name] : [])))
  const todo = 'See that it works without its script, and say so in security/denied-packages.json; or do without it.'
  return [...names]
    .filter((name) => !allowed.has(name))
    .map((name) => lockfile(`holds ${name}, which runs a script when installed`, todo))
}

function scriptsAllowed(npmrc: string): Violation[] {
  if (/^ignore-scripts\s*=\s*true$/m.test(npmrc)) return []
  return [
    { file: '.npmrc', line: null, found: 'lets packages run scripts when installed', todo: 'Set ignore-scripts=true.' },
  ]
}

/**
 * Negative when `a` comes first. As semantic versioning has it, but with digits inside a prerelease compared as numbers:
 * some packages publish `rc9` and `rc13`, which semantic versioning puts in the wrong order.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)]
  const numbers = firstDifference(left.numbers, right.numbers)
  if (numbers !== 0) return numbers
  if (left.prerelease.length === 0 || right.prerelease.length === 0)
    return right.prerelease.length - left.prerelease.length
  return firstDifference(left.prerelease, right.prerelease)
}

function partsOf(version: string): { numbers: (string | number)[]; prerelease: (string | number)[] } {
  const [release = '', ...rest] = (version.split('+')[0] ?? '').split('-')
  const runs = (text: string) =>
    (text.match(/\d+|[A-Za-z]+/g) ?? []).map((run) => (/^\d/.test(run) ? Number(run) : run))
  return { numbers: runs(release), prerelease: runs(rest.join('-')) }
}

function firstDifference(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let place = 0; place < Math.max(a.length, b.length); place++) {
    const [left, right] = [a[place], b[place]]
    if (left === right) continue
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1
    if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1
    return left < right ? -1 : 1
  }
  return 0
}
