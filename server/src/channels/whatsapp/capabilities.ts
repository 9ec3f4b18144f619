/** What WhatsApp can carry. */
import type { Capabilities } from '../../model/channel.ts'

const MiB = 1024 * 1024

export const whatsappCapabilities: Capabilities = {
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
  // The id of a message is made from its ref, and phones drop what comes again under an id that they have.
  dedupesByRef: true,
}
