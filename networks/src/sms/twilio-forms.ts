/** What the Twilio-shaped API takes as a request to send, read as strictly as the real one reads it. */

export interface SendForm {
  to: string
  /** The number, or the id of a messaging service. */
  from: string
  body: string
  media: readonly string[]
  statusCallback: string | null
}

export interface ApiError {
  status: number
  code: number
  message: string
}

const fields = ['To', 'From', 'MessagingServiceSid', 'Body', 'MediaUrl', 'StatusCallback', 'ValidityPeriod']

export function readSendForm(type: string | undefined, body: string): SendForm | ApiError {
  if (type?.split(';')[0] !== 'application/x-www-form-urlencoded') {
    return { status: 415, code: 20415, message: 'Send application/x-www-form-urlencoded.' }
  }
  const form = new URLSearchParams(body)
  const bad = (code: number, message: string): ApiError => ({ status: 400, code, message })
  for (const name of new Set(form.keys())) {
    if (!fields.includes(name)) return bad(20001, `There is no parameter ${name}.`)
    if (name !== 'MediaUrl' && form.getAll(name).length > 1) return bad(20001, `${name} is given twice.`)
  }
  const [to, text, media] = [form.get('To') ?? '', form.get('Body') ?? '', form.getAll('MediaUrl')]
  const from = form.get('MessagingServiceSid') ?? form.get('From') ?? ''
  const statusCallback = form.get('StatusCallback')
  const validity = form.get('ValidityPeriod')
  if (to === '') return bad(21604, "A 'To' phone number is required.")
  if (!/^(\+[1-9]\d{6,14}|\d{3,8})$/.test(to)) return bad(21211, "The 'To' number is not a valid phone number.")
  if (from === '') return bad(21603, "A 'From' number or a messaging service is required.")
  if (text === '' && media.length === 0) return bad(21602, 'Message body is required.')
  if (text.length > 1_600) return bad(21617, 'The message body exceeds the 1600 character limit.')
  if (media.length > 10) return bad(21623, 'Number of media files exceeds the limit of 10.')
  if (media.some((url) => !isWeb(url))) return bad(21620, 'Invalid media URL.')
  if (statusCallback !== null && !isWeb(statusCallback)) return bad(21609, 'Invalid StatusCallback URL.')
  if (validity !== null && !(/^\d{1,5}$/.test(validity) && Number(validity) >= 1 && Number(validity) <= 36_000)) {
    return bad(20001, 'ValidityPeriod must be from 1 to 36000.')
  }
  return { to, from, body: text, media, statusCallback }
}

function isWeb(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.parse(text) !== null
}
