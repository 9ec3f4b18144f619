/** What one pretended Mac is made of, handed to whatever acts on it. */
import type { People } from '../people.ts'
import type { Clock } from '../time.ts'
import type { Watch } from './breaches.ts'
import type { Doings } from './doings.ts'
import type { AwaitedSends } from './mac/awaited.ts'
import type { PrivateApi } from './mac/private-api.ts'
import type { Typing } from './mac/typing.ts'
import type { Watcher } from './mac/watcher.ts'
import type { Webhooks } from './mac/webhooks.ts'
import type { Parties } from './people/party.ts'
import type { Store } from './store/store.ts'

/** What is set up on the Mac, and can change while it runs. */
export interface Mac {
  /** As server/info tells it: "12.7" to "26.0". */
  macos: string
  readonly major: number
  privateApi: boolean
  helperConnected: boolean
  /** The Apple Account that iMessage is signed in with; null: it is not. */
  account: string | null
  icloudAccount: string | null
  /** What it can be written to; the first is the one that new chats are begun from. */
  aliases: readonly string[]
  smsForwarding: boolean
  /** Calls are told as `ft-call-status-changed` then, and as `incoming-facetime` otherwise. */
  facetimeCalling: boolean
  /** False: it looks well, and nothing comes or goes any more. */
  isRegistered: boolean
}

/** What version 1.9.9 gets wrong all the time. Each is as it really is until it is set otherwise. */
export interface Quirks {
  /** Own sends with a tempGuid are told twice, and so is that a chat was read. */
  duplicates: boolean
  /** To stop typing starts it again. */
  stopTypingStarts: boolean
  /** PUT of a chat answers with nobody in it. */
  renamedLosesParticipants: boolean
  /** New chats are called `any;…`; null: on macOS 26 and later. */
  anyGuids: boolean | null
  /** A text whose row has an error at once is answered with 500 without the message; otherwise it comes along. */
  losesFailedRow: boolean
  /** Two sends to one chat at a time may be answered with the guid of the later one. */
  mixesGuids: boolean
  /** Edits are acknowledged and not made. */
  ignoresEdits: boolean
  ignoresUnsends: boolean
  /** Changes of groups are acknowledged and not made: the server waits for them. */
  ignoresGroupChanges: boolean
}

/** How long things take; a clock of tests may pass it faster. */
export interface Waits {
  /** Between two things that the helper is asked for. */
  lockMs: number
  /** Until what the helper did is in the store. */
  rowMs: number
  /** Until the watcher looks at a change. */
  watchMs: number
}

export interface World {
  readonly people: People
  readonly clock: Clock
  readonly store: Store
  readonly parties: Parties
  readonly webhooks: Webhooks
  readonly watcher: Watcher
  readonly awaited: AwaitedSends
  readonly privateApi: PrivateApi
  readonly mac: Mac
  readonly quirks: Quirks
  readonly waits: Waits
  readonly doings: Doings
  readonly watch: Watch
  readonly stopped: AbortController
  /** tempGuids of sends that are not answered yet. */
  readonly inFlight: Set<string>
  /** Files that were uploaded for messages of several parts, by their path. */
  readonly uploads: Map<string, { name: string; bytes: Buffer }>
  readonly typing: Typing
  /** What every row is shown by. */
  readonly shape: { readonly macos: number; readonly lineAlias: string | undefined }
  /** How many things are still to happen. */
  due: number
  later(ms: number, work: () => void): void
  /** The server starts again. */
  restart(): void
}

/** What somebody cannot do, in words. */
export class CannotBeDone extends Error {}
