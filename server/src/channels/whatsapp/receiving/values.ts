/** Values as strangers fill them in, in messages and in stanzas: missing, absurd, huge or of another kind. Nothing here throws. */

const listMax = 1_000

export function textIn(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A whole number that is not negative; of the library's 64-bit numbers too. */
export function countIn(value: unknown): number | null {
  const number = wide(value) ?? value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null
}

function wide(value: unknown): number | null {
  if (typeof value !== 'object' || value === null || !('low' in value) || !('high' in value)) return null
  const { low, high } = value
  return typeof low === 'number' && typeof high === 'number' ? (high >>> 0) * 2 ** 32 + (low >>> 0) : null
}

export function bytesIn(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array ? value : null
}

/** So many of a list that nobody has to read more. */
export function someOf<T>(list: readonly T[] | null | undefined): readonly (T | null | undefined)[] {
  return Array.isArray(list) ? list.slice(0, listMax) : []
}

/** Never ends in half a character. */
export function cut(text: string, max: number): string {
  const short = text.slice(0, max)
  return short.length < text.length && /[\ud800-\udbff]$/.test(short) ? short.slice(0, -1) : short
}

const textMax = 65_536

/** What is there of it, line by line; null when nothing is. */
export function lines(...parts: readonly unknown[]): string | null {
  const there = parts.flatMap((part) => textIn(part) ?? [])
  return there.length === 0 ? null : cut(there.join('\n'), textMax)
}
