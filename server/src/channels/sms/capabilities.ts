/** What SMS carries of a message, whoever the provider is. In files they differ, and each line says how many parts it sends. */
import type { Capabilities, MediaRule } from '../../model/channel.ts'

const nothing: MediaRule = { support: 'refused', bytesMax: 0, sentAsIs: [], becomes: null }

export const noFiles: Capabilities['media'] = { image: nothing, video: nothing, audio: nothing, document: nothing }

export const plainSms: Omit<Capabilities, 'media' | 'dedupesByRef'> = {
  textLengthMax: 10_000,
  features: {
    effect: 'dropped',
    reply: 'dropped',
    mention: 'dropped',
    carousel: 'dropped',
    voiceNote: 'dropped',
    location: 'dropped',
  },
  voiceNotes: null,
  mediaFrom: 'mediaUrls',
  tooLargeCode: 'MMS_MEDIA_TOO_LARGE',
  groups: false,
  receipts: { delivered: 'sometimes', read: 'never' },
}

/** So that a text that needs more parts is refused before anything is made ready for it. */
export function inParts(capabilities: Capabilities, segmentsMax: number): Capabilities {
  return { ...capabilities, segmentsMax }
}
