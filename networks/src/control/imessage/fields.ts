/** What the calls about iMessage are given, and how each of it must look. */
import { field } from '../call.ts'
import { address, isOneOf, isText, isWhole, isYesNo, orNull } from '../input.ts'

export const person = field<string>(address)
export const people = field<readonly string[]>({
  wanted: `a list of addresses, each ${address.wanted}`,
  fits: (value) => Array.isArray(value) && value.length <= 100 && value.every((one) => address.fits(one)),
})
const chat = /^\w+;[+-];.{1,200}$/
export const group = field<string>({
  wanted: 'the guid of a group, such as iMessage;+;chat123',
  fits: (value) => typeof value === 'string' && chat.test(value) && value.includes(';+;'),
})
export const place = field<string>({
  wanted: `${address.wanted}, or the guid of a chat`,
  fits: (value) => address.fits(value) || (typeof value === 'string' && chat.test(value)),
})
export const guid = field<string>(isText(100))
export const text = field<string>(isText(10_000))
export const name = field<string>(isText(100))
export const nameOrNull = field<string | null>(orNull(isText(100)))
export const yesNo = field<boolean>(isYesNo)
export const count = field<number>(isWhole(1_000))
export const code = field<number>(isWhole(100))
export const ms = field<number>(isWhole(86_400_000))
export const msOrNull = field<number | null>(orNull(isWhole(86_400_000)))
const base64 = /^[\w+/=-]+$/
const isBytes = {
  wanted: 'bytes in base64',
  fits: (value: unknown) => typeof value === 'string' && value.length <= 60_000 && base64.test(value),
}
export const bytes = field<string>(isBytes)
export const bytesOrNull = field<string | null>(orNull(isBytes))
export const version = field<string>({
  wanted: 'a version of macOS such as "14.6.1"',
  fits: (value) => typeof value === 'string' && /^\d{2}(?:\.\d{1,2}){0,2}$/.test(value),
})
export const percent = field<number>(isWhole(100))

export function oneOf<Word extends string>(...words: readonly Word[]) {
  return field<Word>(isOneOf(...words))
}
