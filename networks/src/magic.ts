/** Numbers that misbehave on purpose: any area code, then 555-01xx, which belongs to nobody. */
import type { Behaviour } from './people.ts'

export interface Magic {
  /** The last two digits of the number. */
  ending: string
  meaning: string
  behaviour: Partial<Behaviour>
}

export const magicNumbers: readonly Magic[] = [
  {
    ending: '00',
    meaning: 'Delivered, and read 3 seconds later where networks tell that.',
    behaviour: { readAfterMs: 3_000 },
  },
  { ending: '04', meaning: 'Not on iMessage.', behaviour: { onImessage: false } },
  { ending: '05', meaning: 'Fails twice for a passing reason, then takes the message.', behaviour: { failsFirst: 2 } },
  { ending: '06', meaning: 'Nobody has this number.', behaviour: { exists: false } },
  { ending: '07', meaning: 'Not on WhatsApp.', behaviour: { onWhatsapp: false } },
  { ending: '08', meaning: 'Never answers: the send hangs until it is given up.', behaviour: { neverAnswers: true } },
  { ending: '09', meaning: 'Taken at first, then a receipt says that it failed.', behaviour: { receipt: 'failed' } },
  { ending: '10', meaning: 'Writes back what it was told.', behaviour: { writesBack: 'You said: $text' } },
  { ending: '13', meaning: 'Refuses media; takes text.', behaviour: { refusesMedia: true } },
  {
    ending: '29',
    meaning: 'Asks to wait 30 seconds before the message is sent again.',
    behaviour: { throttledFirst: 1, throttledForMs: 30_000 },
  },
]

const byEnding = new Map(magicNumbers.map((magic) => [magic.ending, magic]))
const magicPattern = /^\+1\d{3}55501(\d\d)$/

/** Null for every number that simply takes its messages. */
export function magicOf(number: string): Magic | null {
  const ending = magicPattern.exec(number)?.[1]
  return ending === undefined ? null : (byEnding.get(ending) ?? null)
}
