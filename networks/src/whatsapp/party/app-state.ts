/** What an account's devices have agreed on about chats: a key that its phone shares, and changes that nobody else can read. */
import { randomBytes } from 'node:crypto'

/** One for all devices of an account; the server never sees it. */
export interface AppStateKey {
  id: Buffer
  data: Buffer
}

/** By collection, each with its changes in order: the first leads to version 1. */
export type AppState = Map<string, Buffer[]>

export function newAppStateKey(): AppStateKey {
  return { id: randomBytes(6), data: randomBytes(32) }
}
