/** Chance that can be repeated: a small seeded generator, with separate streams that never disturb each other. */

export interface Chance {
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number
  /** True with this probability; draws nothing when the answer is certain. */
  happens(probability: number): boolean
  /** A stream of its own: drawing from it moves no other stream. */
  fork(label: string): Chance
}

export function seededChance(seed: number | string): Chance {
  const next = sfc32(hashOf(String(seed)))
  const between = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  const happens = (probability: number) => probability > 0 && (probability >= 1 || next() < probability)
  return { next, between, happens, fork: (label) => seededChance(`${seed}/${label}`) }
}

/** FNV-1a, stretched by splitmix32 into the 128 bits of state that sfc32 wants. */
function hashOf(text: string): [number, number, number, number] {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  const stretch = () => {
    hash = (hash + 0x9e3779b9) | 0
    let mixed = hash ^ (hash >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  return [stretch(), stretch(), stretch(), stretch()]
}

/** Small fast counting generator, 32 bits (PractRand clean); the counter `d` rules out short cycles. */
function sfc32([a, b, c, d]: [number, number, number, number]): () => number {
  return () => {
    const sum = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 4_294_967_296
  }
}
