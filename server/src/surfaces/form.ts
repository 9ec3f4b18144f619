/** Bodies that are forms, as the objects that JSON would have held: bounded, no field twice, no name that reaches a prototype. */
import { GatewayError } from '../model/errors.ts'
import { invalid } from './input.ts'

/** Files go as JSON. */
const bytesMax = 1024 * 1024
const fieldsMax = 1_000
const depthMax = 8
const nameLengthMax = 200
const namePattern = /^([^[\]]+)((?:\[[^[\]]*\])*)$/
const unsafeNames = new Set(['__proto__', 'constructor', 'prototype'])

interface Fields {
  [name: string]: string | Fields
}

/** `content[latitude]=1` nests and `events[]=a` lists, as browsers and older languages write it. Every value is a text. */
export function readForm(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  if (body.length > bytesMax)
    throw new GatewayError('PAYLOAD_TOO_LARGE', 'A form may have 1 MiB. Send larger bodies as JSON.')
  const pairs = body.toString().split('&', fieldsMax + 1)
  if (pairs.length > fieldsMax) throw invalid([{ path: '', message: `The form has more than ${fieldsMax} fields.` }])
  const fields: Fields = {}
  for (const pair of pairs) {
    if (pair === '') continue
    const mark = pair.indexOf('=')
    place(fields, decoded(mark < 0 ? pair : pair.slice(0, mark)), decoded(mark < 0 ? '' : pair.slice(mark + 1)))
  }
  return listed(fields)
}

function decoded(text: string): string {
  try {
    const found = decodeURIComponent(text.replaceAll('+', ' '))
    if (!/[\0\uFFFD]/.test(found)) return found
  } catch {
    // Said below: a percent sign stands before what is no character.
  }
  throw invalid([{ path: '', message: 'The form is not valid UTF-8, or has a NUL in it.' }])
}

function place(fields: Fields, name: string, value: string): void {
  const refuse = (message: string) => invalid([{ path: name.slice(0, nameLengthMax), message }])
  const [, first = '', more = ''] = (name.length <= nameLengthMax ? namePattern.exec(name) : null) ?? []
  const steps = [first, ...[...more.matchAll(/\[([^[\]]*)\]/g)].map(([, step = '']) => step)]
  if (first === '' || steps.length > depthMax || steps.some((step) => unsafeNames.has(step)))
    throw refuse('This is no name of a field.')
  let at = fields
  for (const asked of steps.slice(0, -1)) {
    const step = asked === '' ? String(Object.keys(at).length) : asked
    const known = Object.hasOwn(at, step) ? at[step] : undefined
    if (typeof known === 'string') throw refuse('This field is given twice.')
    const next = known ?? {}
    at[step] = next
    at = next
  }
  const asked = steps.at(-1) ?? ''
  const step = asked === '' ? String(Object.keys(at).length) : asked
  if (Object.hasOwn(at, step)) throw refuse('This field is given twice.')
  at[step] = value
}

/** Fields that are numbered from 0 on are a list. */
function listed(value: Fields | string): unknown {
  if (typeof value === 'string') return value
  const entries = Object.entries(value).map(([name, child]): [string, unknown] => [name, listed(child)])
  const isList = entries.length > 0 && entries.every(([name], index) => name === String(index))
  return isList ? entries.map(([, child]) => child) : Object.fromEntries(entries)
}
