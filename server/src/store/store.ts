/** The whole store: one object per subject over one database. */
import type { SealedBox } from '../lib/sealed-box.ts'
import { createBellStore } from './bell.ts'
import { createCallerStore } from './callers.ts'
import { createChangeStore } from './changes.ts'
import { createCommandStore } from './commands.ts'
import { createConversationStore } from './conversations.ts'
import type { Db } from './db.ts'
import { createEventStore } from './events.ts'
import { createInboundStore } from './inbound.ts'
import { createLineStore } from './lines.ts'
import { createMessageStore } from './messages.ts'
import { createNodeStore } from './nodes.ts'
import { createOutboxStore } from './outbox.ts'
import { createReachStore } from './reach.ts'
import { createUpkeepStore } from './upkeep.ts'
import { createVaultStore } from './vault.ts'

export function createStore(db: Db, box: SealedBox) {
  return {
    bell: createBellStore(db),
    callers: createCallerStore(db),
    changes: createChangeStore(db),
    commands: createCommandStore(db),
    conversations: createConversationStore(db),
    events: createEventStore(db),
    inbound: createInboundStore(db),
    lines: createLineStore(db),
    messages: createMessageStore(db),
    nodes: createNodeStore(db),
    outbox: createOutboxStore(db),
    reach: createReachStore(db),
    upkeep: createUpkeepStore(db),
    vault: createVaultStore(db, box),
  }
}

export type Store = ReturnType<typeof createStore>
