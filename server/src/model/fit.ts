/** Content × capabilities → what is sent, what is dropped, or a refusal. Applied once, before a connector sees a message. */
import { type Capabilities, type Feature, mediaKindOf } from './channel.ts'
import type { ErrorCode } from './errors.ts'
import type { Attachment, Content, Mention } from './message.ts'
import { smsTextOf } from './sms-text.ts'

export interface Fitted {
  text: string | null
  attachments: readonly Attachment[]
  mentions: readonly Mention[]
  effect: string | null
  reply: boolean
  location: Content['location']
  dropped: readonly string[]
}

export type Fit = { ok: true; fitted: Fitted } | { ok: false; code: ErrorCode; detail: string }

export function fit(content: Content, capabilities: Capabilities, isGroup: boolean): Fit {
  const dropped: string[] = []
  const refusals: Fit[] = []
  const keeps = (feature: Feature): boolean => {
    const support = capabilities.features[feature]
    if (support === 'native' || support === 'adapted') return true
    if (support === 'dropped') dropped.push(feature)
    else
      refusals.push(
        refuse(
          'CONTENT_NOT_SUPPORTED',
          `This channel cannot carry ${feature}; leave it out or choose another channel.`,
        ),
      )
    return false
  }

  const tooLong = lengthRefusal(content.text ?? '', capabilities)
  if (tooLong !== null) refusals.push(tooLong)
  if (isGroup && !capabilities.groups) refusals.push(refuse('GROUP_SMS_UNSUPPORTED', 'This channel has no groups.'))

  const { media, passedOver } = chosenMedia(content, capabilities)
  if (passedOver !== null) dropped.push(passedOver)
  const files = fitMedia(media, capabilities, dropped, refusals)
  const keepsVoice = files.some(({ voiceNote }) => voiceNote) && keeps('voiceNote')
  const attachments = keepsVoice ? files : files.map((item) => (item.voiceNote ? { ...item, voiceNote: false } : item))
  const mentions = content.mentions.length > 0 && isGroup && keeps('mention') ? content.mentions : []
  if (content.mentions.length > 0 && !isGroup) dropped.push('mention')
  const effect = content.effect !== null && keeps('effect') ? content.effect : null
  const reply = content.replyTo !== null && keeps('reply')
  const location = content.location !== null && keeps('location') ? content.location : null

  const refusal = refusals[0]
  if (refusal !== undefined) return refusal
  const text = content.text === '' ? null : content.text
  if (text === null && attachments.length === 0 && location === null) {
    return refuse('CONTENT_NOT_SUPPORTED', 'Nothing of this message can be carried by this channel.')
  }
  return { ok: true, fitted: { text, attachments, mentions, effect, reply, location, dropped: [...new Set(dropped)] } }
}

function refuse(code: ErrorCode, detail: string): Fit & { ok: false } {
  return { ok: false, code, detail }
}

function lengthRefusal(text: string, { textLengthMax, segmentsMax }: Capabilities): Fit | null {
  const code = segmentsMax === undefined ? 'CONTENT_NOT_SUPPORTED' : 'SMS_TOO_LONG'
  if (text.length > textLengthMax)
    return refuse(code, `The text has ${text.length} characters; this channel takes ${textLengthMax}.`)
  const { encoding, parts } = segmentsMax === undefined ? smsTextOf('') : smsTextOf(text)
  if (segmentsMax === undefined || parts.length <= segmentsMax) return null
  const why = encoding === 'ucs2' ? ', because it has characters outside the alphabet of SMS' : ''
  return refuse(
    code,
    `The text needs ${parts.length} parts${why}; this line sends ${segmentsMax} at most. Make it shorter.`,
  )
}

type MediaField = Capabilities['mediaFrom']

/** A caller may fill both media fields; each channel has the one it sends, and the other is passed over. */
function chosenMedia(
  content: Content,
  capabilities: Capabilities,
): { media: readonly Attachment[]; passedOver: MediaField | null } {
  const linked = content.mediaUrls.map(
    (url, index): Attachment => ({
      id: `media-${index}`,
      source: { url },
      mimeType: mimeTypeOfUrl(url),
      filename: null,
      bytes: null,
      voiceNote: false,
    }),
  )
  const fields: Record<MediaField, readonly Attachment[]> = { attachments: content.attachments, mediaUrls: linked }
  const other: MediaField = capabilities.mediaFrom === 'attachments' ? 'mediaUrls' : 'attachments'
  if (fields[capabilities.mediaFrom].length === 0) return { media: fields[other], passedOver: null }
  return { media: fields[capabilities.mediaFrom], passedOver: fields[other].length > 0 ? other : null }
}

const imageTypes: Record<string, string> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
}

function mimeTypeOfUrl(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? ''
  return imageTypes[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? 'image/jpeg'
}

function fitMedia(
  media: readonly Attachment[],
  capabilities: Capabilities,
  dropped: string[],
  refusals: Fit[],
): readonly Attachment[] {
  const kept: Attachment[] = []
  for (const item of media) {
    const kind = mediaKindOf(item.mimeType)
    const rule = capabilities.media[kind]
    if (rule.support === 'dropped') dropped.push(kind)
    else if (rule.support === 'refused') {
      refusals.push(refuse('CONTENT_NOT_SUPPORTED', `This channel takes no ${kind}.`))
    } else kept.push(item)
  }
  return kept
}
