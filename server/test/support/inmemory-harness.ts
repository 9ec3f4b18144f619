/** The in-memory network as a harness for the conformance suite: one network, a hand-moved clock, a fresh line per promise. */
import type { Harness, Peer, Stage } from '../../src/channels/conformance-stage.ts'
import type { Actions, Connector } from '../../src/channels/connector.ts'
import { traits } from '../../src/channels/inmemory/capabilities.ts'
import { createInMemoryConnector } from '../../src/channels/inmemory/connector.ts'
import { createNetwork, type Network, type NetworkOptions } from '../../src/channels/inmemory/network.ts'
import type { Channel, MediaKind } from '../../src/model/channel.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { blankFile } from './blank-file.ts'
import { createHandClock, type HandClock } from './hand-clock.ts'

const mimeTypes: Record<MediaKind, string> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/mpeg',
  document: 'application/pdf',
}

export interface InMemoryHarness extends Harness {
  readonly network: Network
  readonly clock: HandClock
}

/** `change` is applied to the connector before the suite sees it, to show that the suite notices. */
export function inMemoryHarness(
  channel: Channel,
  options: Partial<NetworkOptions> = {},
  change: (connector: Connector) => Connector = (connector) => connector,
): InMemoryHarness {
  const clock = createHandClock()
  const network = createNetwork({ clock, seed: `conformance ${channel}`, ...options })
  const connector = change(createInMemoryConnector(network, channel))
  let lines = 0
  return {
    name: `in-memory ${channel}`,
    connector,
    verbs: traits[channel].verbs,
    echoes: traits[channel].echoes,
    asksAfter: network.exchange.options.knowsOutcomes.has(channel),
    network,
    clock,
    stage: async () => {
      lines += 1
      return stageOf({ network, clock, channel }, lines)
    },
  }
}

function stageOf(world: { network: Network; clock: HandClock; channel: Channel }, number: number): Stage {
  const { network, clock } = world
  const address = `+1202777${String(number).padStart(4, '0')}` as Handle
  const settle = async <T>(work?: Promise<T> | T) => {
    const outcome = Promise.resolve(work).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    const ended = await clock.during(outcome)
    await clock.during(network.drained())
    if ('error' in ended) throw ended.error
    return ended.value
  }
  return {
    line: { id: `line-${number}` as LineId, address, url: null, secret: null },
    peer: peerOf(world, address),
    settle,
    pause: () => clock.advance(50),
    file: (kind, bytes) => blankFile({ kind, mimeType: mimeTypes[kind], bytes }),
    close: () => network.stop(),
  }
}

function peerOf(
  { network, clock, channel }: { network: Network; clock: HandClock; channel: Channel },
  line: Handle,
): Peer {
  let people = 0
  const somebody = () => {
    people += 1
    return `${line.replace('777', '888')}${people}` as Handle
  }
  return {
    somebody,
    stranger: () => '+12025550106' as Handle,
    mute: () => '+12025550108' as Handle,
    loseNextAnswer: () => network.failNext({ kind: 'dropAfter', line, channel, hangs: true }),
    cutLink: () => network.disconnect(line, channel, 2_000),
    received: () => network.received().filter((one) => one.line === line),
    says: (from, text, file) => {
      const attachments = file === undefined ? [] : [{ mimeType: 'image/png', data: file }]
      network.as(from).says(line, channel, text, { attachments })
    },
    saysIn: (chat, from, text) => {
      network.as(from).in(chat).says(text)
    },
    noticed: () =>
      network
        .acts()
        .filter((act) => act.line === line)
        .map(({ verb }): keyof Actions => verb),
    unpair: () => network.unpair(line),
    scan: () => network.scan(line),
    leftBehind: () => {
      const { scheduled, unanswered } = network.counts()
      return clock.sleepers + scheduled + unanswered
    },
  }
}
