/** A message as the requests that send it: one for a text, one for each attachment. */
import { SendFailure } from '../../../model/delivery.ts'
import { smsTextOf } from '../../../model/sms-text.ts'
import type { Outgoing } from '../../connector.ts'
import { recipientOf } from '../chats.ts'
import { capabilitiesOf, type Kind } from './capabilities.ts'
import type { TwilioSettings } from './settings.ts'

export interface FormOptions {
  kind: Kind
  settings: TwilioSettings
  callbackUrl: string
}

/** The provider keeps a message for up to ten hours before it fetches what belongs to it. */
const linkLivesMs = 12 * 3_600_000
const bodyCharactersMax = 1_600

/** Fails for what is sure to be refused, before anything of it goes out. */
export function formsFor(message: Outgoing, options: FormOptions): readonly URLSearchParams[] {
  const { text, attachments } = message
  const to = recipientOf(message.to)
  checkText(message, options.settings)
  const links = attachments.map((file) => linkTo(file, options))
  const bodies =
    links.length === 0 ? [{ text, link: null }] : links.map((link, at) => ({ text: at === 0 ? text : null, link }))
  return bodies.map((body) => formOf(to, body, options))
}

/** In parts, as senders are limited: a text has its own, and each MMS counts as one. */
export function costOf({ text, attachments }: Outgoing): number {
  return attachments.length > 0 ? attachments.length : smsTextOf(text ?? '').parts.length
}

function formOf(
  to: string,
  { text, link }: { text: string | null; link: string | null },
  { settings, callbackUrl }: FormOptions,
): URLSearchParams {
  const form = new URLSearchParams({ To: to })
  if (settings.service === null) form.set('From', settings.number)
  else form.set('MessagingServiceSid', settings.service)
  if (text !== null && text !== '') form.set('Body', text)
  if (link !== null) form.set('MediaUrl', link)
  if (settings.validity !== null) form.set('ValidityPeriod', String(settings.validity))
  if (mayCallBack(settings, callbackUrl)) form.set('StatusCallback', callbackUrl)
  return form
}

/** A provider elsewhere refuses the whole message for a callback to this machine. */
export function mayCallBack({ callbacks, place }: TwilioSettings, callbackUrl: string): boolean {
  const url = URL.parse(callbackUrl)
  if (callbacks === 'off' || url === null || !/^https?:$/.test(url.protocol)) return false
  return !place.isSecure || !/^(.+\.)?localhost$|^127\.|^\[::1\]$/.test(url.hostname)
}

function checkText({ text, attachments }: Outgoing, { segmentsMax }: TwilioSettings): void {
  const refuse = (code: 'SMS_TOO_LONG' | 'SMS_REJECTED', detail: string) => new SendFailure('refused', code, detail)
  if (attachments.length === 0 && (text === null || text === ''))
    throw refuse('SMS_REJECTED', 'There is nothing to send.')
  const characters = text?.length ?? 0
  if (characters > bodyCharactersMax) {
    throw refuse('SMS_TOO_LONG', `The text has ${characters} characters. Send at most ${bodyCharactersMax}.`)
  }
  const segments = attachments.length > 0 ? 1 : smsTextOf(text ?? '').parts.length
  if (segments > segmentsMax) {
    throw refuse(
      'SMS_TOO_LONG',
      `The text needs ${segments} parts. This line sends at most ${segmentsMax}; shorten it.`,
    )
  }
}

function linkTo(file: Outgoing['attachments'][number], { kind, settings }: FormOptions): string {
  const { bytesMax } = capabilitiesOf(kind).media[file.kind]
  if (file.bytes > bytesMax) {
    const detail = `The file has ${file.bytes} bytes. By MMS this kind of file may have ${bytesMax}.`
    throw new SendFailure('refused', 'MMS_MEDIA_TOO_LARGE', detail)
  }
  const link = file.linkFor(linkLivesMs)
  if (settings.place.isSecure && !link.startsWith('https://')) {
    const detail = 'The provider fetches media itself. Set PUBLIC_URL to a public https address of this gateway.'
    throw new SendFailure('refused', 'SMS_SENDER_NOT_ALLOWED', detail)
  }
  return link
}
