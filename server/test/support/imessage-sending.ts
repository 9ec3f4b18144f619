/** Sending over iMessage without the gateway around it: the real parts, a pretended Mac behind real HTTP, and a clock that is moved. */

import { type ImessageNetwork, type ImessageOptions, openImessage } from '../../../networks/src/imessage/imessage.ts'
import { People } from '../../../networks/src/people.ts'
import { memoryVault, newOutgoing } from '../../src/channels/conformance-stage.ts'
import type { Outgoing, Vault } from '../../src/channels/connector.ts'
import type { Backend, Standing } from '../../src/channels/imessage/backend.ts'
import { createBlueBubbles } from '../../src/channels/imessage/bluebubbles/bluebubbles.ts'
import type { ChatBook } from '../../src/channels/imessage/chat-book.ts'
import { createChatBook } from '../../src/channels/imessage/chats.ts'
import { createSending, type Sending, type SendingSettings } from '../../src/channels/imessage/sending/sending.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import type { Handle } from '../../src/model/ids.ts'
import type { OutgoingFile } from '../../src/model/media/file.ts'
import { blankFile } from './blank-file.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

export interface Mac {
  readonly network: ImessageNetwork
  readonly people: People
  readonly clock: TestClock
  readonly backend: Backend
  readonly book: ChatBook
  readonly vault: Vault
  readonly entries: Map<string, Uint8Array>
  readonly followed: string[]
  /** False: the link is down. */
  isUp: boolean
  readonly sending: Sending
  /** Ends with its process. */
  readonly life: AbortController
  /** Ends this process, and begins anew with what is in the vault, as another one would. */
  restart(): Promise<void>
  /** Looks at the Mac again. */
  look(): Promise<Standing>
  /** A new person on iMessage, with whom there is a chat already unless it is said otherwise. */
  somebody(options?: { isNew?: boolean }): Handle
  send(message: Outgoing, signal?: AbortSignal): ReturnType<Sending['send']>
  /** How a send fails, while time is made to pass. */
  fail(message: Outgoing): Promise<SendFailure>
  /** Lets time pass until it is done. */
  hurry<Result>(work: Promise<Result>): Promise<Result>
  /** The texts and the names of files that arrived, in their order. */
  arrived(person: Handle): (string | null)[]
  stop(): Promise<void>
}

export type MacOptions = Partial<Pick<ImessageOptions, 'mac' | 'quirks'>> & {
  settings?: Partial<SendingSettings>
  /** So far the clock of the Mac is behind. */
  lagMs?: number
}

export const never = new AbortController().signal
const stepMs = 250

export async function openMac({ settings, lagMs = 0, ...options }: MacOptions = {}): Promise<Mac> {
  const people = new People()
  const clock = createTestClock()
  const onMac = { ...clock, now: () => clock.now() - lagMs }
  const network = await openImessage({ people, clock: onMac, waits: { lockMs: 0, rowMs: 1, watchMs: 1 }, ...options })
  const http = createSafeFetch({ clock: systemClock, policy: 'allowed', own: () => [] })
  const backend = createBlueBubbles({ clock, http }, { origin: network.url, basePath: '', password: network.password })
  const entries = new Map<string, Uint8Array>()
  const vault = memoryVault(entries)
  const followed: string[] = []
  const silent = () => undefined
  let standing = await backend.look(never)
  let somebodies = 0
  const open = () => {
    const life = new AbortController()
    const own: Vault = {
      ...vault,
      // What a test sets later counts, and nothing once somebody else has the line.
      getAll: (keys) => vault.getAll(keys),
      put: (changes) =>
        life.signal.aborted ? Promise.reject(new Error('The line is held elsewhere.')) : vault.put(changes),
    }
    const book = createChatBook({ backend, clock })
    const sending = createSending({
      ...{ clock, chance: () => 0.5, backend, book, standing: () => standing, isUp: () => mac.isUp },
      host: { vault: own, log: { info: silent, warn: silent, error: silent } },
      settings: { perSecond: 1_000, newPerDay: 0, lostAfter: 210, groupOpener: null, ...settings },
      server: 'http://mac.test',
      follow: (guid) => void followed.push(guid),
    })
    return { book, sending, life }
  }
  const mac: Mac = {
    ...{ network, people, clock, backend, vault, entries, followed, isUp: true },
    ...open(),
    async restart() {
      mac.life.abort()
      Object.assign(mac, open())
      await mac.sending.load()
    },
    async look() {
      standing = await backend.look(never)
      return standing
    },
    somebody({ isNew = false } = {}) {
      somebodies += 1
      const handle = `+1415555${String(somebodies).padStart(4, '0')}` as Handle
      if (!isNew) network.person(handle).says('Hello')
      return handle
    },
    send: (message, signal = never) => mac.sending.send(message, AbortSignal.any([signal, mac.life.signal])),
    async fail(message) {
      const failure = await mac.hurry(mac.send(message).catch((error: unknown) => error))
      if (failure instanceof SendFailure) return failure
      throw new Error(`It should have failed, and did not: ${JSON.stringify(failure)}`)
    },
    async hurry(work) {
      let isDone = false
      const done = () => {
        isDone = true
      }
      work.then(done, done)
      while (!isDone) {
        await systemClock.sleep(2)
        clock.advance(stepMs)
      }
      return work
    },
    arrived: (person) =>
      network
        .person(person)
        .received.flatMap(({ text, files }) => [
          ...(text === null || text === '' ? [] : [text]),
          ...files.map(({ name }) => name),
        ]),
    stop: () => network.stop(),
  }
  await mac.sending.load()
  return mac
}

export function textTo(to: Handle | Outgoing['to'], text: string | null, more: Partial<Outgoing> = {}): Outgoing {
  return newOutgoing('imessage', typeof to === 'string' ? { handle: to } : to, { text, ...more })
}

export function picture(filename: string | null, more: Partial<OutgoingFile> = {}): OutgoingFile {
  return { ...blankFile({ kind: 'image', mimeType: 'image/png', bytes: 2_000 }), filename, ...more }
}
