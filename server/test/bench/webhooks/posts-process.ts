/** The comparison: the gateway's own way out posts the same delivery again and again, and does nothing else. */
import { systemClock } from '../../../src/lib/clock.ts'
import { createSafeFetch } from '../../../src/lib/egress/safe-fetch.ts'
import { answerAs } from '../child.ts'
import type { Sample } from './receiver-process.ts'

export interface PostsSettings extends Sample {
  url: string
  /** At once. */
  concurrency: number
}

await answerAs<PostsSettings>(async ({ url, headers, body, concurrency }) => {
  const egress = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  const request = { method: 'POST' as const, url, headers, body: Buffer.from(body, 'latin1'), timeoutMs: 10_000 }
  let ended = false
  const drive = async () => {
    while (!ended) {
      const { status } = await egress.request({ ...request, responseBytesMax: 16_384, redirectsMax: 0 })
      if (status !== 200) throw new Error(`The receiver answered ${status}.`)
    }
  }
  const drivers = Array.from({ length: concurrency }, drive)
  return {
    answers: {},
    async stop() {
      ended = true
      await Promise.all(drivers)
      await egress.close()
    },
  }
})
