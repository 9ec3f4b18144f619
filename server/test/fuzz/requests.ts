/** Requests to an operation: mostly right, then wrong in one or more of the ways that callers and attackers are. */
import fc from 'fast-check'
import type { OpenApi, Operation, Parameter } from '../../src/surfaces/openapi.ts'
import { awkward, damage, damaged, type Meanings, type Vocabulary, valuesOf } from './values.ts'

export interface Request {
  method: string
  /** With query, encoded. */
  path: string
  headers: Readonly<Record<string, string>>
  body: Buffer | null
}

export interface Keys {
  apiKey: string
  otherApiKey: string
  adminKey: string
}

export interface Entry {
  method: string
  path: string
  operation: Operation
}

export function entriesOf(document: OpenApi): Entry[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
}

export function requestsTo(
  entry: Entry,
  document: OpenApi,
  known: { keys: Keys; meanings: Meanings },
): fc.Arbitrary<Request> {
  const words: Vocabulary = { schemas: document.components.schemas, meanings: known.meanings }
  const parameters = (entry.operation.parameters ?? []).filter((one): one is Parameter => 'name' in one)
  return fc
    .record({
      path: pathOf(entry.path, parameters, words),
      query: queryOf(parameters, words),
      headers: headersOf(entry, parameters, known.keys),
      body: bodyOf(entry, words),
    })
    .map(({ path, query, headers, body }) => ({
      method: entry.method,
      path: query === '' ? path : `${path}?${query}`,
      headers: { ...(body !== null && body.bytes.length > 0 ? { 'content-type': body.type } : {}), ...headers },
      body: body?.bytes ?? null,
    }))
}

/** Never empty: an empty segment is another path. */
function segment(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return encodeURIComponent(text.toWellFormed() === '' ? '-' : text.toWellFormed()).replaceAll('.', '%2E')
}

function pathOf(template: string, parameters: readonly Parameter[], words: Vocabulary): fc.Arbitrary<string> {
  const inPath = parameters.filter((one) => one.in === 'path')
  const meaning = (name: string) =>
    `${template.split('/').at(-2) === undefined ? '' : collectionOf(template, name)}.${name}`
  const values = inPath.map(({ name, schema, example }) =>
    fc.oneof(
      {
        weight: 6,
        arbitrary: valuesOf({ ...schema, ...(example !== undefined && { examples: [example] }) }, words, meaning(name)),
      },
      { weight: 1, arbitrary: awkward },
    ),
  )
  return fc
    .tuple(...values)
    .map((found) =>
      inPath.reduce((path, { name }, index) => path.replace(`{${name}}`, segment(found[index])), template),
    )
}

/** The segment before a parameter says of what it is the id. */
function collectionOf(template: string, name: string): string {
  const steps = template.split('/')
  return steps[steps.indexOf(`{${name}}`) - 1] ?? ''
}

function queryOf(parameters: readonly Parameter[], words: Vocabulary): fc.Arbitrary<string> {
  const inQuery = parameters.filter((one) => one.in === 'query')
  const one = fc.oneof(
    ...inQuery.map(({ name, schema }) =>
      fc.tuple(
        fc.constant(name),
        fc.oneof({ weight: 4, arbitrary: valuesOf(schema, words, name) }, { weight: 1, arbitrary: awkward }),
      ),
    ),
    fc.tuple(fc.string({ maxLength: 6 }), awkward),
  )
  const written = ([name, value]: [string, unknown]) =>
    `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent((typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed())}`
  return fc
    .array(one, { maxLength: inQuery.length === 0 ? 1 : 4 })
    .map((pairs) => pairs.map((pair) => written(pair as [string, unknown])).join('&'))
}

const headerText = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019-_.:;, /+=()'), minLength: 1, maxLength: 140 })
  .map((text) => text.trim() || 'x')

function headersOf(entry: Entry, parameters: readonly Parameter[], keys: Keys): fc.Arbitrary<Record<string, string>> {
  const right = entry.operation['x-scope'] === 'admin' ? keys.adminKey : keys.apiKey
  const authorization = fc.oneof(
    { weight: 12, arbitrary: fc.constant(`Bearer ${right}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        `Bearer ${keys.otherApiKey}`,
        `bearer ${right}`,
        `Basic ${right}`,
        right,
        'Bearer',
        'Bearer  ',
        `Bearer ${right}x`,
        '',
      ),
    },
    { weight: 1, arbitrary: headerText.map((text) => `Bearer ${text}`) },
  )
  const own = parameters.filter((one) => one.in === 'header').map(({ name }) => name.toLowerCase())
  const rare = fc.oneof(
    { weight: 8, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { 'content-type': 'text/plain' },
        { 'content-type': 'application/json; charset=utf-8' },
        { 'content-type': ';' },
        { 'content-type': 'application/x-www-form-urlencoded' },
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom({ 'content-encoding': 'gzip' }, { 'content-encoding': 'identity' }) },
    { weight: 1, arbitrary: fc.record({ 'x-request-id': headerText, 'x-correlation-id': headerText }) },
    ...own.map((name) => ({ weight: 2, arbitrary: headerText.map((text) => ({ [name]: text })) })),
  )
  return fc.tuple(authorization, rare).map(
    ([value, others]): Record<string, string> => ({
      ...(others as Record<string, string>),
      ...(value === '' ? {} : { authorization: value }),
    }),
  )
}

const rawBodies = [
  '',
  '{',
  '}',
  '[]',
  '""',
  'null',
  '0',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{}}}',
  '{"to":"+15550100123","to":"+15550100124"}',
  '{"text":"\\u0000"}',
  '{"text":"\\ud800"}',
  '{"text":"\ud83d"}',
  '{"metadata":{"x":1e999}}',
  '{"a":"\u0001"}',
  '\ufeff{}',
  '{}{}',
  "{'a':1}",
  '{"a":01}',
]

const jsonType = 'application/json'
const formType = 'application/x-www-form-urlencoded'

interface Body {
  bytes: Buffer
  type: string
}

/** As JSON, and where forms are taken now and then as one. */
function bodyOf(entry: Entry, words: Vocabulary): fc.Arbitrary<Body | null> {
  const content = entry.operation.requestBody?.content ?? {}
  const json = jsonBodyOf(entry, words).map((bytes) => (bytes === null ? null : { bytes, type: jsonType }))
  const schema = content[formType]?.schema
  if (schema === undefined) return json
  const valid = valuesOf(schema, words)
  const wounds = fc.array(damage, { maxLength: 2 })
  const form = fc
    .tuple(valid, wounds)
    .map(([value, found]) => ({ bytes: Buffer.from(formOf(found.reduce(damaged, value))), type: formType }))
  return fc.oneof({ weight: 3, arbitrary: json }, { weight: 1, arbitrary: form })
}

function formOf(value: unknown, name = ''): string {
  if (typeof value !== 'object' || value === null) {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    return `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(text.toWellFormed())}`
  }
  const inner = (key: string) => (name === '' ? key : `${name}[${key}]`)
  return Object.entries(value)
    .map(([key, child]) => formOf(child, inner(key)))
    .join('&')
}

function jsonBodyOf({ method, operation }: Entry, words: Vocabulary): fc.Arbitrary<Buffer | null> {
  const schema = operation.requestBody?.content[jsonType]?.schema
  if (method === 'GET') return fc.constant(null)
  const raw = fc.oneof(
    fc.constantFrom(...rawBodies).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 20, max: 60 }).map((depth) => Buffer.from(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)),
    fc
      .integer({ min: 900, max: 1_100 })
      .map((keys) =>
        Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, 0])))),
      ),
    fc.constantFrom(1, 2).map((times) => Buffer.from(JSON.stringify({ text: 'y'.repeat(times * 700_000) }))),
  )
  if (schema === undefined) return fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: raw })
  const valid = valuesOf(schema, words)
  const written = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '')
  return fc.oneof(
    { weight: 6, arbitrary: valid.map(written) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(valid, fc.array(damage, { minLength: 1, maxLength: 3 }))
        .map(([value, wounds]) => written(wounds.reduce(damaged, value))),
    },
    { weight: 1, arbitrary: fc.tuple(valid, fc.nat(400)).map(([value, length]) => written(value).subarray(0, length)) },
    { weight: 1, arbitrary: raw },
    { weight: 1, arbitrary: fc.constant(null) },
  )
}

const printable = /^[\x20-\x7e]*$/

/** What a person types to see the same. */
export function curlOf(url: string, { method, path, headers, body }: Request): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const parts = [
    'curl -i',
    `-X ${method}`,
    quoted(`${url}${path}`),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
  ]
  if (body === null) return parts.join(' ')
  const text = body.toString('latin1')
  if (printable.test(text)) return [...parts, `--data-binary ${quoted(text)}`].join(' ')
  return `echo ${body.toString('base64')} | base64 -d | ${[...parts, '--data-binary @-'].join(' ')}`
}
