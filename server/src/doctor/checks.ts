/** What can be seen without touching anything: the server, the Mac, its accounts, and what lies there. */
import type { Backend, Standing } from '../channels/imessage/backend.ts'
import type { Handle } from '../model/ids.ts'
import { Ailment, type Findings, NotTried } from './findings.ts'

export interface Checking {
  backend: Backend
  findings: Findings
  sendTo: Handle | null
  signal: AbortSignal
}

/** Null: there is no use in going on. */
export async function check({ backend, findings, sendTo, signal }: Checking): Promise<Standing | null> {
  const standing = await findings.attempt('server', () => backend.look(signal), 'It answers, and accepts the password.')
  if (standing === null) return null
  const { imessage, icloud } = standing
  const checks: readonly (readonly [string, () => string])[] = [
    ['version', () => versionOf(standing)],
    ['macOS', () => macosOf(standing)],
    ['iMessage account', () => accountOf(imessage, 'iMessage', 'Messages, Settings, iMessage')],
    ['iCloud account', () => accountOf(icloud, 'iCloud', 'the System Settings')],
    ['private API', () => privateApiOf(standing)],
    ['addresses', () => addressesOf(standing, sendTo)],
  ]
  for (const [name, work] of checks) await findings.attempt(name, work, (words) => words)
  const readable = async () => {
    const last = await backend.lastRow(signal)
    await backend.rowsAfter(Math.max(0, last - 10), signal)
    return last
  }
  await findings.attempt('messages', readable, (last) => `They can be read${last === 0 ? '; there are none yet' : ''}.`)
  const { serverVersion, macos, privateApi, aliases } = standing
  findings.fact(`BlueBubbles ${serverVersion.replace(/[^\w.-]/g, '').slice(0, 20)}, macOS ${macos}`)
  findings.fact(`private API ${privateApi}, ${aliases?.length ?? 'unknown'} addresses`)
  return standing
}

function versionOf({ serverVersion }: Standing): string {
  const [major = 0, minor = 0, patch = 0] = serverVersion.match(/\d+/g)?.map(Number) ?? []
  if (major * 1e6 + minor * 1e3 + patch >= 1_009_009) return `It is BlueBubbles ${serverVersion}.`
  throw new Ailment(`It is BlueBubbles ${serverVersion}. Update it to 1.9.9 or later.`)
}

function macosOf({ macos }: Standing): string {
  if (macos >= 26) {
    return `It is macOS ${macos}. Not everything works there with this server; macOS 14 and 15 are recommended.`
  }
  if (macos >= 14) return `It is macOS ${macos}, which is recommended.`
  if (macos === 13) return 'It is macOS 13. It can do everything; macOS 14 and 15 are recommended.'
  throw new Ailment(`It is macOS ${macos}, where nothing can be edited or unsent. Update it to 14 or 15.`)
}

function accountOf(account: string | null, name: string, where: string): string {
  if (account !== null) return 'The Mac is signed in.'
  throw new Ailment(`No ${name} account detected. Sign in on the Mac, in ${where}.`)
}

function privateApiOf({ privateApi }: Standing): string {
  if (privateApi === 'connected') return 'Its helper is connected: everything can be done.'
  if (privateApi === 'off') {
    const lost = 'only texts and files can be sent, to people and to groups that are there already'
    throw new Ailment(`The private API is off: ${lost}. Switch it on in BlueBubbles, under Settings, Private API.`)
  }
  throw new Ailment('The helper is not connected. Open Messages on the Mac, and check that SIP is disabled.')
}

function addressesOf({ aliases }: Standing, sendTo: Handle | null): string {
  if (aliases === null) throw new NotTried('Only the private API knows by which addresses the Mac is written to.')
  if (aliases.length === 0) throw new Ailment('The Mac has no address. Choose some in Messages, Settings, iMessage.')
  if (sendTo !== null && !aliases.includes(sendTo)) {
    throw new Ailment('The address of --send-to is not the Mac’s own. Nothing is sent to others.')
  }
  return `The Mac can be written to by ${aliases.length === 1 ? 'one address' : `${aliases.length} addresses`}.`
}
