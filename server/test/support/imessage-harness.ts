/** A Mac with BlueBubbles server, pretended, as a harness for the conformance suite: real sockets, and one clock for both sides. */
import { type ImessageNetwork, openImessage } from '../../../networks/src/imessage/imessage.ts'
import { People } from '../../../networks/src/people.ts'
import type { Harness, Peer, Stage } from '../../src/channels/conformance-stage.ts'
import type { Actions, Connection, Connector, LineSettings } from '../../src/channels/connector.ts'
import { createImessageConnector } from '../../src/channels/imessage/connector.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { MediaKind } from '../../src/model/channel.ts'
import type { Handle, LineId, ProviderMessageId } from '../../src/model/ids.ts'
import type { LinkState } from '../../src/model/line.ts'
import { blankFile } from './blank-file.ts'
import { type FrontDoor, openFrontDoor } from './front-door.ts'
import { countedTools } from './rest-harness.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

const verbs: readonly (keyof Actions)[] = [
  ...(['react', 'edit', 'unsend', 'setTyping', 'markRead', 'markUnread', 'createGroup', 'chatInfo'] as const),
  ...(['renameGroup', 'addMember', 'removeMember', 'leaveGroup', 'setGroupIcon', 'removeGroupIcon'] as const),
  ...(['focus', 'facetime'] as const),
]
const mimeTypes: Record<MediaKind, string> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/mpeg',
  document: 'application/pdf',
}

interface Scenery {
  door: FrontDoor
  network: ImessageNetwork
  people: People
  state: LinkState | null
  isCut: boolean
}

interface Shared {
  clock: TestClock
  counts: { sleeping: number; asking: number }
}

export function imessageHarness(): Harness {
  const shared: Shared = { clock: createTestClock(), counts: { sleeping: 0, asking: 0 } }
  const connector = createImessageConnector(countedTools(shared.clock, shared.counts))
  const sceneries = new Map<LineId, Scenery>()
  let lines = 0
  return {
    ...{
      name: 'iMessage by BlueBubbles',
      connector: watched(connector, sceneries),
      verbs,
      echoes: true,
      groupMembersMin: 2,
      asksAfter: true,
    },
    stage: async () => {
      lines += 1
      const id = `line-${lines}` as LineId
      const address = `+1202777${String(lines).padStart(4, '0')}` as Handle
      const door = await openFrontDoor()
      const people = new People()
      const waits = { lockMs: 5, rowMs: 1, watchMs: 1 }
      const network = await openImessage({ people, clock: shared.clock, mac: { aliases: [address] }, waits })
      const scenery: Scenery = { door, network, people, state: null, isCut: false }
      sceneries.set(id, scenery)
      const url = `${network.url}?perSecond=100&newPerDay=0`
      return stageOf(scenery, shared, { id, address, url, secret: network.password })
    },
  }
}

/** The connector, with the door open while a connection is started, and its callbacks leading there. */
function watched(connector: Connector, sceneries: ReadonlyMap<LineId, Scenery>): Connector {
  return {
    ...connector,
    open: (line, host) => {
      const scenery = sceneries.get(line.id)
      if (scenery === undefined) throw new Error(`${line.id} is on no stage`)
      const connection = connector.open(line, {
        ...host,
        callbackUrl: (topic) => scenery.door.callbackUrl(topic),
        setState: (state) => {
          scenery.state = state
          host.setState(state)
        },
      })
      const door: Pick<Connection, 'start' | 'stop'> = {
        start: () => {
          scenery.door.open(
            connector,
            line,
            (event) => host.receive(event),
            async (note) => connection.hear?.(note),
          )
          return connection.start()
        },
        stop: () => {
          scenery.door.shut()
          return connection.stop()
        },
      }
      // What it offers changes while it runs: a copy would not.
      return Object.assign(Object.create(connection) as Connection, door)
    },
  }
}

function stageOf(scenery: Scenery, { clock, counts }: Shared, line: LineSettings & { address: Handle }): Stage {
  const { door, network } = scenery
  const isBusy = () => counts.asking > network.hanging || network.busy > network.hanging
  /** Whatever is under way goes on by itself; what is due later is brought closer. */
  const calm = async () => {
    for (let quietTurns = 0; quietTurns < 30; quietTurns = isBusy() ? 0 : quietTurns + 1) {
      await systemClock.sleep(3)
      clock.advance(300)
    }
  }
  return {
    line,
    settle: async (work) => {
      const outcome = Promise.resolve(work)
      let isDone = false
      outcome.then(
        () => (isDone = true),
        () => (isDone = true),
      )
      while (!isDone) {
        await systemClock.sleep(3)
        clock.advance(50)
      }
      const value = await outcome
      if (scenery.isCut) await overcomeCut(scenery, clock)
      await calm()
      return value
    },
    pause: async () => {
      await until(() => !isBusy())
      await systemClock.sleep(30)
    },
    file: (kind, bytes) => blankFile({ kind, mimeType: mimeTypes[kind], bytes }),
    close: async () => {
      await network.stop()
      await door.close()
    },
    peer: peerOf(scenery, counts, line.address),
  }
}

async function overcomeCut(scenery: Scenery, clock: TestClock): Promise<void> {
  const { door, network } = scenery
  const passUntil = (isSo: () => boolean) =>
    until(() => {
      clock.advance(500)
      return isSo()
    })
  scenery.isCut = false
  if (door.isOpen) await passUntil(() => scenery.state?.status === 'disconnected')
  await network.mend()
  if (door.isOpen) await passUntil(() => scenery.state?.status === 'connected')
}

function peerOf(scenery: Scenery, counts: Shared['counts'], address: Handle): Peer {
  const { network, people } = scenery
  let somebodies = 0
  return {
    somebody: () => {
      somebodies += 1
      return `${address.replace('777', '888')}${somebodies}` as Handle
    },
    stranger: () => '+12025550106' as Handle,
    mute: () => '+12025550108' as Handle,
    loseNextAnswer: () => network.faults.loseNextAnswer(),
    cutLink: () => {
      scenery.isCut = true
      void network.cut()
    },
    received: () => {
      const openers = new Set(openersOf(network))
      const once = new Map(people.arrived().map((one) => [one.id, one]))
      return [...once.values()]
        .filter(({ id }) => !openers.has(id))
        .map(({ id, text, media }) => ({
          ...{ providerId: id as ProviderMessageId, text },
          attachments: media.map(({ bytes }) => ({ bytes })),
        }))
    },
    says: (from, text, file) => {
      const person = network.person(from)
      if (file === undefined) person.says(text)
      else person.sends({ name: 'IMG_0001.png', mimeType: 'image/png', bytes: Buffer.from(file) }, { caption: text })
    },
    saysIn: (chat, from, text) => void network.person(from).says(text, { to: chat }),
    noticed: () => network.requests().flatMap(({ method, path }) => deedIn(method, path)),
    unpair: () => Promise.reject(new Error('A Mac is not paired')),
    scan: () => Promise.reject(new Error('A Mac is not paired')),
    leftBehind: () => counts.sleeping + counts.asking,
  }
}

/** What makes a group is a message of its own. */
function openersOf(network: ImessageNetwork): string[] {
  const groups = network.chats().filter(({ isGroup }) => isGroup)
  return groups.flatMap((group) => {
    const first = network
      .messages()
      .find(({ chat, isFromMe, itemType }) => chat === group && isFromMe && itemType === 0)
    return first === undefined ? [] : [first.guid]
  })
}

const deeds: readonly [RegExp, keyof Actions][] = [
  [/^POST .*\/message\/react$/, 'react'],
  [/^POST .*\/edit$/, 'edit'],
  [/^POST .*\/unsend$/, 'unsend'],
  [/^POST .*\/typing$/, 'setTyping'],
  [/^POST .*\/read$/, 'markRead'],
  [/^POST .*\/unread$/, 'markUnread'],
  [/^PUT .*\/chat\/[^/]+$/, 'renameGroup'],
  [/^POST .*\/participant(\/add)?$/, 'addMember'],
  [/^POST .*\/participant\/remove$/, 'removeMember'],
  [/^POST .*\/leave$/, 'leaveGroup'],
  [/^POST .*\/icon$/, 'setGroupIcon'],
  [/^DELETE .*\/icon$/, 'removeGroupIcon'],
]

function deedIn(method: string, path: string): (keyof Actions)[] {
  const asked = `${method} ${path.split('?', 1)[0]}`
  // The first message to a person is asked for with the same call; only the verbs' own test looks at this.
  if (asked.endsWith('/chat/new')) return ['createGroup']
  return deeds.flatMap(([pattern, verb]) => (pattern.test(asked) ? [verb] : []))
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns += 1) {
    if (turns > 2_000) throw new Error('It did not become so in time.')
    await systemClock.sleep(3)
  }
}
