/** WhatsApp on this machine as a harness for the conformance suite: the library as it is, real sockets, people who decrypt. */
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { type Harness, type Peer, type Stage, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Actions, Connector, LineSettings } from '../../src/channels/connector.ts'
import { createWhatsappConnector } from '../../src/channels/whatsapp/connector.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { Handle, LineId, ProviderMessageId } from '../../src/model/ids.ts'
import { blankFile } from './blank-file.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

const verbs: readonly (keyof Actions)[] = [
  ...([
    'react',
    'setTyping',
    'markRead',
    'createGroup',
    'chatInfo',
    'renameGroup',
    'addMember',
    'removeMember',
  ] as const),
  ...(['leaveGroup', 'setGroupIcon', 'removeGroupIcon', 'requestPairingCode', 'forgetPairing'] as const),
]
const mimeTypes = { image: 'image/jpeg', video: 'video/mp4', audio: 'audio/mpeg', document: 'application/pdf' } as const

interface Counted {
  clock: TestClock
  asleep(): number
}

export interface WhatsappHarness extends Harness {
  close(): Promise<void>
}

export async function openWhatsappHarness(): Promise<WhatsappHarness> {
  const people = new People()
  const network = await openWhatsapp({ people, clock: systemClock })
  const counted = countedClock()
  const connector = whatsappOn(counted.clock)
  const codes = new Map<LineId, string>()
  let lines = 0
  return {
    ...{ name: 'WhatsApp', connector: watched(connector, codes), verbs, echoes: false, knowsMessages: false },
    stage: async () => {
      lines += 1
      const address = `+1202777${String(lines).padStart(4, '0')}` as Handle
      const line = { id: `line-${lines}` as LineId, address, url: network.lineUrl, secret: null }
      people.set(address, {})
      const entries = await pairedEntries({ network, connector, line })
      return stageOf({ network, people, counted, line, entries, code: () => codes.get(line.id) ?? '' })
    },
    close: () => network.stop(),
  }
}

/** The connector, with an eye on the codes that its lines show. */
function watched(connector: Connector, codes: Map<LineId, string>): Connector {
  return {
    ...connector,
    open: (line, host) =>
      connector.open(line, {
        ...host,
        setState: (state) => {
          if (state.status === 'pairing') codes.set(line.id, state.qr)
          host.setState(state)
        },
      }),
  }
}

export function whatsappOn(clock: TestClock, devicesMs?: number): Connector {
  const media = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  const asJpeg = async ({ base64 }: { base64: string }) => Buffer.from(base64, 'base64')
  return createWhatsappConnector({
    clock,
    chance: () => 0.5,
    media,
    asJpeg,
    ...(devicesMs !== undefined && { devicesMs }),
  })
}

function countedClock(): Counted {
  const clock = createTestClock()
  let asleep = 0
  const sleep: TestClock['sleep'] = async (ms, signal) => {
    asleep += 1
    await clock.sleep(ms, signal)
    asleep -= 1
  }
  return { clock: { ...clock, sleep }, asleep: () => asleep }
}

/** What the vault of a line holds whose phone has linked it. */
export async function pairedEntries(parts: {
  network: Whatsapp
  connector: Connector
  line: LineSettings & { address: Handle }
}): Promise<Map<string, Uint8Array>> {
  const { network, connector, line } = parts
  const entries = new Map<string, Uint8Array>()
  const host = spyHost(entries)
  const connection = connector.open(line, host)
  await connection.start()
  const state = host.states.at(-1)
  if (state?.status !== 'pairing') throw new Error(`A new line shows no code, it is ${state?.status}.`)
  await network.phoneOf(line.address).scan(state.qr)
  await until(() => host.states.at(-1)?.status === 'connected')
  await connection.stop()
  return entries
}

interface StageParts {
  network: Whatsapp
  people: People
  counted: Counted
  line: LineSettings & { address: Handle }
  entries: Map<string, Uint8Array>
  /** What the line shows to be scanned. */
  code(): string
}

function stageOf(parts: StageParts): Stage {
  const { network, counted, line, entries } = parts
  const somebodies: Handle[] = []
  const activity = () => {
    const counts = somebodies.map((one) => {
      const { received, heard, seen, learned, repeats } = network.person(one)
      return [received.length, heard.length, seen.length, learned.length, repeats]
    })
    return JSON.stringify([counts, network.leftBehind(), network.received(line.address).length, counted.asleep()])
  }
  return {
    line,
    entries,
    peer: peerOf(parts, somebodies),
    settle: async (work) => {
      let isDone = false
      const ended = Promise.resolve(work).finally(() => {
        isDone = true
      })
      // Who asked hears of it below.
      ended.catch(() => {})
      await quiet(activity, counted.clock, () => isDone)
      return ended
    },
    pause: () => systemClock.sleep(200),
    file: (kind, bytes) => blankFile({ kind, mimeType: mimeTypes[kind], bytes }),
    close: async () => undefined,
  }
}

/** Until nothing has happened for a while. Whoever sleeps is woken early: pauses between tries are not what is tried here. */
async function quiet(activity: () => string, clock: TestClock, isDone: () => boolean): Promise<void> {
  let before = ''
  for (let still = 0, looks = 0; (still < 8 || !isDone()) && looks < 1_500; looks += 1) {
    await systemClock.sleep(20)
    clock.advance(500)
    const now = activity()
    still = now === before ? still + 1 : 0
    before = now
  }
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpMs = systemClock.monotonic() + 20_000
  while (!condition()) {
    if (systemClock.monotonic() > giveUpMs) throw new Error('The line was not linked within 20 seconds.')
    await systemClock.sleep(10)
  }
}

function peerOf({ network, people, line, entries, code }: StageParts, somebodies: Handle[]): Peer {
  const person = (handle: Handle) => network.person(handle)
  return {
    somebody: () => {
      const handle = `+1303${line.address.slice(-4)}${String(somebodies.length).padStart(3, '0')}` as Handle
      people.set(handle, { receiptAfterMs: 5 })
      somebodies.push(handle)
      return handle
    },
    stranger: () => '+12025550107' as Handle,
    mute: () => '+12025550108' as Handle,
    loseNextAnswer: () => network.faults.loseNextAnswer(),
    cutLink: () => network.faults.cutAll(),
    received: () => {
      const all = somebodies.flatMap((one) =>
        person(one).received.filter(({ kind, from }) => from === line.address && kind !== 'reaction'),
      )
      // What a group got is there once for each of its members.
      const once = [...new Map(all.map((one) => [one.id, one])).values()].sort((one, other) => one.at - other.at)
      return once.map(({ id, text, file, message }) => ({
        providerId: id as ProviderMessageId,
        text,
        attachments: file === null ? [] : [{ bytes: bytesIn(message) }],
      }))
    },
    says: (from, text, file) => {
      const kind = { kind: 'image', mimeType: 'image/png', caption: text } as const
      const said =
        file === undefined
          ? person(from).says(line.address, text)
          : person(from).sends(line.address, { ...kind, bytes: Buffer.from(file) })
      said.catch((error: unknown) => {
        throw error
      })
    },
    saysIn: (chat, from, text) => void person(from).says(chat, text),
    noticed: () => noticedBy(somebodies.map(person), line.address),
    unpair: async () => {
      network.phoneOf(line.address).unlink()
      entries.clear()
    },
    scan: () => network.phoneOf(line.address).scan(code()),
    leftBehind: () => network.leftBehind(),
  }
}

function bytesIn(message: object): number {
  const [content] = Object.values(message).filter(
    (one) => typeof one === 'object' && one !== null && 'fileLength' in one,
  )
  return Number((content as { fileLength?: unknown } | undefined)?.fileLength ?? Number.NaN)
}

const deeds = {
  create: ['createGroup'],
  add: ['addMember'],
  remove: ['removeMember'],
  leave: ['leaveGroup'],
  settings: ['renameGroup'],
  picture: ['setGroupIcon', 'removeGroupIcon'],
  promote: [],
  demote: [],
} as const satisfies Record<string, readonly (keyof Actions)[]>

function noticedBy(others: readonly ReturnType<Whatsapp['person']>[], us: Handle): (keyof Actions)[] {
  return others.flatMap(({ received, heard, seen, learned }) => [
    ...received.flatMap(({ kind }) => (kind === 'reaction' ? (['react'] as const) : [])),
    ...heard.flatMap(({ from, what }) => (from === us && what === 'read' ? (['markRead'] as const) : [])),
    ...seen.flatMap(({ from }) => (from === us ? (['setTyping'] as const) : [])),
    ...learned.flatMap(({ by, what }) => (by === us ? deeds[what] : [])),
  ])
}
