/** As whom Postgres runs. It refuses to run as root, so root runs it in a user namespace or, where those are blocked, as another user. */
import { spawnSync } from 'node:child_process'
import { chownSync, lchownSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { StartRefused } from '../../lib/start-refused.ts'

export interface Guise {
  kind: 'self' | 'namespace' | 'other-user'
  /** Put before the program. `unshare` execs it, so the pid stays the one that was spawned. */
  wrap: readonly string[]
  uid?: number
  gid?: number
}

/** Said in full, so that neither PGPORT and its kin nor the user's locale and time zone reach Postgres. */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
}

export interface Account {
  uid: number
  gid: number
}

export function refuseForeign(cluster: string): void {
  const uid = process.getuid?.()
  if (uid === undefined) {
    throw new StartRefused('The embedded PostgreSQL does not run on this system: set DATABASE_URL.')
  }
  const owner = statSync(cluster, { throwIfNoEntry: false })?.uid ?? uid
  if (uid !== 0 && owner !== uid) {
    throw new StartRefused(
      `${cluster} belongs to another user (uid ${owner}): start as that user, or chown it to yours.`,
    )
  }
}

/** `unshare` names the program that makes user namespaces. */
export function chooseGuise(cluster: string, unshare: string): Guise {
  if (process.getuid?.() !== 0) {
    // initdb looks up its own user name and gives up without one, as under `docker run --user 12345`.
    return (isNamed() ? null : namespaceGuise(unshare)) ?? { kind: 'self', wrap: [] }
  }
  const made = statSync(join(cluster, 'PG_VERSION'), { throwIfNoEntry: false })
  // What an ordinary user made stays his, so that he can start the gateway again without root.
  if (made && made.uid !== 0) return { kind: 'other-user', wrap: [], uid: made.uid, gid: made.gid }
  return namespaceGuise(unshare) ?? { kind: 'other-user', wrap: [], ...pickAccount() }
}

function namespaceGuise(unshare: string): Guise | null {
  const { uid, gid } = pickAccount()
  const wrap = [unshare, '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--']
  const trial = spawnSync(unshare, [...wrap.slice(1), 'true'], { env: environment, stdio: 'ignore' })
  return trial.status === 0 ? { kind: 'namespace', wrap } : null
}

/** An account that has a name, because initdb asks for it. */
export function pickAccount(passwd: string = readFileSync('/etc/passwd', 'utf8')): Account {
  const accounts = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0)
  const account =
    ['postgres', 'nobody'].map((name) => accounts.find((one) => one.name === name)).find(Boolean) ?? accounts[0]
  if (!account) {
    throw new StartRefused(
      'PostgreSQL does not run as root and /etc/passwd has no other user: set DATABASE_URL, or start as a user.',
    )
  }
  return { uid: account.uid, gid: account.gid }
}

function isNamed(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    // ERR_SYSTEM_ERROR: this uid has no entry in the user database.
    return false
  }
}

/** Hands a directory over to the user that Postgres runs as, the top last, so that an interrupted round is done again. */
export function handOver(dir: string, guise: Guise): void {
  const { uid, gid } = guise
  if (uid === undefined || gid === undefined || lstatSync(dir).uid === uid) return
  for (const entry of readdirSync(dir, { recursive: true, encoding: 'utf8' })) lchownSync(join(dir, entry), uid, gid)
  chownSync(dir, uid, gid)
}
