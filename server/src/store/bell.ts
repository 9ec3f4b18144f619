/** The bell between processes: NOTIFY says only "look", after the commit and never inside it. */
import type { CustomerId, LineId } from '../model/ids.ts'
import type { Db, Session, Statement } from './db.ts'

export interface Ring {
  /** Lines with new work. */
  lines: readonly LineId[]
  /** Customers with new events. */
  customers: readonly CustomerId[]
  /** Something about customers, keys or lines changed: forget what was cached. */
  changed: boolean
  /** Somebody asks something of the process that holds a line. */
  commands: boolean
}

const channel = 'switchboard'
const notify: Statement = { name: 'bell-notify', text: `select pg_notify('${channel}', $1)` }
const listen: Statement = { name: '', text: `listen ${channel}` }
/** The server refuses payloads of 8,000 bytes; a UUID with its quotes is 39. */
const idsPerRing = 150

export function createBellStore(db: Db) {
  return {
    /** Inside a transaction a NOTIFY would queue all commits behind one lock (measured: 0.36 of the throughput). */
    async ring(ring: Ring): Promise<void> {
      const parts = Math.max(1, Math.ceil(Math.max(ring.lines.length, ring.customers.length) / (idsPerRing / 2)))
      const size = idsPerRing / 2
      for (let part = 0; part < parts; part++) {
        const payload = {
          l: ring.lines.slice(part * size, (part + 1) * size),
          c: ring.customers.slice(part * size, (part + 1) * size),
          ...(ring.changed ? { x: 1 } : {}),
          ...(ring.commands ? { k: 1 } : {}),
        }
        await db.query(notify, [JSON.stringify(payload)])
      }
    },

    async listen(session: Session, hear: (ring: Ring) => void): Promise<void> {
      session.onNotification((payload) => hear(ringFrom(payload)))
      await session.query(listen)
    },
  }
}

export type BellStore = ReturnType<typeof createBellStore>

function ringFrom(payload: string): Ring {
  const { l = [], c = [], x, k } = JSON.parse(payload) as { l?: LineId[]; c?: CustomerId[]; x?: number; k?: number }
  return { lines: l, customers: c, changed: x === 1, commands: k === 1 }
}
