/** What was seen from outside in one run: by the callers, by the network, in the API and in the log. Only data. */
import type { Channel } from '../../src/model/channel.ts'
import type { Effect, Fault, Spoken } from './outside.ts'

/** A message as its caller saw it being accepted. */
export interface Asked {
  key: string
  /** The line and the recipient: what is sent there keeps its order. */
  lane: string
  text: string
  /** Every answer to every repetition. */
  answers: readonly { status: number; id: string | null }[]
}

export interface ApiMessage {
  id: string
  direction: 'outbound' | 'inbound'
  status: string
  channel: Channel | null
  errorCode: string | null
  externalId: string | null
  retryCount: number
  text: string
  timeline: readonly { status: string; channel: Channel | null }[]
}

export interface Attempt {
  messageId: string
  number: number
  channel: Channel
  ref: string
  outcome: 'accepted' | 'retryable' | 'unreachable' | 'refused' | 'uncertain'
}

/** One row of the log; `about` is the message it tells of. */
export interface Logged {
  id: string
  type: string
  about: string | null
  errorCode: string | null
}

/** A part of a text that the network took. */
export interface Part {
  key: string
  number: number
  of: number
}

export interface History {
  dedupes: readonly Channel[]
  asked: readonly Asked[]
  effects: readonly Effect[]
  tried: readonly { channel: Channel; ref: string; fault: Fault }[]
  spoken: readonly Spoken[]
  /** Where the network sees parts. */
  parts?: readonly Part[]
  messages: readonly ApiMessage[]
  attempts: readonly Attempt[]
  /** In the order of the log. */
  log: readonly Logged[]
  /** What a follower of the stream saw, in its order; null when nobody followed. */
  followed: readonly { id: string; type: string }[] | null
  /** Outbox rows that were still there when everything had been given its time. */
  left: number
}

export interface Violation {
  promise: string
  detail: string
}

export interface Tally {
  accepted: number
  delivered: number
  lost: number
  twice: number
  unknown: number
  inbound: number
}

export function laneOf({ line, to }: { line: string; to: string }): string {
  return `${line} > ${to}`
}
