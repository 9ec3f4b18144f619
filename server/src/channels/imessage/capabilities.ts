/** What iMessage can carry and do: the most there can be, and what is left of it on the Mac that is there. */
import type { Capabilities } from '../../model/channel.ts'
import type { Actions } from '../connector.ts'
import type { Standing } from './backend.ts'

const MiB = 1024 * 1024

export const imessageCapabilities: Capabilities = {
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
  // BlueBubbles 1.9.9 makes a dead bubble of an MP3 (https://github.com/BlueBubblesApp/bluebubbles-server/issues/799),
  // so that nothing but what phones record themselves goes as it is.
  voiceNotes: { sentAsIs: ['audio/x-caf; codecs=opus'], becomes: 'caf-opus' },
  mediaFrom: 'attachments',
  tooLargeCode: 'MEDIA_TOO_LARGE',
  groups: true,
  groupMembersMax: 32,
  receipts: { delivered: 'always', read: 'sometimes' },
  // A row is known by what is in it, not by what we called it: a second send makes a second message.
  dedupesByRef: false,
}

/** Null: nobody has looked yet. While the private API is only away for a moment, what needs it waits and is not dropped. */
export function capabilitiesAt(standing: Standing | null): Capabilities {
  if (standing === null || standing.privateApi !== 'off') return imessageCapabilities
  const features = { ...imessageCapabilities.features }
  for (const feature of ['effect', 'reply', 'mention', 'carousel', 'voiceNote'] as const) features[feature] = 'dropped'
  return { ...imessageCapabilities, features, voiceNotes: null }
}

export type Verb = Exclude<keyof Actions, 'requestPairingCode' | 'forgetPairing'>

/** The first macOS that has it; 0: any that the server runs on. */
const since: Record<Verb, number> = {
  ...{ react: 0, setTyping: 0, markRead: 0, facetime: 0, chatInfo: 0 },
  ...{ edit: 13, unsend: 13, markUnread: 13, focus: 12 },
  ...{ createGroup: 0, renameGroup: 0, addMember: 0, removeMember: 0, leaveGroup: 0 },
  ...{ setGroupIcon: 11, removeGroupIcon: 11 },
}

/** What a script can do as well. */
const scripted: readonly Verb[] = ['chatInfo']

export function verbsAt(standing: Standing | null): readonly Verb[] {
  const all = Object.keys(since) as Verb[]
  if (standing === null) return all
  if (standing.privateApi === 'off') return scripted
  return all.filter((verb) => standing.macos >= since[verb])
}

/** How messages go out. */
export type Manner = 'private' | 'script'

/** On macOS 26 scripts fail for its chats (https://github.com/BlueBubblesApp/bluebubbles-server/issues/777). */
const lastScriptedMacos = 25

export function canScript(standing: Standing | null): boolean {
  return standing !== null && standing.macos <= lastScriptedMacos
}

/** `unconnected`: it will be known later. A script is no stand-in for a helper that comes back in a moment. */
export function mannerAt(standing: Standing | null): Manner | 'unconnected' | 'impossible' {
  if (standing === null || standing.privateApi === 'unconnected') return 'unconnected'
  if (standing.privateApi === 'connected') return 'private'
  return canScript(standing) ? 'script' : 'impossible'
}
