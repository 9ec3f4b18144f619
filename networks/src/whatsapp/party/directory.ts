/** Who is on WhatsApp: every number belongs to somebody until it is told otherwise, and everybody has a LID as well. */
import { createHash } from 'node:crypto'
import { jidDecode } from 'baileys'
import type { People } from '../../people.ts'
import { Party, type PartyState } from './party.ts'

const partiesMax = 50_000
const numberPattern = /^\+\d{7,15}$/

export class Directory {
  readonly #people: People
  readonly #byNumber = new Map<string, Party>()
  readonly #byLid = new Map<string, Party>()

  constructor(people: People, states: readonly PartyState[] = []) {
    this.#people = people
    for (const state of states) this.#add(new Party(state.number, lidUserOf(state.number), state))
  }

  get everybody(): readonly Party[] {
    return [...this.#byNumber.values()]
  }

  /** Null: nobody on WhatsApp has this number. */
  byNumber(number: string): Party | null {
    if (!numberPattern.test(number)) return null
    const { exists, onWhatsapp } = this.#people.behaviourOf(number)
    if (!exists || !onWhatsapp) return null
    return this.#byNumber.get(number) ?? this.#add(new Party(number, lidUserOf(number)))
  }

  /** By number or by LID, of whichever device. */
  byJid(jid: string): Party | null {
    const decoded = jidDecode(jid)
    if (decoded?.server === 'lid') return this.#byLid.get(decoded.user) ?? null
    return decoded?.server === 's.whatsapp.net' ? this.byNumber(`+${decoded.user}`) : null
  }

  #add(party: Party): Party {
    if (this.#byNumber.size >= partiesMax) throw new Error(`At most ${partiesMax} people can be on WhatsApp here.`)
    this.#byNumber.set(party.number, party)
    this.#byLid.set(party.lidUser, party)
    return party
  }
}

/** Fifteen digits that have nothing to do with the number, and are the same in every run. */
function lidUserOf(number: string): string {
  const hash = createHash('sha256').update(`lid ${number}`).digest()
  return `1${String(hash.readBigUInt64BE() % 100_000_000_000_000n).padStart(14, '0')}`
}
