/** The whole store: one object per subject over one database. */
import type { SealedBox } from '../lib/sealed-box.ts'
import { createAgentStore } from './agents/agents.ts'
import { createTurnStore } from './agents/turns.ts'
import { createBellStore } from './bell.ts'
import { createCallerStore } from './callers.ts'
import { createChangeStore } from './changes.ts'
import { createAliasStore } from './chats/aliases.ts'
import { createChatListing } from './chats/listing.ts'
import { createReceiptStore } from './chats/receipts.ts'
import { createCommandStore } from './commands.ts'
import { createConversationStore } from './conversations.ts'
import type { Db } from './db.ts'
import { createEventStore } from './events.ts'
import { createInboundStore } from './inbound.ts'
import { createLineStore } from './lines.ts'
import { createFileStore } from './media/files.ts'
import { createMessageStore } from './messages.ts'
import { createNodeStore } from './nodes.ts'
import { createOutboxStore } from './outbox.ts'
import { createContactStore } from './people/contacts.ts'
import { createOptOutStore } from './people/opt-outs.ts'
import { createReachStore } from './reach.ts'
import { createUpkeepStore } from './upkeep.ts'
import { createVaultStore } from './vault.ts'
import { createCallbackStore } from './webhooks/callbacks.ts'
import { createWebhookJobStore } from './webhooks/jobs.ts'
import { createWebhookLogStore } from './webhooks/log.ts'
import { createWebhookQueueStore } from './webhooks/queue.ts'
import { createWebhookStore } from './webhooks/webhooks.ts'

export function createStore(db: Db, box: SealedBox) {
  return {
    agentTurns: createTurnStore(db),
    agents: createAgentStore(db, box),
    aliases: createAliasStore(db),
    bell: createBellStore(db),
    callbacks: createCallbackStore(db, box),
    callers: createCallerStore(db),
    changes: createChangeStore(db),
    chats: createChatListing(db),
    commands: createCommandStore(db),
    contacts: createContactStore(db),
    conversations: createConversationStore(db),
    events: createEventStore(db),
    files: createFileStore(db),
    inbound: createInboundStore(db),
    lines: createLineStore(db),
    messages: createMessageStore(db),
    nodes: createNodeStore(db),
    optOuts: createOptOutStore(db),
    outbox: createOutboxStore(db),
    reach: createReachStore(db),
    receipts: createReceiptStore(db),
    upkeep: createUpkeepStore(db),
    vault: createVaultStore(db, box),
    webhookJobs: createWebhookJobStore(db),
    webhookLog: createWebhookLogStore(db),
    webhookQueue: createWebhookQueueStore(db, box),
    webhooks: createWebhookStore(db, box),
  }
}

export type Store = ReturnType<typeof createStore>
