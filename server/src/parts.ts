/** What a gateway is made of: what it is given, and everything that lives as long as it does. */
import type { Callers } from './accounts/callers.ts'
import type { Lines } from './accounts/lines.ts'
import type { AgentRoom } from './agents/room.ts'
import type { Providers } from './channels/connector.ts'
import type { ContactsRoom } from './contacts/contacts.ts'
import type { Bell } from './events/bell.ts'
import type { createFollow } from './events/follow.ts'
import type { Clock } from './lib/clock.ts'
import type { SafeFetch } from './lib/egress/safe-fetch.ts'
import type { Log } from './lib/log.ts'
import type { Mint } from './lib/mint.ts'
import type { SealedBox } from './lib/sealed-box.ts'
import type { Commands } from './links/commands.ts'
import type { Links } from './links/links.ts'
import type { Pairing } from './links/pairing.ts'
import type { Presence } from './links/presence.ts'
import type { ProviderCalls } from './links/provider-calls.ts'
import type { Sessions, SessionsOptions } from './links/sessions.ts'
import type { MediaOptions, MediaRoom } from './media/room.ts'
import type { createChats } from './messaging/chats/chats.ts'
import type { Ledgers } from './messaging/ledgers.ts'
import type { Outbox } from './messaging/outbox.ts'
import type { Reach } from './messaging/reach.ts'
import type { createUpkeep } from './messaging/upkeep.ts'
import type { Db } from './store/db.ts'
import type { Store } from './store/store.ts'
import type { WebhookRoom } from './webhooks/room.ts'
import type { Wording } from './webhooks/wording.ts'

export interface GatewayOptions {
  db: Db
  clock: Clock
  mint: Mint
  log: Log
  box: SealedBox
  media: MediaOptions
  providers: Providers
  /** How the outside reaches us. */
  publicUrl(): string
  /** The way out to URLs that callers chose. Closed by whoever opened it. */
  egress: SafeFetch
  /** How the surfaces word events for webhooks, given how links to files are made. */
  wording(linkTo: MediaRoom['linkTo']): Wording
  roles: { links: boolean; webhooks: boolean }
  webhooks: { scheduleMs: readonly number[]; timeoutMs: number; userAgent: string; chance(): number }
  keyPrefix: string
  requestsPerMinute: number
  /** Absent: WhatsApp itself. */
  pairsWith?: SessionsOptions['pairsWith']
  eventRetentionMs: number
  allowUnsafeDatabase: boolean
}

/** Everything that lives as long as the gateway does. */
export interface Parts {
  options: GatewayOptions
  store: Store
  bell: Bell
  callers: Callers
  lines: Lines
  links: Links
  ledgers: Ledgers
  outbox: Outbox
  presence: Presence
  follow: ReturnType<typeof createFollow>
  upkeep: ReturnType<typeof createUpkeep>
  commands: Commands
  reach: Reach
  providerCalls: ProviderCalls
  pairing: Pairing
  sessions: Sessions & { close(): void }
  media: MediaRoom
  webhooks: WebhookRoom
  chats: ReturnType<typeof createChats>
  contacts: ContactsRoom
  agents: AgentRoom
}
