/** What a promise of the contract is tried on: a connector, a line, the other side of its network, and a host that spies. */
import assert from 'node:assert/strict'
import type { Channel, MediaKind } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import { clientRef, type Handle, type MessageId, type ProviderChatId, type ProviderMessageId } from '../model/ids.ts'
import type { LinkState } from '../model/line.ts'
import type { OutgoingFile } from '../model/media/file.ts'
import type {
  Actions,
  Connection,
  Connector,
  Host,
  Incoming,
  IncomingMessage,
  LineSettings,
  Outgoing,
  Vault,
} from './connector.ts'

/** One connector with a network behind it. Promises share it, and each gets a stage of its own. */
export interface Harness {
  readonly name: string
  readonly connector: Connector
  readonly verbs: readonly (keyof Actions)[]
  /** Whether our own sends come back with their ref. */
  readonly echoes: boolean
  /** True where a connection can be asked what became of a send. */
  readonly asksAfter?: boolean
  /** False where nobody can send us a file. */
  readonly hearsMedia?: boolean
  /** False: it takes whatever is said about a message, and only the phones know whether there is one. */
  readonly knowsMessages?: boolean
  /** False: it takes messages to numbers that nobody has, and says so later. */
  readonly knowsStrangers?: boolean
  /** So many others a group needs, where one is not enough. */
  readonly groupMembersMin?: number
  stage(): Promise<Stage>
}

export interface Stage {
  /** A line that was never used before. It connects without being paired. */
  readonly line: LineSettings & { address: Handle }
  /** What its vault holds already, where a line has to be linked before it connects. */
  readonly entries?: Map<string, Uint8Array>
  readonly peer: Peer
  /** Lets time pass until the work is done and nothing is under way any more. */
  settle<T>(work?: Promise<T> | T): Promise<T | undefined>
  /** Lets a moment pass, whatever is under way. */
  pause(): Promise<void>
  /** A file of this kind and size that the connector can open. */
  file(kind: MediaKind, bytes: number): OutgoingFile
  close(): Promise<void>
}

/** The other side. */
export interface Peer {
  /** A new person on this network, who takes everything. */
  somebody(): Handle
  /** Somebody who is not on this network. */
  stranger(): Handle
  /** Somebody for whom the network never answers. */
  mute(): Handle
  /** The next send takes effect, and its answer never comes. */
  loseNextAnswer(): void
  /** Cuts the link from the network's side; it may be made again. */
  cutLink(): void
  /** What arrived from this line, in order. */
  received(): readonly {
    providerId: ProviderMessageId
    text: string | null
    attachments: readonly { bytes: number | null }[]
  }[]
  says(from: Handle, text: string, file?: Uint8Array): void
  saysIn(chat: ProviderChatId, from: Handle, text: string): void
  /** The verbs that this line used and the others noticed, in order. */
  noticed(): readonly (keyof Actions)[]
  /** From now on the line must be paired. */
  unpair(): Promise<void>
  /** The phone scans what the line shows. */
  scan(): Promise<void>
  /** Timers, sockets and the like that this line still holds. */
  leftBehind(): number
}

export interface SpyHost extends Host {
  /** What was taken, in order. */
  readonly taken: Incoming[]
  readonly states: LinkState[]
  readonly entries: Map<string, Uint8Array>
  /** How often the vault was asked for anything. */
  vaultUses: number
  /** Rejects so many events from now on. */
  refuse(times: number): void
  /** Keeps every event in the air: neither taken nor rejected. */
  hold(): void
  /** Takes what comes from now on; what is in the air stays there. */
  release(): void
}

export function spyHost(entries = new Map<string, Uint8Array>()): SpyHost {
  let refusals = 0
  let isHolding = false
  const silent = () => undefined
  const host: SpyHost = {
    taken: [],
    states: [],
    entries,
    vaultUses: 0,
    refuse: (times) => {
      refusals = times
    },
    hold: () => {
      isHolding = true
    },
    release: () => {
      isHolding = false
    },
    receive: async (event) => {
      if (isHolding) return new Promise<void>(silent)
      if (refusals > 0) {
        refusals -= 1
        throw new Error('The store is away.')
      }
      host.taken.push(event)
    },
    setState: (state) => {
      host.states.push(state)
    },
    adopt: async () => true,
    vault: memoryVault(entries, () => {
      host.vaultUses += 1
    }),
    log: { info: silent, warn: silent, error: silent },
    callbackUrl: (topic) => `http://127.0.0.1:9/callbacks/${topic}`,
  }
  return host
}

/** A vault that forgets everything with the process, and seals nothing. */
export function memoryVault(entries = new Map<string, Uint8Array>(), used: () => void = () => undefined): Vault {
  return {
    get: async (key) => {
      used()
      return entries.get(key) ?? null
    },
    getAll: async (keys) => {
      used()
      return new Map([...entries].filter(([key]) => keys.includes(key)))
    },
    keys: async (prefix) => {
      used()
      return [...entries.keys()].filter((key) => key.startsWith(prefix)).sort()
    },
    put: async (changes) => {
      used()
      for (const [key, bytes] of Object.entries(changes)) {
        if (bytes === null) entries.delete(key)
        else entries.set(key, bytes)
      }
    },
  }
}

/** One promise on trial. */
export interface Scene extends Stage {
  readonly harness: Harness
  readonly connector: Connector
  readonly channel: Channel
  readonly host: SpyHost
  readonly connection: Connection
  /** Starts the connection and waits until it has settled. */
  connect(): Promise<void>
  send(to: Outgoing['to'], what?: Partial<Outgoing>): Promise<{ providerId: ProviderMessageId; chat: ProviderChatId }>
  /** Sends what has to fail, and returns how. */
  fail(to: Outgoing['to'], what?: Partial<Outgoing>): Promise<SendFailure>
}

let messages = 0

export function newOutgoing(channel: Channel, to: Outgoing['to'], what: Partial<Outgoing> = {}): Outgoing {
  messages += 1
  const id = `00000000-0000-7000-8000-${messages.toString(16).padStart(12, '0')}` as MessageId
  const ref = clientRef(id, channel, 0)
  return {
    ref,
    to,
    text: `text ${messages}`,
    attachments: [],
    replyTo: null,
    mentions: [],
    effect: null,
    location: null,
    ...what,
  }
}

export function sceneOf(harness: Harness, stage: Stage): Scene {
  const { connector } = harness
  const { channel } = connector
  const host = spyHost(stage.entries)
  const connection = connector.open(stage.line, host)
  const never = new AbortController().signal
  return {
    ...stage,
    harness,
    connector,
    channel,
    host,
    connection,
    connect: async () => {
      await stage.settle(connection.start())
      assert.equal(host.states.at(-1)?.status, 'connected', 'the connection did not get connected')
    },
    send: async (to, what) => {
      const accepted = await stage.settle(connection.send(newOutgoing(channel, to, what), never))
      assert(accepted, 'the send was answered with nothing')
      return accepted
    },
    fail: (to, what) => failureOf(stage.settle(connection.send(newOutgoing(channel, to, what), never))),
  }
}

export async function failureOf(work: Promise<unknown>): Promise<SendFailure> {
  const failure = await work.then(
    () => assert.fail('it should have failed, and did not'),
    (error: unknown) => error,
  )
  assert(failure instanceof SendFailure, `it failed with ${String(failure)}, which is no SendFailure`)
  return failure
}

export function messagesIn(host: SpyHost): IncomingMessage[] {
  return host.taken.filter((event) => event.kind === 'message')
}

/** What other people wrote, without our own echoes. */
export function textsIn(host: SpyHost): (string | null)[] {
  return messagesIn(host)
    .filter(({ echoOf }) => echoOf === null)
    .map(({ text }) => text)
}
