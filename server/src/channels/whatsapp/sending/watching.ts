/** Whose typing we are shown: WhatsApp tells it only to those who are online and have asked for it, on each connection anew. */
import type { WASocket } from 'baileys'
import type { LinkLog } from '../../connector.ts'

type Socket = Pick<WASocket, 'sendPresenceUpdate' | 'presenceSubscribe'>

/** Whoever is written to after so many others on one connection is not watched. */
const watchedMax = 1_000

export class Watching {
  readonly #log: LinkLog
  readonly #asked = new WeakMap<Socket, Set<string>>()

  constructor(log: LinkLog) {
    this.#log = log
  }

  /** Somebody is in a conversation with us. */
  watch(socket: Socket, jid: string): void {
    const asked = this.#asked.get(socket) ?? new Set()
    this.#asked.set(socket, asked)
    if (asked.has(jid) || asked.size >= watchedMax) return
    asked.add(jid)
    // The library says so at the start of a connection, but not before it knows the name of the account.
    socket
      .sendPresenceUpdate('available')
      .then(() => socket.presenceSubscribe(jid))
      .catch((error: unknown) => {
        asked.delete(jid)
        this.#log.warn({ err: error }, 'could not ask to be shown when somebody types')
      })
  }
}
