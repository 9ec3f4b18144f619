/** Parses JSON from strangers: bounded before it is built, no key twice, no key that reaches a prototype, no text a database cannot hold. */
import { endOfString, joinPath, repeatedKey, whereItBreaks } from './json-trouble.ts'

export interface JsonLimits {
  depthMax: number
  keysMax: number
  /** Values separated by commas, over the whole text; bounds what an array can cost. */
  valuesMax: number
}

/** `path` names the value at fault, when a value is at fault and not the text. */
export type ParsedJson = { ok: true; value: unknown } | { ok: false; message: string; path: string | null }

const jsonLimits: JsonLimits = { depthMax: 32, keysMax: 1_000, valuesMax: 10_000 }

const quote = 34
const comma = 44
const colon = 58
const openBracket = 91
const closeBracket = 93
const openBrace = 123
const closeBrace = 125

/**
 * One scan over the structure (strings are skipped by indexOf), JSON.parse, one walk over the result. A repeated key is
 * found by counting: the text has one colon per key, the result one key per distinct one. Only a text that is refused is
 * read a second time, to say where.
 */
export function parseStrictJson(text: string, limits: JsonLimits = jsonLimits): ParsedJson {
  const shape = measure(text)
  if (shape.depth > limits.depthMax) return refused(`It nests deeper than ${limits.depthMax} levels.`)
  if (shape.keys > limits.keysMax) return refused(`It has more than ${limits.keysMax} keys.`)
  if (shape.values > limits.valuesMax) return refused(`It has more than ${limits.valuesMax} values.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refused(whereItBreaks(text))
  }
  const found: Findings = { keys: 0, escapes: text.includes('\\u'), problem: null, path: '' }
  inspect(value, found)
  if (found.problem !== null) return { ok: false, message: found.problem, path: found.path }
  if (found.keys !== shape.keys)
    return { ok: false, message: 'This key is given twice; keep one.', path: repeatedKey(text) }
  return { ok: true, value }
}

function refused(message: string): ParsedJson {
  return { ok: false, message, path: null }
}

function measure(text: string): { depth: number; keys: number; values: number } {
  let depth = 0
  let deepest = 0
  let keys = 0
  let values = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (code === colon) keys += 1
    else if (code === comma) values += 1
    else if (code === openBrace || code === openBracket) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (code === closeBrace || code === closeBracket) depth -= 1
  }
  return { depth: deepest, keys, values }
}

interface Findings {
  keys: number
  /** Only an escape can write a NUL or half a surrogate pair: raw ones are no JSON, or no UTF-8. */
  escapes: boolean
  problem: string | null
  path: string
}

/** Stops at the first problem; the path is put together on the way back, so that a good text pays nothing for it. */
function inspect(value: unknown, found: Findings): void {
  if (typeof value === 'string') {
    if (found.escapes) found.problem = problemOfText(value)
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) found.problem = 'This number is too large.'
  } else if (Array.isArray(value)) inspectList(value, found)
  else if (typeof value === 'object' && value !== null) inspectObject(value as Record<string, unknown>, found)
}

function inspectList(list: readonly unknown[], found: Findings): void {
  for (let index = 0; index < list.length; index += 1) {
    inspect(list[index], found)
    if (found.problem !== null) {
      found.path = joinPath(`[${index}]`, found.path)
      return
    }
  }
}

function inspectObject(object: Record<string, unknown>, found: Findings): void {
  for (const key in object) {
    found.keys += 1
    const value = object[key]
    if (key === '__proto__' || (key === 'constructor' && reachesPrototype(value)))
      found.problem = 'This key is not allowed.'
    else {
      if (found.escapes) found.problem = problemOfText(key)
      if (found.problem === null) inspect(value, found)
    }
    if (found.problem !== null) {
      found.path = joinPath(key, found.path)
      return
    }
  }
}

function reachesPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}

function problemOfText(text: string): string | null {
  if (text.includes('\0')) return 'It holds a NUL character, which cannot be stored; remove it.'
  return text.isWellFormed() ? null : 'It holds half of a surrogate pair, which is no character; remove it.'
}
