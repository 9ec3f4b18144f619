/** What callers ask of groups and networks tell back: which telling is an echo, and what was changed lately. Pure. */
import { aboutOf, type ChatChange, changeKey, type Origin } from './chat-change.ts'

/** An echo comes within this time, and whoever is behind the times by no more than this changes nothing. */
export const echoWithinMs = 60_000

/** What is remembered of a group besides what it is now, for as long as an echo may take. */
export interface Recent {
  /** Changes of callers whose echo may still come, in the order in which they were asked for. */
  awaited: readonly Awaited[]
  /** When it was changed last, by anybody, for each thing that a change can be about. */
  touched: Readonly<Record<string, number>>
  /** The last picture: nothing else tells whether one is news. */
  photo: { key: string; by: Origin; atMs: number } | null
}

export interface Awaited {
  key: string
  about: string
  /**
   * Its network has not answered yet; `crossed`: and has told of another change of the same thing meanwhile; `told`: it has
   * answered, and so everybody was told; `same`: it was so already; `heard`: its echo came first, and so they were told;
   * `due`: it has answered, and with its echo they will be.
   */
  stage: 'asked' | 'crossed' | 'told' | 'same' | 'heard' | 'due'
  untilMs: number
}

export const nothingRecent: Recent = { awaited: [], touched: {}, photo: null }

/** Without what is too long ago. */
export function recentAt({ awaited, touched, photo }: Recent, nowMs: number): Recent {
  const isOver = (atMs: number) => atMs + echoWithinMs <= nowMs
  return {
    awaited: awaited.filter(({ untilMs }) => untilMs > nowMs),
    touched: Object.fromEntries(Object.entries(touched).filter(([, atMs]) => !isOver(atMs))),
    photo: photo === null || isOver(photo.atMs) ? null : photo,
  }
}

export function awaiting(recent: Recent, change: ChatChange, stage: Awaited['stage'], nowMs: number): Recent {
  const one = { key: changeKey(change), about: aboutOf(change), stage, untilMs: nowMs + echoWithinMs }
  return { ...recent, awaited: [...recent.awaited, one] }
}

/**
 * A network has answered a caller. Null: nobody has told of it yet, and it is not known that it was asked for. After
 * `heard` everybody knows. After `crossed` only the echo says which of the two changes came last, or whether ours was any.
 */
export function answered(
  recent: Recent,
  { change, isNews }: { change: ChatChange; isNews: boolean },
  nowMs: number,
): { stage: 'asked' | 'crossed' | 'heard' | null; recent: Recent } {
  const mine = ofKey(recent, change)
  const one = mine.find(({ stage }) => stage === 'heard') ?? mine.find(({ stage }) => isUnanswered(stage))
  if (one === undefined) return { stage: null, recent }
  if (one.stage === 'heard') return { stage: one.stage, recent: without(recent, one) }
  const stage = one.stage === 'asked' ? 'asked' : 'crossed'
  const after = isNews ? ('told' as const) : ('same' as const)
  const next = { ...one, stage: stage === 'asked' ? after : ('due' as const), untilMs: nowMs + echoWithinMs }
  return { stage, recent: { ...recent, awaited: recent.awaited.map((it) => (it === one ? next : it)) } }
}

function isUnanswered(stage: Awaited['stage']): boolean {
  return stage === 'asked' || stage === 'crossed'
}

/** The network has refused it: nothing will come. */
export function withdrawn(recent: Recent, change: ChatChange): Recent {
  const one = ofKey(recent, change).findLast(({ stage }) => isUnanswered(stage) || stage === 'heard')
  return one === undefined ? recent : without(recent, one)
}

/** What a change comes to when its network tells of another of the same thing before its echo. */
const overtaken: Readonly<Record<Awaited['stage'], Awaited['stage']>> = {
  asked: 'crossed',
  crossed: 'crossed',
  told: 'told',
  same: 'due',
  heard: 'heard',
  due: 'due',
}

/**
 * A network tells of a change. `old`: it is the echo of a change that a caller has followed by another of the same thing,
 * which must not be undone. Otherwise the change counts, be it an echo or not: networks tell in order, so whatever an
 * echo would undo came before it.
 */
export function echoed(recent: Recent, change: ChatChange): { echo: 'none' | 'old' | 'last'; recent: Recent } {
  const about = aboutOf(change)
  const place = recent.awaited.findIndex(({ key, stage }) => key === changeKey(change) && stage !== 'heard')
  const one = recent.awaited[place]
  if (one === undefined) {
    const next = (it: Awaited): Awaited => (it.about === about ? { ...it, stage: overtaken[it.stage] } : it)
    return { echo: 'none', recent: { ...recent, awaited: recent.awaited.map(next) } }
  }
  const isAnswered = ({ stage }: Awaited) => stage === 'told' || stage === 'same'
  const awaited = recent.awaited.flatMap((it, nth): Awaited[] => {
    // Echoes come in order, so those of what was asked for before are lost, or were none.
    if (it.about === about && nth <= place && isAnswered(it)) return []
    if (it !== one) return [it]
    return it.stage === 'due' ? [] : [{ ...it, stage: 'heard' }]
  })
  const isFollowed = recent.awaited.slice(place + 1).some((it) => it.about === about && it.stage === 'told')
  return { echo: isAnswered(one) && isFollowed ? 'old' : 'last', recent: { ...recent, awaited } }
}

export function touch(recent: Recent, change: ChatChange, atMs: number): Recent {
  return { ...recent, touched: { ...recent.touched, [aboutOf(change)]: atMs } }
}

export function isTouched({ touched }: Recent, about: string): boolean {
  return Object.hasOwn(touched, about)
}

/** Of a picture nothing is kept that would tell whether it is news: it is, unless the other has just told of it. */
export function isNewPhoto({ photo: last }: Recent, change: ChatChange, by: Origin): boolean {
  return last === null || last.key !== changeKey(change) || last.by === by
}

/** Once both have told of it, either may do the same again. */
export function withPhoto(recent: Recent, change: ChatChange, by: Origin, atMs: number): Recent {
  const key = changeKey(change)
  return { ...recent, photo: isNewPhoto(recent, change, by) ? { key, by, atMs } : null }
}

function ofKey({ awaited }: Recent, change: ChatChange): Awaited[] {
  const key = changeKey(change)
  return awaited.filter((one) => one.key === key)
}

function without(recent: Recent, one: Awaited): Recent {
  return { ...recent, awaited: recent.awaited.filter((it) => it !== one) }
}
