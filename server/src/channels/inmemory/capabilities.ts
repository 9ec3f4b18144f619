/** What each channel of the in-memory network can carry, which verbs it has, and how it words its failures. */
import type { Capabilities, Channel } from '../../model/channel.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { Actions } from '../connector.ts'

const KiB = 1024
const MiB = 1024 * KiB

const imessage: Capabilities = {
  textLengthMax: 20_000,
  features: {
    effect: 'native',
    reply: 'native',
    mention: 'native',
    carousel: 'native',
    voiceNote: 'adapted',
    location: 'adapted',
  },
  media: {
    image: { support: 'native', bytesMax: 100 * MiB, sentAsIs: ['*/*'], becomes: null },
    video: {
      ...{ support: 'native', bytesMax: 100 * MiB, becomes: null },
      sentAsIs: ['video/mp4', 'video/quicktime', 'video/x-m4v'],
    },
    audio: { support: 'native', bytesMax: 100 * MiB, sentAsIs: ['*/*'], becomes: null },
    document: { support: 'native', bytesMax: 100 * MiB, sentAsIs: ['*/*'], becomes: null },
  },
  voiceNotes: { sentAsIs: ['audio/mpeg', 'audio/x-caf; codecs=opus'], becomes: 'caf-opus' },
  mediaFrom: 'attachments',
  tooLargeCode: 'MEDIA_TOO_LARGE',
  groups: true,
  groupMembersMax: 32,
  receipts: { delivered: 'always', read: 'sometimes' },
  dedupesByRef: false,
}

const whatsapp: Capabilities = {
  textLengthMax: 65_536,
  features: {
    effect: 'dropped',
    reply: 'native',
    mention: 'native',
    carousel: 'dropped',
    voiceNote: 'native',
    location: 'native',
  },
  media: {
    image: { support: 'native', bytesMax: 16 * MiB, sentAsIs: ['image/jpeg', 'image/png'], becomes: 'jpeg' },
    video: { support: 'adapted', bytesMax: 64 * MiB, sentAsIs: ['video/mp4; codecs=h264,aac'], becomes: 'mp4' },
    audio: {
      ...{ support: 'adapted', bytesMax: 16 * MiB, becomes: 'ogg-opus' },
      sentAsIs: ['audio/mpeg', 'audio/mp4', 'audio/aac', 'audio/amr', 'audio/ogg; codecs=opus'],
    },
    document: { support: 'native', bytesMax: 100 * MiB, sentAsIs: ['*/*'], becomes: null },
  },
  voiceNotes: { sentAsIs: ['audio/ogg; codecs=opus'], becomes: 'ogg-opus' },
  mediaFrom: 'attachments',
  tooLargeCode: 'WHATSAPP_MEDIA_TOO_LARGE',
  groups: true,
  groupMembersMax: 1_023,
  receipts: { delivered: 'always', read: 'sometimes' },
  dedupesByRef: true,
}

const sms: Capabilities = {
  textLengthMax: 1_600,
  // Carriers start to drop or split longer chains, whatever the protocol allows.
  segmentsMax: 10,
  features: {
    effect: 'dropped',
    reply: 'dropped',
    mention: 'dropped',
    carousel: 'dropped',
    voiceNote: 'dropped',
    location: 'dropped',
  },
  media: {
    image: {
      ...{ support: 'native', bytesMax: 5 * MiB, reducedTo: 500 * KiB, becomes: 'jpeg' },
      sentAsIs: ['image/jpeg', 'image/png', 'image/gif'],
    },
    video: { support: 'native', bytesMax: 5 * MiB, sentAsIs: ['video/mp4', 'video/3gpp'], becomes: null },
    audio: { support: 'native', bytesMax: 600 * KiB, sentAsIs: ['*/*'], becomes: null },
    document: { support: 'native', bytesMax: 600 * KiB, sentAsIs: ['*/*'], becomes: null },
  },
  voiceNotes: null,
  mediaFrom: 'mediaUrls',
  tooLargeCode: 'MMS_MEDIA_TOO_LARGE',
  groups: false,
  receipts: { delivered: 'sometimes', read: 'never' },
  dedupesByRef: false,
}

export const inMemoryCapabilities: Readonly<Record<Channel, Capabilities>> = { imessage, whatsapp, sms }

export type Verb = keyof Actions

/** How a channel behaves beyond what it can carry. */
export interface Trait {
  verbs: readonly Verb[]
  /** Our own sends come back to us with their ref. */
  echoes: boolean
  /** A second link of the same line ends the first. */
  oneLinkPerLine: boolean
  /** The link is made with a phone, by scanning or by a code, and rests on credentials. */
  pairs: boolean
  /** What other people do and this channel tells us. */
  hears: { reaction: boolean; edit: boolean; unsend: boolean; typing: boolean; audioKept: boolean; facetime: boolean }
  codes: { send: ErrorCode; link: ErrorCode; rejected: ErrorCode; rateLimited: ErrorCode; reaction: ErrorCode }
}

const groupVerbs = [
  'createGroup',
  'chatInfo',
  'renameGroup',
  'addMember',
  'removeMember',
  'leaveGroup',
  'setGroupIcon',
  'removeGroupIcon',
] as const

export const traits: Readonly<Record<Channel, Trait>> = {
  imessage: {
    verbs: ['react', 'edit', 'unsend', 'setTyping', 'markRead', 'markUnread', ...groupVerbs, 'focus', 'facetime'],
    echoes: true,
    oneLinkPerLine: false,
    pairs: false,
    hears: { reaction: true, edit: true, unsend: true, typing: false, audioKept: true, facetime: true },
    codes: {
      send: 'IMESSAGE_SEND_FAILED',
      link: 'SERVICE_UNAVAILABLE',
      rejected: 'IMESSAGE_SEND_FAILED',
      rateLimited: 'RATE_LIMIT_EXCEEDED',
      reaction: 'REACTION_FAILED',
    },
  },
  whatsapp: {
    verbs: ['react', 'setTyping', 'markRead', ...groupVerbs, 'requestPairingCode', 'forgetPairing'],
    echoes: true,
    oneLinkPerLine: true,
    pairs: true,
    hears: { reaction: true, edit: true, unsend: true, typing: true, audioKept: false, facetime: false },
    codes: {
      send: 'WHATSAPP_SEND_FAILED',
      link: 'WHATSAPP_NOT_CONNECTED',
      rejected: 'WHATSAPP_REJECTED',
      rateLimited: 'WHATSAPP_RATE_LIMITED',
      reaction: 'WHATSAPP_REACTION_FAILED',
    },
  },
  sms: {
    verbs: [],
    echoes: false,
    oneLinkPerLine: false,
    pairs: false,
    hears: { reaction: false, edit: false, unsend: false, typing: false, audioKept: false, facetime: false },
    codes: {
      send: 'SMS_SEND_FAILED',
      link: 'SERVICE_UNAVAILABLE',
      rejected: 'SMS_SEND_FAILED',
      rateLimited: 'RATE_LIMIT_EXCEEDED',
      reaction: 'REACTION_FAILED',
    },
  },
}
