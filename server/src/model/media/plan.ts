/** A file × what a channel takes → sent as it is, made into something else first, or refused. Pure: decided from facts alone. */
import { type Capabilities, type Form, type MediaKind, mediaKindOf } from '../channel.ts'
import type { ErrorCode } from '../errors.ts'
import type { FileFacts } from './file.ts'

export type Step =
  /** `kind` is how it goes out: what a channel does not show as a picture or a recording it carries as a document. */
  | { do: 'send'; kind: MediaKind; voiceNote: boolean }
  | { do: 'make'; form: Form; kind: MediaKind; voiceNote: boolean; bytesMax: number }
  | { do: 'refuse'; code: ErrorCode; detail: string }

export function planFor(file: FileFacts, voiceNote: boolean, capabilities: Capabilities): Step {
  const kind = mediaKindOf(file.mimeType)
  const { voiceNotes, media } = capabilities
  const rule = media[kind]
  if (voiceNote && kind === 'audio' && voiceNotes !== null) {
    if (fits(file, voiceNotes.sentAsIs)) return sendable(file, { kind, voiceNote }, capabilities)
    return { do: 'make', form: voiceNotes.becomes, kind, voiceNote: true, bytesMax: rule.bytesMax }
  }
  const make = (form: Form, bytesMax: number): Step => ({ do: 'make', form, kind, voiceNote: false, bytesMax })
  if (!fits(file, rule.sentAsIs)) {
    if (rule.becomes !== null) return make(rule.becomes, rule.reducedTo ?? rule.bytesMax)
    return sendable(file, { kind: 'document', voiceNote: false }, capabilities)
  }
  if (rule.reducedTo !== undefined && file.bytes > rule.reducedTo && rule.becomes !== null && isStill(file))
    return make(rule.becomes, rule.reducedTo)
  return sendable(file, { kind, voiceNote: false }, capabilities)
}

/** The same question once it is made: making may have left it too large. */
export function sendable(
  file: Pick<FileFacts, 'bytes'>,
  as: { kind: MediaKind; voiceNote: boolean },
  { media, tooLargeCode }: Capabilities,
): Exclude<Step, { do: 'make' }> {
  const { bytesMax } = media[as.kind]
  if (file.bytes <= bytesMax) return { do: 'send', kind: as.kind, voiceNote: as.voiceNote }
  const detail = `A file of ${file.bytes} bytes; as ${wordFor[as.kind]} this channel takes at most ${bytesMax}.`
  return { do: 'refuse', code: tooLargeCode, detail }
}

const wordFor: Record<MediaKind, string> = {
  image: 'a picture',
  video: 'a video',
  audio: 'a recording',
  document: 'a document',
}

/** An animation would come out as its first picture. */
function isStill({ mimeType }: FileFacts): boolean {
  return mimeType !== 'image/gif'
}

/** Rules read `type/subtype`, with `*` for either, and `; codecs=a,b` where each track must be one of these. */
export function fits({ mimeType, codecs }: Pick<FileFacts, 'mimeType' | 'codecs'>, rules: readonly string[]): boolean {
  return rules.some((rule) => {
    const [type = '', allowed] = rule.split('; codecs=')
    if (type !== '*/*' && type !== mimeType) return false
    if (allowed === undefined) return true
    const names = allowed.split(',')
    return codecs !== null && codecs.length > 0 && codecs.every((codec) => names.includes(codec))
  })
}
