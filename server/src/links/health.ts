/** How this process and the lines are, for whoever watches over them. */
import type { Clock } from '../lib/clock.ts'
import type { Channel } from '../model/channel.ts'
import { type Health, healthOf } from '../model/line.ts'
import type { LineStore } from '../store/lines.ts'

export interface HealthReport {
  database: boolean
  /** The work loops run and have looked at the database lately. */
  outbox: boolean
  links: Record<Channel, { health: Health; lines: number }>
}

export interface HealthOptions {
  clock: Clock
  log: { error(facts: object, message: string): void }
  lines: Pick<LineStore, 'summary'>
  /** Null: this process sends nothing. */
  outbox: { lastClaimAt(): number } | null
}

const outboxQuietMs = 10_000

export async function healthReport({ clock, log, lines, outbox }: HealthOptions): Promise<HealthReport> {
  const quiet = (): { health: Health; lines: number } => ({ health: 'unknown', lines: 0 })
  const links: HealthReport['links'] = { imessage: quiet(), sms: quiet(), whatsapp: quiet() }
  const works = outbox === null || clock.monotonic() - outbox.lastClaimAt() < outboxQuietMs
  try {
    for (const line of await lines.summary()) {
      const health = healthOf({ channels: [line.channel], links: { [line.channel]: line.state } })
      const sum = links[line.channel]
      sum.lines += line.lines
      if (sum.health === 'unknown' || health === 'unhealthy') sum.health = health
    }
    return { database: true, outbox: works, links }
  } catch (error) {
    log.error({ err: error }, 'the database did not answer a health check')
    return { database: false, outbox: works, links }
  }
}
