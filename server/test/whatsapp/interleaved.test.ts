/** Sends and receipts of one chat at the same time, over a slow vault and a slow network: everybody can read everything. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { messagesIn, newOutgoing, type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Connection, Connector, Vault } from '../../src/channels/connector.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { createTestClock } from '../support/test-clock.ts'
import { pairedEntries, whatsappOn } from '../support/whatsapp-harness.ts'

/** `RUNS=5` is the long form: a hundred messages each way, five times over each vault. */
const runs = Number(process.env.RUNS ?? 0)
/** Both ways, so that keys are fetched in twice the time. */
const lateMs = runs > 0 ? 20 : 8
const vaults = runs > 0 ? { 5: 100, 40: 100 } : { 5: 24, 40: 6 }

const people = new People()
let network: Whatsapp
beforeAll(async () => {
  network = await openWhatsapp({ people, clock: systemClock })
})
afterAll(() => network.stop())

function slowly(vault: Vault, clock: Clock, ms: number): Vault {
  const later =
    <Given extends unknown[], Result>(work: (...given: Given) => Promise<Result>) =>
    async (...given: Given) => {
      await clock.sleep(ms)
      return work(...given)
    }
  return { get: later(vault.get), getAll: later(vault.getAll), keys: later(vault.keys), put: later(vault.put) }
}

interface Talk {
  connection: Connection
  host: SpyHost
  line: Handle
  somebody: Handle
}

let talks = 0

async function talk(vaultMs: number): Promise<Talk> {
  talks += 1
  const address = `+1202888${String(talks).padStart(4, '0')}` as Handle
  const somebody = `+1303888${String(talks).padStart(4, '0')}` as Handle
  people.set(address, {})
  people.set(somebody, { receiptAfterMs: 5 })
  // Devices are never believed for longer: each message fetches them, and with them keys for a new session.
  const connector: Connector = whatsappOn(createTestClock(), 1)
  const settings = { id: `line-${talks}` as LineId, address, url: network.lineUrl, secret: null }
  const host = spyHost(await pairedEntries({ network, connector, line: settings }))
  const connection = connector.open(settings, { ...host, vault: slowly(host.vault, systemClock, vaultMs) })
  await connection.start()
  expect(host.states.at(-1)?.status).toBe('connected')
  return { connection, host, line: address, somebody }
}

/** Several at a time, and in the middle of each of them somebody writes: now before its keys are there, now after. */
async function interleave({ connection, line, somebody }: Talk, messages: number): Promise<void> {
  const never = new AbortController().signal
  const waiting = [...Array(messages).keys()]
  const work = async () => {
    for (let nth = waiting.shift(); nth !== undefined; nth = waiting.shift()) {
      const sending = connection.send(newOutgoing('whatsapp', { handle: somebody }, { text: `out ${nth}` }), never)
      await systemClock.sleep((nth * 7) % (6 * lateMs))
      await Promise.all([sending, network.person(somebody).says(line, `in ${nth}`)])
    }
  }
  await Promise.all(Array.from({ length: 4 }, work))
}

const numbered = (word: string, messages: number) => [...Array(messages).keys()].map((nth) => `${word} ${nth}`).sort()

const rounds = Object.entries(vaults).flatMap(([ms, messages]) =>
  [...Array(Math.max(1, runs)).keys()].map((nth) => ({ vaultMs: Number(ms), messages, run: nth + 1 })),
)

test.each(rounds)(
  '$messages each way over a vault that takes $vaultMs ms, run $run: each message is read once, and none has to be asked for again',
  { timeout: 240_000 },
  async ({ vaultMs, messages }) => {
    const conversation = await talk(vaultMs)
    const { connection, host, somebody } = conversation
    const before = { ...network.unread }
    network.faults.slow(lateMs)
    try {
      await interleave(conversation, messages)
      const shown = () => network.person(somebody).received.filter(({ isOwn }) => !isOwn)
      const arrived = () => [shown().filter(({ from }) => from !== somebody).length, messagesIn(host).length]
      await expect.poll(arrived, { timeout: 60_000 }).toEqual([messages, messages])
      // What is on its way twice, or asked for again, comes by then.
      await expect.poll(() => network.waiting(), { timeout: 60_000 }).toBe(0)
      const heard = messagesIn(host)
      expect(
        shown()
          .map(({ text }) => text)
          .sort(),
      ).toEqual(numbered('out', messages))
      expect(heard.map(({ text }) => text).sort()).toEqual(numbered('in', messages))
      expect(new Set(heard.map(({ providerId }) => providerId)).size).toBe(messages)
      expect(network.person(somebody).repeats).toBe(0)
      expect(network.unread).toEqual(before)
    } finally {
      network.faults.slow(0)
      await connection.stop()
    }
  },
)
