/** The gateway's own directory: held by one gateway at a time, with its generated keys and the sandbox's particulars. */
import { randomBytes, randomInt } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isCode, lookUpLiving } from './processes.ts'
import { StartRefused } from './start-refused.ts'

export interface Keys {
  adminKey: string
  masterKey: string
}

export interface SandboxInfo {
  url: string
  apiKey: string
  adminKey: string
  line: string
  webhookSecret: string | null
  networks: string | null
  whatsbridgeToken: string | null
}

export interface DataDir {
  path: string
  keys: Keys
  /** What the last sandbox wrote, so that its API key can be shown again; null before the first. */
  readSandbox(): Promise<SandboxInfo | null>
  writeSandbox(info: SandboxInfo): Promise<void>
  release(): Promise<void>
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Keys that the settings give are used as they are and never written down. */
export async function openDataDir(
  dir: string,
  given: { adminKey?: string; masterKey?: string } = {},
): Promise<DataDir> {
  const path = resolve(dir)
  const release = await takeDirectory(path).catch((error: Error) => {
    // What the file system answers is the operator's to mend; anything else is a bug and shown whole.
    throw 'code' in error ? new StartRefused(unusable(path, error), { cause: error }) : error
  })
  const sandboxFile = join(path, 'sandbox.json')
  try {
    return {
      path,
      keys: await openKeys(join(path, 'keys.json'), given),
      readSandbox: () => readJson<SandboxInfo>(sandboxFile),
      writeSandbox: (info) => writeWhole(sandboxFile, `${JSON.stringify(info, null, 2)}\n`),
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

function unusable(path: string, error: Error): string {
  return `${path} cannot be used as the data directory (${error.message}): choose another DATA_DIR, or give this user the right to write there.`
}

async function takeDirectory(path: string): Promise<() => Promise<void>> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  return takeLock(join(path, 'gateway.pid'), path)
}

/** Two lines: the pid and the moment its process began, which tells a recycled pid from the holder. */
async function takeLock(file: string, dir: string): Promise<() => Promise<void>> {
  const mine = `${process.pid}\n${lookUpLiving(process.pid)?.startedAt}\n`
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeNew(draft, mine)
  try {
    // A hard link appears at once and whole, and fails when the name is taken: no one can see half a lock.
    while (!(await linked(draft, file))) {
      const held = await readIfPresent(file)
      if (held === null) continue
      const holder = livingHolder(held)
      if (holder !== null) {
        throw new StartRefused(
          `Another gateway (pid ${holder}) already uses ${dir}: stop it first, or choose another DATA_DIR.`,
        )
      }
      await removeStale(file, held)
    }
  } finally {
    await rm(draft, { force: true })
  }
  return async () => {
    if ((await readIfPresent(file)) === mine) await rm(file, { force: true })
  }
}

function livingHolder(lock: string): number | null {
  const [pidLine = '', startedAt = ''] = lock.split('\n')
  const pid = Number(pidLine)
  if (!Number.isInteger(pid) || pid < 1) return null
  return lookUpLiving(pid)?.startedAt === startedAt ? pid : null
}

/** Moves the lock aside before deleting it: if it was no longer the one judged stale, it goes back where it was. */
async function removeStale(file: string, judged: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== judged) await linked(aside, file)
  await rm(aside)
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

async function openKeys(file: string, given: { adminKey?: string; masterKey?: string }): Promise<Keys> {
  const kept = (await readJson<Partial<Keys>>(file)) ?? {}
  const written: Partial<Keys> = { ...kept }
  if (!given.adminKey) written.adminKey ??= newAdminKey()
  if (!given.masterKey) written.masterKey ??= randomBytes(32).toString('base64')
  if (written.adminKey !== kept.adminKey || written.masterKey !== kept.masterKey) {
    await writeWhole(file, `${JSON.stringify(written, null, 2)}\n`)
  }
  const adminKey = given.adminKey ?? written.adminKey
  const masterKey = given.masterKey ?? written.masterKey
  if (typeof adminKey !== 'string' || typeof masterKey !== 'string') throw unreadable(file)
  return { adminKey, masterKey }
}

/** 43 characters of 62 hold 256 bits. */
function newAdminKey(): string {
  return `adm_${Array.from({ length: 43 }, () => base62[randomInt(62)]).join('')}`
}

async function readJson<T extends object>(file: string): Promise<T | null> {
  const text = await readIfPresent(file)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw unreadable(file)
}

/** Never repaired by overwriting: a lost master key would make every stored credential unreadable. */
function unreadable(file: string): StartRefused {
  return new StartRefused(
    `${file} does not hold what the gateway wrote into it: restore it from a backup, or move it away.`,
  )
}

async function readIfPresent(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
}

/** Readers see the old file or the new one, never a part, and a power cut cannot leave an empty one. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeNew(draft, text)
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
  const folder = await open(dirname(file))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
