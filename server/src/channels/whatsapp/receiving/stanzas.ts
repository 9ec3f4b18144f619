/** Stanzas as the server sends them, read without trusting their shape: attributes, children, times and who is meant. */
import type { BinaryNode } from 'baileys'
import type { Clock } from '../../../lib/clock.ts'
import type { Handle } from '../../../model/ids.ts'
import { isUs, nameIn, type Pair, pairOf, personOf, type Us } from '../names.ts'
import type { Pairs } from './pairs.ts'
import { someOf } from './values.ts'

/** What all that is told needs to know: who we are, and who was told of by both names. */
export interface Here {
  us: Us
  pairs: Pairs
  clock: Pick<Clock, 'now'>
}

export interface Person {
  handle: Handle
  /** Both of their names, if the stanza shows them. */
  pair: Pair | null
}

export function attribute(node: BinaryNode | null | undefined, name: string): string | null {
  const attrs: unknown = node?.attrs
  if (typeof attrs !== 'object' || attrs === null || !Object.hasOwn(attrs, name)) return null
  const value = (attrs as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' ? value : null
}

export function childrenOf(node: BinaryNode | null | undefined, tag?: string): BinaryNode[] {
  const children = Array.isArray(node?.content) ? someOf(node.content) : []
  return children.filter((child): child is BinaryNode => {
    return typeof child === 'object' && child !== null && (tag === undefined || child.tag === tag)
  })
}

/** The attributes in which another name of the sender, of a member or of whoever acted may stand. */
const otherNames = {
  from: ['sender_pn', 'sender_lid', 'phone_number', 'lid', 'pn'],
  participant: ['participant_pn', 'participant_lid', 'sender_pn', 'sender_lid'],
  jid: ['phone_number', 'lid', 'participant_pn'],
} as const

export function personIn(node: BinaryNode, where: keyof typeof otherNames, us: Us): Person | null {
  const jid = attribute(node, where)
  const kind = nameIn(jid)?.kind
  const others = otherNames[where].map((name) => attribute(node, name))
  return personNamed(us, jid, others.find((other) => other !== null && nameIn(other)?.kind !== kind) ?? null)
}

/** Another name that is ours cannot be theirs: it says whom something was for. */
export function personNamed(us: Us, jid: unknown, alt: unknown): Person | null {
  const other = isUs(nameIn(alt), us) ? null : alt
  const handle = personOf(us, jid, other)
  return handle === null ? null : { handle, pair: pairOf(us, jid, other) }
}

const earliestMs = Date.UTC(2009, 0, 1)
const aheadMaxMs = 24 * 3_600_000

/** Seconds since 1970; what cannot be is taken to be now. */
export function timeIn(seconds: string | null, clock: Pick<Clock, 'now'>): Date {
  const nowMs = clock.now()
  const ms = seconds !== null && /^\d{1,12}$/.test(seconds) ? Number(seconds) * 1_000 : Number.NaN
  return new Date(ms >= earliestMs && ms <= nowMs + aheadMaxMs ? ms : nowMs)
}
