/** Where the bytes of files lie: written once under a name that says what they are, read in whole or in part. */
import type { Readable } from 'node:stream'

/** Both ends are part of it. */
export interface Range {
  start: number
  end: number
}

export interface Stored {
  /** The file as it is to be kept; its path is taken over or its content copied, either way it is not needed any more. */
  path: string
  bytes: number
  /** SHA-256 of the content, in hex. */
  hash: string
}

export interface Storage {
  /** Durable once it resolves. The same name always has the same bytes, so writing it again changes nothing. */
  place(name: string, stored: Stored): Promise<void>
  /** Null: there is nothing of this name. */
  open(name: string, range: Range | null): Promise<Readable | null>
  /** Also of what is not there. */
  remove(name: string): Promise<void>
  /** Where a tool can read it without a copy; null when it lies elsewhere. */
  pathOf(name: string): string | null
  /** Writes, reads and removes something, so that a wrong setting stops the start and not the first message. */
  check(): Promise<void>
}

/** Names are ours: a customer's id and a hash. */
export function nameOf(customerId: string, hash: string): string {
  return `${customerId}/${hash.slice(0, 2)}/${hash}`
}
