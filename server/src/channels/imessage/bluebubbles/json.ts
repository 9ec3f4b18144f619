/** Reads what a server says without trusting it: whatever is missing or is something else is nothing, and nothing is endless. */

export type Fields = Readonly<Record<string, unknown>>

/** Longer than whatever anybody can write. */
const textMax = 100_000

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

export function listOf(value: unknown, itemsMax: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, itemsMax) : []
}

/** Null when it is no text, or an empty one. */
export function textOf(value: unknown, charactersMax = textMax): string | null {
  if (typeof value !== 'string') return null
  const text = value.slice(0, charactersMax).toWellFormed()
  return text === '' ? null : text
}

/** A name or an id: of one that is too long nothing is left, since a part of it would name something else. */
export function nameOf(value: unknown): string | null {
  return typeof value === 'string' && /^\P{C}{1,500}$/u.test(value) ? value : null
}

/** A whole number from 0 that can be counted on, also where it was written as a text; else null. */
export function countOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null
}

export function isTrue(value: unknown): boolean {
  return value === true || value === 1
}

/** Apple counts from 2001, and its zero stands for none. */
const zeroMs = Date.UTC(2001, 0, 1)
const latestMs = 8.64e15

/** Milliseconds since 1970. */
export function dateOf(value: unknown): Date | null {
  return typeof value === 'number' && value > zeroMs && value <= latestMs ? new Date(value) : null
}

export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch {
    return undefined
  }
}
