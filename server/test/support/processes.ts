/** More processes on one database, each with a door of its own, over networks that are real sockets. */
import { realProviders } from '../../src/channels/registry.ts'
import type { Gateway } from '../../src/gateway.ts'
import { createHttp } from '../../src/http.ts'
import { seededChance } from '../../src/lib/chance.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import { createDb } from '../../src/store/db.ts'
import { textbubblesWording } from '../../src/surfaces/textbubbles/webhooks/wording.ts'
import { createGateway } from '../../src/wiring.ts'
import { type TestGateway, testAdminKey, testWebhooks } from './gateway.ts'

export interface Process {
  gateway: Gateway
  url: string
  stop(): Promise<void>
}

/** `links`: it takes lines that nobody holds. */
export async function joins(first: TestGateway, { links }: { links: boolean }): Promise<Process> {
  const { clock, database, media, errors } = first
  const db = createDb({
    address: database.address,
    connectionsMax: 6,
    applicationName: 'another',
    onError: (error) => errors.push(error),
  })
  const fetches = createSafeFetch({ clock, policy: 'loopback', own: () => [] })
  const log = {
    info() {},
    warn() {},
    error: (facts: object, message: string) => void errors.push({ ...facts, message }),
  }
  let url = ''
  const gateway = createGateway({
    ...{ db, clock, log, media, mint: createMint(clock), box: createSealedBox(Buffer.alloc(32, 7)) },
    providers: new Map(
      realProviders({
        ...{ clock, chance: seededChance('another').next, http: fetches, media: fetches },
        asJpeg: () => Promise.reject(new Error('No group is given a picture here.')),
      }),
    ),
    ...{ publicUrl: () => url, egress: fetches, wording: textbubblesWording, webhooks: testWebhooks },
    ...{ roles: { links, webhooks: false }, keyPrefix: 'tb_', requestsPerMinute: 0 },
    ...{ eventRetentionMs: 30 * 86_400_000, allowUnsafeDatabase: false },
  })
  const http = createHttp({
    ...{ gateway, clock, log, adminKey: testAdminKey, version: '0.0.0-test' },
    ...{ host: '127.0.0.1', port: 0, publicUrl: null, trustProxy: false },
  })
  url = await http.listen()
  await gateway.start()
  return {
    gateway,
    url,
    async stop() {
      await http.close()
      const stopped = gateway.stop()
      // What hangs on purpose is given up at once.
      clock.advance(60_000)
      await stopped
      await fetches.close()
    },
  }
}
