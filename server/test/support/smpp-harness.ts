/** SMS over SMPP as a harness for the conformance suite: a loopback SMSC, real sockets, and a line of its own per promise. */

import type { Harness, Peer, Stage } from '../../src/channels/conformance-stage.ts'
import { createSmppConnector } from '../../src/channels/sms/smpp/provider.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Handle, LineId, ProviderMessageId } from '../../src/model/ids.ts'
import { blankFile } from './blank-file.ts'
import type { SmppWorld } from './smpp-line.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

/** How many are asleep shows what a stopped line left behind. */
function counting(clock: TestClock): TestClock & { readonly asleep: number } {
  let asleep = 0
  return {
    ...clock,
    async sleep(ms, signal) {
      asleep += 1
      await clock.sleep(ms, signal)
      asleep -= 1
    },
    get asleep() {
      return asleep
    },
  }
}

/** `query` is what stands in the line's URL behind the port. */
export function smppHarness(world: () => SmppWorld, query = ''): Harness {
  const clock = counting(createTestClock())
  let lines = 0
  return {
    name: `SMS over SMPP${query === '' ? '' : ` (${query})`}`,
    connector: createSmppConnector({ clock, chance: () => 0.5 }),
    verbs: [],
    echoes: false,
    hearsMedia: false,
    stage: async () => {
      lines += 1
      return stageOf({ ...world(), query, asleep: () => clock.asleep }, lines)
    },
  }
}

function stageOf(world: SmppWorld & { query: string; asleep: () => number }, number: number): Stage {
  const { people, smsc } = world
  const address = `+1202${world.query.length}77${String(number).padStart(4, '0')}` as Handle
  const systemId = `line${world.query.length}x${number}`
  smsc.own(address, systemId)
  const activity = () => JSON.stringify([smsc.counts(), people.arrived().length, world.asleep()])
  return {
    line: {
      id: `line-${number}` as LineId,
      address,
      url: `smpp://${systemId}@127.0.0.1:${smsc.port}${world.query}`,
      secret: 'secret',
    },
    peer: peerOf(world, address),
    settle: async (work) => {
      const ended = await work
      await quiet(activity)
      return ended
    },
    pause: () => systemClock.sleep(50),
    file: (kind, bytes) => blankFile({ kind, mimeType: 'image/jpeg', bytes }),
    close: async () => undefined,
  }
}

/** Until nothing has happened for a while; what never happens is given up. */
async function quiet(activity: () => string): Promise<void> {
  const longEnough = 9
  let before = activity()
  for (let still = 0, looks = 0; still < longEnough && looks < 250; looks += 1) {
    await systemClock.sleep(25)
    const now = activity()
    still = now === before ? still + 1 : 0
    before = now
  }
}

function peerOf({ people, smsc, asleep }: SmppWorld & { asleep: () => number }, line: Handle): Peer {
  let persons = 0
  return {
    somebody: () => {
      persons += 1
      const handle = `${line.replace('77', '88')}${persons}` as Handle
      people.set(handle, { receiptAfterMs: 10 })
      return handle
    },
    stranger: () => '+12025550106' as Handle,
    mute: () => '+12025550108' as Handle,
    loseNextAnswer: () => smsc.loseNextAnswer(),
    cutLink: () => smsc.cutAll(),
    received: () =>
      people
        .arrived()
        .filter(({ from }) => from === line)
        .map(({ id, text }) => ({ providerId: id as ProviderMessageId, text, attachments: [] })),
    says: (from, text) => smsc.say(from, line, text),
    saysIn: () => undefined,
    noticed: () => [],
    unpair: async () => undefined,
    scan: async () => undefined,
    leftBehind: () => asleep() + smsc.counts().sessions,
  }
}
