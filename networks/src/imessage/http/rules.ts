/** The server's rules for fields, and what it says of those that do not fit; the first one counts. */
import { badRequest } from './envelope.ts'

export type Fields = Readonly<Record<string, unknown>>

interface Rule {
  /** Rules about values do not look at a field that is empty. */
  looksAtEmpty?: boolean
  fits(value: unknown): boolean
  problem(name: string): string
}

const isEmpty = (value: unknown) =>
  value === undefined || value === null || String(value).replace(/\s/g, '').length === 0

export const required: Rule = {
  looksAtEmpty: true,
  fits: (value) => !isEmpty(value),
  problem: (name) => `The ${name} field is required.`,
}
export const present: Rule = {
  looksAtEmpty: true,
  fits: (value) => value !== undefined,
  problem: (name) => `The ${name} field must be present (but can be empty).`,
}
export const text: Rule = {
  fits: (value) => typeof value === 'string',
  problem: (name) => `The ${name} must be a string.`,
}
export const numeric: Rule = {
  fits: (value) => typeof value !== 'boolean' && !Number.isNaN(Number(value)),
  problem: (name) => `The ${name} must be a number.`,
}
export const yesNo: Rule = {
  fits: (value) => [true, false, 0, 1, '0', '1', 'true', 'false'].some((one) => one === value),
  problem: (name) => `The ${name} must be true or false.`,
}
export const list: Rule = {
  fits: (value) => Array.isArray(value),
  problem: (name) => `The ${name} must be an array.`,
}
export const atLeast = (min: number): Rule => ({
  fits: (value) => Number(value) >= min,
  problem: (name) => `The ${name} must be at least ${min}.`,
})
export const atMost = (max: number): Rule => ({
  fits: (value) => Number(value) <= max,
  problem: (name) => `The ${name} may not be greater than ${max}.`,
})
export const oneOf = (...words: readonly string[]): Rule => ({
  fits: (value) => words.includes(String(value)),
  problem: (name) => `The selected ${name} is invalid.`,
})

export function check(fields: Fields, rules: Readonly<Record<string, readonly Rule[]>>): void {
  for (const [name, wanted] of Object.entries(rules)) {
    const value = fields[name]
    const broken = wanted.find((rule) => (rule.looksAtEmpty || !isEmpty(value)) && !rule.fits(value))
    if (broken !== undefined) throw badRequest(broken.problem(name))
  }
}

/** What was sent, as a text; undefined when nothing was. */
export function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return isEmpty(value) ? undefined : String(value)
}

export function numberIn(fields: Fields, name: string, fallback: number): number {
  const value = fields[name]
  return isEmpty(value) ? fallback : Number.parseInt(String(value), 10)
}

/** The words of `with`, in small letters: a list, or a text with commas. */
export function withIn(value: unknown): ReadonlySet<string> {
  const words = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : []
  const texts = words.filter((one) => typeof one === 'string')
  return new Set(texts.map((one) => one.trim().toLowerCase()).filter((one) => one !== ''))
}

export function hasOne(wanted: ReadonlySet<string>, ...names: readonly string[]): boolean {
  return names.some((name) => wanted.has(name))
}
