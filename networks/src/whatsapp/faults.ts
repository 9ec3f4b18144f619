/** What goes wrong on purpose: on the link, with messages and files, and with accounts. */
import type { Link } from './wire/connection.ts'

/** How a download goes wrong: other bytes, the connection cut in the middle, 404, 410, more than there is, no end at all. */
export type Spoiled = 'wrong' | 'cut' | 'missing' | 'gone' | 'long' | 'endless'

export interface Faults {
  cutAll(): void
  /** New connections are turned away from now on, or no longer. */
  refuse(isOn: boolean): void
  /** Nothing is read or answered any more, or it is again. */
  freeze(isOn: boolean): void
  slow(lateMs: number): void
  /** Each connection breaks at so many stanzas, and that one is lost; 0: no longer. To log in takes about ten. */
  breakAt(stanzas: number): void
  /** What the next messages are refused with, such as 463. */
  nackNext(...codes: readonly number[]): void
  /** The next messages never arrive. */
  loseNext(messages?: number): void
  /** The next messages are taken, and never acknowledged. */
  loseNextAnswer(messages?: number): void
  refuseUploads(isOn: boolean): void
  /** The next downloads of files that are there go wrong, one after the other. */
  spoilNextDownload(...how: readonly Spoiled[]): void
  /** How many did. */
  readonly spoiledDownloads: number
  /**
   * A file, by its URL or by the id of its message, is at the host no more: 410. Phones that have the message upload it
   * anew when a device asks, unless it is lost for good.
   */
  loseFile(urlOrId: string, isForGood?: boolean): void
  /** The account is closed for good, or open again. */
  ban(number: string, isOn?: boolean): void
  /** Every device of this number is told that its stream ends, with this code. */
  endStream(number: string, code: number): void
}

export interface FaultState {
  link: Link
  /** New connections are turned away. */
  refusesConnections: boolean
  refusesUploads: boolean
  /** What the next messages are refused with. */
  nacks: number[]
  /** So many of the next messages vanish on the way in. */
  lostMessages: number
  /** So many of the next messages are taken and never acknowledged. */
  lostAnswers: number
  /** What becomes of the next downloads. */
  spoiledNext: Spoiled[]
  /** What became of them so far. */
  spoiled: number
}

export function noFaults(): FaultState {
  const link = { lateMs: 0, isSilent: false, breaksAt: 0 }
  const off = { refusesConnections: false, refusesUploads: false, nacks: [], lostMessages: 0, lostAnswers: 0 }
  return { link, ...off, spoiledNext: [], spoiled: 0 }
}

type Simple = Omit<Faults, 'cutAll' | 'freeze' | 'loseFile' | 'ban' | 'endStream'>

/** Those that need nothing but their own state. */
export function simpleFaults(faults: FaultState): Simple {
  return {
    refuse(isOn) {
      faults.refusesConnections = isOn
    },
    breakAt(stanzas) {
      faults.link.breaksAt = stanzas
    },
    slow(lateMs) {
      faults.link.lateMs = lateMs
    },
    nackNext: (...codes) => void faults.nacks.push(...codes),
    loseNext(messages = 1) {
      faults.lostMessages += messages
    },
    loseNextAnswer(messages = 1) {
      faults.lostAnswers += messages
    },
    refuseUploads(isOn) {
      faults.refusesUploads = isOn
    },
    spoilNextDownload: (...how) => void faults.spoiledNext.push(...how),
    get spoiledDownloads() {
      return faults.spoiled
    },
  }
}
