/** Sessions of the connector through its contract, with vaults in memory, in a process of their own that is measured. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { newOutgoing } from '../../../src/channels/conformance-stage.ts'
import type { Connection, Host } from '../../../src/channels/connector.ts'
import { createWhatsappConnector } from '../../../src/channels/whatsapp/connector.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { createSafeFetch } from '../../../src/lib/egress/safe-fetch.ts'
import type { Handle, LineId } from '../../../src/model/ids.ts'
import type { LinkState } from '../../../src/model/line.ts'
import { answerAs } from '../child.ts'
import { settledMemory } from '../processes.ts'
import type { Numbered, SendRun, SessionsSettings } from './accounts.ts'
import { greetAll, sendFor } from './sending-loop.ts'
import { quickVault } from './vault.ts'

type Entries = Map<string, Uint8Array>

interface Session {
  connection: Connection
  state: LinkState
}

const connectWithinMs = 120_000

await answerAs<SessionsSettings>(async ({ lineUrl, dir }) => {
  const media = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  const asJpeg = async ({ base64 }: { base64: string }) => Buffer.from(base64, 'base64')
  const connector = createWhatsappConnector({ clock: systemClock, chance: Math.random, media, asJpeg })
  const vaults = new Map<string, Entries>()
  const sessions = new Map<string, Session>()
  let heard = 0
  const open = (number: string): Session => {
    const entries = vaults.get(number) ?? new Map()
    vaults.set(number, entries)
    const line = { id: number as LineId, address: number as Handle, url: lineUrl, secret: null }
    const connection = connector.open(line, {
      ...hostWith(entries, (state) => {
        session.state = state
      }),
      receive: async (event) => {
        if (event.kind === 'message') heard += 1
      },
    })
    const session: Session = { connection, state: { status: 'connecting' } }
    sessions.set(number, session)
    return session
  }
  const all = () => [...sessions.values()]
  const sendOne = async (nth: number, to: string, text: string) => {
    const outgoing = newOutgoing('whatsapp', { handle: to as Handle }, { text })
    return all()[nth]?.connection.send(outgoing, new AbortController().signal)
  }
  return {
    answers: {
      /** Nothing but what these need may be in memory when that is measured. */
      fetch: (numbers: readonly string[]) => {
        for (const number of numbers) vaults.set(number, deserialize(readFileSync(join(dir, number))))
      },
      keep: () => {
        for (const [number, entries] of vaults) writeFileSync(join(dir, number), serialize(entries))
      },
      /** With everything loaded that the first session loads. */
      load: async () => {
        const { mendLibrary } = await import('../../../src/channels/whatsapp/library/mends.ts')
        await import('../../../src/channels/whatsapp/link.ts')
        mendLibrary()
      },
      code: async ({ number }: Numbered) => {
        const { connection } = open(number)
        await connection.start()
        const { state } = sessions.get(number) ?? {}
        if (state?.status !== 'pairing') throw new Error(`A new line shows no code, it is ${state?.status}.`)
        return state.qr
      },
      connected: ({ number }: Numbered) => untilAll([sessions.get(number)].filter((one) => one !== undefined)),
      close: async ({ number }: Numbered) => {
        await sessions.get(number)?.connection.stop()
        sessions.delete(number)
      },
      start: async (numbers: readonly string[]) => {
        const opened = numbers.map(open)
        await Promise.all(opened.map(({ connection }) => connection.start()))
        await untilAll(opened)
      },
      memory: settledMemory,
      greet: (run: SendRun) => greetAll(run, sendOne),
      send: (run: SendRun) => sendFor(run, sendOne),
      heard: () => heard,
    },
    stop: async () => {
      await Promise.all(all().map(({ connection }) => connection.stop()))
      await media.close()
    },
  }
})

function hostWith(entries: Entries, setState: Host['setState']): Omit<Host, 'receive'> {
  const silent = () => {}
  return {
    ...{ vault: quickVault(entries), setState, log: { info: silent, warn: silent, error: silent } },
    adopt: async () => true,
    callbackUrl: (topic) => `http://127.0.0.1:9/${topic}`,
  }
}

async function untilAll(sessions: readonly Session[]): Promise<void> {
  for (let waitedMs = 0; sessions.some(({ state }) => state.status !== 'connected'); waitedMs += 5) {
    if (waitedMs > connectWithinMs) throw new Error('Not all sessions were connected in two minutes.')
    await sleep(5)
  }
}
