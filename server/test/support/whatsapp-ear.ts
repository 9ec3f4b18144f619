/** What a WhatsApp line knows besides a message, for tests: who is who, who is in which group, and where files lie. */
import { Readable } from 'node:stream'
import { proto, type WAMessage, type WAMessageKey } from 'baileys'
import type { ChatInfo, Incoming } from '../../src/channels/connector.ts'
import type { Us } from '../../src/channels/whatsapp/names.ts'
import type { Ear, Heard } from '../../src/channels/whatsapp/receiving/heard.ts'
import { createMedia, type MediaOptions } from '../../src/channels/whatsapp/receiving/media.ts'
import type { NoticeEar } from '../../src/channels/whatsapp/receiving/notices.ts'
import { createPairs } from '../../src/channels/whatsapp/receiving/pairs.ts'

export const us: Us = { pn: '16282895642', lid: '900000000000001' }
export const at = new Date('2026-11-21T10:00:00Z')

export interface Known {
  us?: Us
  /** By LID: the numbers the library has heard of, both as it spells them. */
  numbers?: Readonly<Record<string, string>>
  groups?: readonly ChatInfo[]
  get?: MediaOptions['get']
  host?: string
  reupload?: MediaOptions['reupload']
  picture?: Buffer
}

const nobody: MediaOptions['get'] = async () => {
  throw new Error('Nothing lies here.')
}

export function earFor(known: Known = {}): Ear & NoticeEar {
  const numbers = new Map(Object.entries(known.numbers ?? {}))
  const { get = nobody, host = 'media.test', reupload } = known
  return {
    us: known.us ?? us,
    pairs: createPairs(),
    clock: { now: () => at.getTime() },
    numberOf: async (lid) => numbers.get(lid) ?? null,
    lidOf: async (number) => [...numbers].find(([, one]) => one.replace(/:\d+@/, '@') === number)?.[0] ?? null,
    group: async (chat) => known.groups?.find((group) => group.chat === chat) ?? null,
    media: createMedia({ host, get, reupload }),
    picture: async () => Readable.from([known.picture ?? Buffer.of()], { objectMode: false }),
  }
}

/** As it comes off the wire: encoded and decoded again. */
export function heardOf(key: Partial<WAMessageKey>, message: proto.IMessage | null): Heard {
  const decoded = message && proto.Message.decode(proto.Message.encode(proto.Message.fromObject(message)).finish())
  const whole: WAMessage = { key: { id: '3EB0AA', fromMe: false, ...key }, message: decoded }
  return { message: whole, at, offline: false }
}

/** Without what can only be called. */
export function plain(events: readonly Incoming[]): unknown[] {
  return events.map((event) => JSON.parse(JSON.stringify(event)))
}
