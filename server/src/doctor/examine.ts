/** The whole examination, from the URL to the last trial. */
import { createBlueBubbles } from '../channels/imessage/bluebubbles/bluebubbles.ts'
import { settingsOf } from '../channels/imessage/settings.ts'
import type { Clock } from '../lib/clock.ts'
import { createSafeFetch } from '../lib/egress/safe-fetch.ts'
import type { Asked } from './arguments.ts'
import { check } from './checks.ts'
import { Ailment, Findings } from './findings.ts'
import { tryOut } from './trials.ts'

export interface Examining extends Asked {
  password: string
  clock: Clock
  signal: AbortSignal
  print(line: string): void
}

export async function examine({ url, password, sendTo, listenUrl, clock, signal, print }: Examining): Promise<boolean> {
  const findings = new Findings(print)
  const settings = await findings.attempt(
    'settings',
    () => {
      const read = settingsOf({ url, secret: password, address: sendTo })
      if (!read.ok) throw new Ailment(read.problem.message)
      return read.value
    },
    'The URL and the password can be used for a line.',
  )
  if (settings === null) return false
  const http = createSafeFetch({ clock, policy: 'allowed', own: () => [] })
  try {
    const { place } = settings
    const backend = createBlueBubbles({ clock, http }, place)
    const standing = await check({ backend, findings, sendTo, signal })
    if (standing !== null) await tryOut({ backend, findings, clock, standing, sendTo, listenUrl, place, http, signal })
  } finally {
    await http.close()
  }
  findings.report()
  return findings.isWell
}
