/** A provider behind HTTP as a harness for the conformance suite: real sockets, and a clock that runs by itself and is moved on. */
import type { People } from '../../../networks/src/people.ts'
import type { Harness, Stage } from '../../src/channels/conformance-stage.ts'
import type { Connector, LineSettings } from '../../src/channels/connector.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch, type SafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { MediaKind } from '../../src/model/channel.ts'
import type { Handle, LineId, ProviderMessageId } from '../../src/model/ids.ts'
import type { LinkState } from '../../src/model/line.ts'
import { blankFile } from './blank-file.ts'
import { type FrontDoor, openFrontDoor } from './front-door.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

/** What the suite needs of a pretended provider. */
export interface RestNetwork {
  readonly hanging: number
  readonly busy: number
  readonly waiting: number
  cut(): Promise<void>
  mend(): Promise<void>
  loseNextAnswer(): void
  says(from: string, to: string, text: string, file?: Uint8Array): void
  stop(): Promise<void>
}

export interface RestTools {
  clock: Clock
  chance(): number
  http: SafeFetch
  media: SafeFetch
}

interface RestOptions {
  name: string
  /** The same connector for all stages. */
  connectorWith(tools: RestTools): Connector
  network(what: { people: People; clock: TestClock; address: string; door: FrontDoor }): Promise<{
    network: RestNetwork
    line: Pick<LineSettings, 'url' | 'secret'>
  }>
  people(): People
  knowsStrangers?: boolean
}

const mimeTypes: Record<MediaKind, string> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/mpeg',
  document: 'application/pdf',
}
const healthEveryMs = 60_000

interface Counts {
  sleeping: number
  asking: number
}

interface Set {
  door: FrontDoor
  network: RestNetwork
  people: People
  state: LinkState | null
  isCut: boolean
}

export function restHarness(options: RestOptions): Harness {
  const clock = createTestClock()
  const counts: Counts = { sleeping: 0, asking: 0 }
  const connector = options.connectorWith(countedTools(clock, counts))
  const sets = new Map<LineId, Set>()
  let lines = 0
  return {
    name: options.name,
    connector: watched(connector, sets),
    verbs: [],
    echoes: false,
    ...(options.knowsStrangers !== undefined && { knowsStrangers: options.knowsStrangers }),
    stage: async () => {
      lines += 1
      const id = `line-${lines}` as LineId
      const address = `+1202777${String(lines).padStart(4, '0')}` as Handle
      const door = await openFrontDoor()
      const people = options.people()
      const { network, line } = await options.network({ people, clock, address, door })
      const set: Set = { door, network, people, state: null, isCut: false }
      sets.set(id, set)
      return stageOf(set, { clock, counts, line: { id, address, ...line } })
    },
  }
}

/** The connector, with the door open while a connection is started, and its callbacks leading there. */
function watched(connector: Connector, sets: Map<LineId, Set>): Connector {
  return {
    ...connector,
    open: (line, host) => {
      const set = sets.get(line.id)
      if (set === undefined) throw new Error(`${line.id} is on no stage`)
      const connection = connector.open(line, {
        ...host,
        callbackUrl: (topic) => set.door.callbackUrl(topic),
        setState: (state) => {
          set.state = state
          host.setState(state)
        },
      })
      return {
        ...connection,
        start: () => {
          set.door.open(connector, line, (event) => host.receive(event))
          return connection.start()
        },
        stop: () => {
          set.door.shut()
          return connection.stop()
        },
      }
    },
  }
}

export function countedTools(clock: Clock, counts: Counts): RestTools {
  const egress = createSafeFetch({ clock: systemClock, policy: 'allowed', own: () => [] })
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    counts.asking += 1
    try {
      return await work
    } finally {
      counts.asking -= 1
    }
  }
  const http: SafeFetch = {
    ...egress,
    request: (request) => counted(egress.request(request)),
    open: (request) => counted(egress.open(request)),
  }
  const sleep: Clock['sleep'] = async (ms, signal) => {
    counts.sleeping += 1
    await clock.sleep(ms, signal)
    counts.sleeping -= 1
  }
  return { clock: { ...clock, sleep }, chance: () => 0.5, http, media: http }
}

function stageOf(
  set: Set,
  { clock, counts, line }: { clock: TestClock; counts: Counts; line: LineSettings & { address: Handle } },
): Stage {
  const { door, network, people } = set
  let somebodies = 0
  /** Whatever is under way goes on by itself; what is due later is brought closer. */
  const calm = async () => {
    for (let quietTurns = 0; quietTurns < 6; ) {
      await systemClock.sleep(3)
      const isBusy = counts.asking > network.hanging || network.busy > network.hanging
      const mayTryAgain = door.isOpen && network.waiting > 0
      if (isBusy || mayTryAgain) {
        quietTurns = 0
        clock.advance(100)
      } else quietTurns += 1
    }
  }
  const overcomeCut = async () => {
    set.isCut = false
    if (door.isOpen) {
      clock.advance(healthEveryMs)
      await until(() => set.state?.status === 'disconnected')
    }
    await network.mend()
    if (!door.isOpen) return
    await until(() => {
      clock.advance(100)
      return set.state?.status === 'connected'
    })
  }
  const file = (kind: MediaKind, bytes: number) => {
    const mimeType = mimeTypes[kind]
    return { ...blankFile({ kind, mimeType, bytes }), linkFor: () => door.fileUrl(mimeType, bytes) }
  }
  return {
    line,
    settle: async (work) => {
      const value = await work
      if (set.isCut) await overcomeCut()
      await calm()
      return value
    },
    pause: async () => {
      await until(() => network.busy > network.hanging || network.waiting === 0)
      await systemClock.sleep(30)
    },
    file,
    close: async () => {
      await network.stop()
      await door.close()
    },
    peer: {
      somebody: () => {
        somebodies += 1
        return `${line.address.replace('777', '888')}${somebodies}` as Handle
      },
      stranger: () => '+12025550106' as Handle,
      mute: () => '+12025550108' as Handle,
      loseNextAnswer: () => network.loseNextAnswer(),
      cutLink: () => {
        set.isCut = true
        void network.cut()
      },
      received: () =>
        people.arrived().map(({ id, text, media }) => ({
          ...{ providerId: id as ProviderMessageId, text },
          attachments: media.map(({ bytes }) => ({ bytes })),
        })),
      says: (from, text, bytes) => network.says(from, line.address, text, bytes),
      saysIn: () => {
        throw new Error('SMS has no groups')
      },
      noticed: () => [],
      unpair: () => Promise.reject(new Error('SMS is not paired')),
      scan: () => Promise.reject(new Error('SMS is not paired')),
      leftBehind: () => counts.sleeping + counts.asking,
    },
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns += 1) {
    if (turns > 2_000) throw new Error('It did not become so in time.')
    await systemClock.sleep(3)
  }
}
