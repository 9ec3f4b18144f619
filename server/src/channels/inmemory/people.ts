/** The people on the other side and how they behave; everyone exists until told otherwise. */
import { type Channel, channels } from '../../model/channel.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { Handle } from '../../model/ids.ts'

export interface Behaviour {
  /** Where this person can be reached. */
  channels: readonly Channel[]
  /** Null: their phone is off, and stays so. */
  deliveredAfterMs: number | null
  /** Counted from delivery; null: never reads. */
  readAfterMs: number | null
  /** What they answer to a text; null: nothing. */
  writesBack: ((text: string) => string) | null
  /** Counted from delivery. */
  writesBackAfterMs: number
  /** So many first tries of each message fail and may be repeated. */
  failsFirst: number
  /** The same, and each blames the link, so that messages to others wait too. */
  linkFailsFirst: number
  /** The first try of each message is put off for so long; a try after that is taken. */
  rateLimitedForMs: number | null
  /** The network falls silent: no answer, no message. */
  neverAnswers: boolean
  /** Messages with media are refused as too large. */
  refusesMedia: boolean
  /** Their phone holds back what arrives, in the mode of this name. */
  focus: string | null
  /** They can be called over FaceTime. */
  facetime: boolean
  /** Taken at first; then a receipt says that it failed after all. */
  bouncesWith: ErrorCode | null
}

const ordinary: Behaviour = {
  channels,
  deliveredAfterMs: 150,
  readAfterMs: null,
  writesBack: null,
  writesBackAfterMs: 300,
  failsFirst: 0,
  linkFailsFirst: 0,
  rateLimitedForMs: null,
  neverAnswers: false,
  refusesMedia: false,
  bouncesWith: null,
  focus: null,
  facetime: true,
}

export interface People {
  behaviourOf(handle: Handle): Behaviour
  /** What is not named stays as the number does by itself. */
  set(handle: Handle, behaviour: Partial<Behaviour>): void
  isOn(handle: Handle, channel: Channel): boolean
}

/** `habits` says what somebody does without having been told; null: what everybody does. */
export function createPeople(
  habits: (handle: Handle) => Partial<Behaviour> | null,
  everybody: Partial<Behaviour> = {},
): People {
  const told = new Map<Handle, Behaviour>()
  const usual: Behaviour = { ...ordinary, ...everybody }
  const byThemselves = (handle: Handle): Behaviour => {
    const habit = habits(handle)
    return habit === null ? usual : { ...usual, ...habit }
  }
  const behaviourOf = (handle: Handle) => told.get(handle) ?? byThemselves(handle)
  return {
    behaviourOf,
    set: (handle, behaviour) => {
      told.set(handle, { ...byThemselves(handle), ...behaviour })
    },
    isOn: (handle, channel) => canName(handle, channel) && behaviourOf(handle).channels.includes(channel),
  }
}

/** An e-mail address is known to iMessage only, and a WhatsApp id to WhatsApp only; a phone number to all. */
function canName(handle: Handle, channel: Channel): boolean {
  if (!handle.includes('@')) return true
  const isWhatsapp = handle.endsWith('@lid') || handle.endsWith('@s.whatsapp.net')
  return isWhatsapp ? channel === 'whatsapp' : channel === 'imessage'
}
