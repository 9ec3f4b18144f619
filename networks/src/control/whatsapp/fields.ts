/** What the calls about WhatsApp are given, and how each of it must look. */

import { field } from '../call.ts'
import { isOneOf, isText, isWhole, isYesNo, orNull, phone } from '../input.ts'

const yearSeconds = 31_536_000
const group = /^\d{10,30}@g\.us$/
const isGroup = {
  wanted: 'the id of a group, which ends in @g.us',
  fits: (value: unknown) => typeof value === 'string' && group.test(value),
}
const base64 = /^[\w+/=-]+$/

export const number = field<string>(phone)
export const groupId = field<string>(isGroup)
export const place = field<string>({
  wanted: `${phone.wanted}, or ${isGroup.wanted}`,
  fits: (value) => phone.fits(value) || isGroup.fits(value),
})
export const numbers = field<readonly string[]>({
  wanted: 'a list of numbers such as +15550100199',
  fits: (value) => Array.isArray(value) && value.length <= 1_024 && value.every((one) => phone.fits(one)),
})
export const id = field<string>(isText(100))
export const ids = field<readonly string[]>({
  wanted: 'a list of ids of messages',
  fits: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
})
export const text = field<string>(isText(10_000))
export const name = field<string>(isText(100))
export const anyText = field<string>({
  wanted: 'a text of at most 10000 characters',
  fits: (value) => typeof value === 'string' && value.length <= 10_000,
})
/** What WhatsApp answers with: 463, 503. */
export const code = field<number>({
  wanted: 'a code such as 463',
  fits: (value) => Number.isInteger(value) && Number(value) >= 100 && Number(value) <= 999,
})
export const emoji = field<string | null>(orNull(isText(50)))
export const yesNo = field<boolean>(isYesNo)
export const count = field<number>(isWhole(1_000))
export const seconds = field<number>(isWhole(yearSeconds))
const isBytes = { ...isText(60_000), wanted: 'bytes in base64' }
export const bytes = field<string>({
  wanted: isBytes.wanted,
  fits: (value) => isBytes.fits(value) && base64.test(String(value)),
})
export const bytesOrNull = field<string | null>(orNull(bytes))

export function oneOf<Word extends string>(...words: readonly Word[]) {
  return field<Word>(isOneOf(...words))
}
