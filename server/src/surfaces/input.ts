/** Turns what arrived into what a handler takes, or into a VALIDATION_ERROR that names every field at fault. */
import { isUtf8 } from 'node:buffer'
import type { z } from 'zod'
import { parseStrictJson } from '../lib/strict-json.ts'
import { type FieldError, GatewayError } from '../model/errors.ts'

const detailsMax = 20

/** The parsed body; undefined when none was sent. */
export function readJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  if (!isUtf8(body)) throw invalid([{ path: '', message: 'The body is not valid UTF-8.' }])
  const parsed = parseStrictJson(body.toString())
  if (parsed.ok) return parsed.value
  if (parsed.path !== null) throw invalid([{ path: parsed.path, message: parsed.message }])
  throw invalid([{ path: '', message: `The body is not acceptable JSON. ${parsed.message}` }])
}

export function checked(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalid(result.error.issues.slice(0, detailsMax).map(wordIssue))
}

export function checkedBody(schema: z.ZodType, body: unknown): unknown {
  if (body === undefined && isRequired(schema))
    throw invalid([{ path: '', message: 'Send a JSON object as the body.' }])
  return checked(schema, body)
}

export function isRequired(schema: z.ZodType): boolean {
  return !schema.safeParse(undefined).success
}

export function invalid(details: readonly FieldError[]): GatewayError {
  const [first] = details
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : ''
  const message =
    first === undefined
      ? 'The request is not valid.'
      : `${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`
  return new GatewayError('VALIDATION_ERROR', message, { details })
}

function wordIssue(issue: z.core.$ZodIssue): FieldError {
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return { path: wordPath(issue.path), message: missing ? 'This field is required.' : sentence(issue.message) }
}

function wordPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? String(step) : `${text}.${String(step)}`
  }, '')
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`
}

const base64Piece = /^[A-Za-z0-9+/]*$/

/** In pieces: one pattern over a hundred megabytes would overflow the matcher's stack. */
export function isBase64(data: string): boolean {
  if (data.length % 4 !== 0) return false
  const end = data.endsWith('==') ? data.length - 2 : data.endsWith('=') ? data.length - 1 : data.length
  for (let at = 0; at < end; at += 65_536) {
    if (!base64Piece.test(data.slice(at, Math.min(end, at + 65_536)))) return false
  }
  return true
}
