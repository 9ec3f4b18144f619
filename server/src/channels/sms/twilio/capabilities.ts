/** What the providers of this shape carry: text in parts that they make themselves, and MMS, mostly in North America. */
import type { Capabilities, MediaRule } from '../../../model/channel.ts'
import { plainSms } from '../capabilities.ts'

export type Kind = 'twilio' | 'signalwire'

const KiB = 1024
/** What both providers promise of anything that is no picture; carriers let little more through. */
const otherMax = 500_000

const pictures: Record<Kind, Pick<MediaRule, 'bytesMax' | 'reducedTo'>> = {
  // Twilio makes pictures smaller itself, by what the carrier takes.
  twilio: { bytesMax: 5_000_000 },
  // SignalWire does not, and advises to stay below this.
  signalwire: { bytesMax: 1_200_000, reducedTo: 500 * KiB },
}

export function capabilitiesOf(kind: Kind): Capabilities {
  return {
    ...plainSms,
    // What the API takes as one body.
    textLengthMax: 1_600,
    media: {
      image: {
        support: 'native',
        ...pictures[kind],
        sentAsIs: ['image/jpeg', 'image/png', 'image/gif'],
        becomes: 'jpeg',
      },
      video: { support: 'native', bytesMax: otherMax, sentAsIs: ['video/mp4', 'video/3gpp'], becomes: null },
      audio: { support: 'native', bytesMax: otherMax, sentAsIs: ['*/*'], becomes: null },
      document: { support: 'native', bytesMax: otherMax, sentAsIs: ['*/*'], becomes: null },
    },
    dedupesByRef: false,
  }
}
