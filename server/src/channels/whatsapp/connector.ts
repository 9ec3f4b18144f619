/** WhatsApp as a linked device of the line's own phone. The library is loaded with the first line that needs it. */
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Connection, Connector, Icon, Outgoing } from '../connector.ts'
import { whatsappCapabilities } from './capabilities.ts'
import type { GroupVerbs } from './groups/groups.ts'
import { problemWith, whatsappSettings } from './line.ts'
import type { WhatsappLink } from './link.ts'
import type { MessageVerbs } from './sending/verbs.ts'

export interface WhatsappTools {
  clock: Clock
  chance(): number
  /** To WhatsApp's own host of files. */
  media: SafeFetch
  /** Phones show no other pictures. Throws SendFailure for what is none. */
  asJpeg(icon: Icon): Promise<Uint8Array>
  /** How long it is believed which devices somebody has; an hour. */
  devicesMs?: number
  /** The library takes half a second and the processor while it loads; it is loaded after this. */
  ready?: Promise<void>
}

export type LinkTools = Omit<WhatsappTools, 'devicesMs' | 'ready'> & { devicesMs: number }

export function createWhatsappConnector(tools: WhatsappTools): Connector {
  const { ready = Promise.resolve(), devicesMs = 3_600_000, ...rest } = tools
  const load = () => ready.then(() => import('./link.ts'))
  const linkTools = { ...rest, devicesMs }
  return {
    channel: 'whatsapp',
    capabilities: whatsappCapabilities,
    problemWith,
    open: (line, host) =>
      connectionOf(async () => {
        const { WhatsappLink } = await load()
        return new WhatsappLink({ tools: linkTools, settings: whatsappSettings(line), host })
      }),
  }
}

function connectionOf(make: () => Promise<WhatsappLink>): Connection {
  let link: Promise<WhatsappLink> | null = null
  let there: WhatsappLink | null = null
  const load = () => {
    link ??= make().then((made) => {
      there = made
      return made
    })
    return link
  }
  const started = () => {
    if (there !== null) return there
    const why = 'This line has not been started.'
    throw new SendFailure('retryable', 'WHATSAPP_NOT_CONNECTED', why, { scope: 'link' })
  }
  return {
    capabilities: whatsappCapabilities,
    actions: {
      ...messageActions(started),
      ...groupActions(started),
      requestPairingCode: async (phone) => started().pairingCode(phone),
      // A line that was stopped has credentials to forget all the same.
      forgetPairing: async () => (await load()).forget(),
    },
    start: async () => (await load()).start(),
    stop: async () => there?.stop(),
    reach: async (handle) => there?.reach(handle) ?? 'unknown',
    send: async (message, signal) => started().send(message, signal),
    turn: (message: Outgoing) => there?.turn(message) ?? 0,
  }
}

/** Whose connection it is by then, for it comes and goes. */
function messageActions(started: () => WhatsappLink): MessageVerbs {
  const verbs = () => started().verbs()
  return {
    react: async (...asked) => verbs().react(...asked),
    setTyping: async (...asked) => verbs().setTyping(...asked),
    markRead: async (...asked) => verbs().markRead(...asked),
  }
}

function groupActions(started: () => WhatsappLink): GroupVerbs {
  const groups = () => started().groups()
  return {
    createGroup: async (...asked) => groups().createGroup(...asked),
    chatInfo: async (...asked) => groups().chatInfo(...asked),
    renameGroup: async (...asked) => groups().renameGroup(...asked),
    addMember: async (...asked) => groups().addMember(...asked),
    removeMember: async (...asked) => groups().removeMember(...asked),
    leaveGroup: async (...asked) => groups().leaveGroup(...asked),
    setGroupIcon: async (...asked) => groups().setGroupIcon(...asked),
    removeGroupIcon: async (...asked) => groups().removeGroupIcon(...asked),
  }
}
