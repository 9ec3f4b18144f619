/** One pretended Mac as it is put together, with everything as it is in reality unless something else is said. */
import type { People } from '../people.ts'
import type { Clock } from '../time.ts'
import { createWatch } from './breaches.ts'
import { Doings } from './doings.ts'
import { AwaitedSends } from './mac/awaited.ts'
import { type MacOptions, macOf } from './mac/mac.ts'
import { PrivateApi } from './mac/private-api.ts'
import { Typing } from './mac/typing.ts'
import { Watcher } from './mac/watcher.ts'
import { Webhooks } from './mac/webhooks.ts'
import { Parties } from './people/party.ts'
import { Store } from './store/store.ts'
import type { Mac, Quirks, Waits, World } from './world.ts'

export interface WorldOptions {
  people: People
  clock: Clock
  mac?: MacOptions
  quirks?: Partial<Quirks>
  waits?: Partial<Waits>
}

const usualWaits: Waits = { lockMs: 200, rowMs: 30, watchMs: 20 }
const usualQuirks: Quirks = {
  duplicates: true,
  stopTypingStarts: true,
  renamedLosesParticipants: true,
  losesFailedRow: true,
  anyGuids: null,
  mixesGuids: false,
  ignoresEdits: false,
  ignoresUnsends: false,
  ignoresGroupChanges: false,
}

export class LiveWorld implements World {
  readonly people: People
  readonly clock: Clock
  readonly store: Store
  readonly parties: Parties
  readonly mac: Mac
  readonly quirks: Quirks
  readonly waits: Waits
  readonly watcher: Watcher
  readonly privateApi: PrivateApi
  readonly webhooks = new Webhooks()
  readonly awaited = new AwaitedSends()
  readonly typing = new Typing()
  readonly doings = new Doings()
  readonly watch = createWatch()
  readonly stopped = new AbortController()
  readonly inFlight = new Set<string>()
  readonly uploads: World['uploads'] = new Map()
  due = 0

  constructor({ people, clock, mac = {}, quirks, waits }: WorldOptions) {
    this.people = people
    this.clock = clock
    this.store = new Store(clock)
    this.parties = new Parties(people)
    this.mac = macOf(mac)
    this.quirks = { ...usualQuirks, ...quirks }
    this.waits = { ...usualWaits, ...waits }
    this.watcher = new Watcher(this)
    this.privateApi = new PrivateApi(this)
  }

  get shape() {
    return { macos: this.mac.major, lineAlias: this.mac.aliases[0] }
  }

  later(ms: number, work: () => void): void {
    this.due += 1
    void this.clock
      .sleep(ms, this.stopped.signal)
      .then(() => (this.stopped.signal.aborted ? undefined : work()))
      .finally(() => {
        this.due -= 1
      })
  }

  restart(): void {
    this.watcher.forget()
    this.webhooks.tell('hello-world', null)
  }
}
