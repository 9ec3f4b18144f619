/** Values from JSON Schema, and what can be done to them so that they are wrong. */
import fc from 'fast-check'
import { type JsonSchema, named, type Schemas } from '../../src/surfaces/json-schema.ts'

/** Values that mean something to the gateway, by the name of the field that may hold them. */
export type Meanings = Readonly<Record<string, readonly unknown[]>>

export interface Vocabulary {
  schemas: Schemas
  meanings: Meanings
}

const awkwardTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u202e\u0007',
  '\ufeff',
  '😀'.repeat(40),
  'é\u0301',
  "'; drop table messages; --",
  '<script>',
  '../../etc/passwd',
  '%00',
  '{{7*7}}',
  '__proto__',
  'constructor',
  'valueOf',
  'toString',
  'null',
  '-1',
  '1e999',
  'NaN',
  '+',
  '+0',
  '@',
  'msg_',
  'evt_x',
  'a'.repeat(256),
  'x'.repeat(10_001),
]
const awkwardNumbers = [0, -0, -1, 0.5, 101, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324]

export const awkward: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...awkwardTexts),
  fc.constantFrom<unknown>(...awkwardNumbers),
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { '': '' }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.jsonValue({ maxDepth: 2 }),
)

export function valuesOf(schema: JsonSchema, words: Vocabulary, name = ''): fc.Arbitrary<unknown> {
  const meant = words.meanings[name]
  const plain = plainValuesOf(schema, words)
  return meant === undefined
    ? plain
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...meant) }, { weight: 1, arbitrary: plain })
}

function plainValuesOf(schema: JsonSchema, words: Vocabulary): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valuesOf(words.schemas[named(schema.$ref)] ?? {}, words)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const choices = schema.oneOf ?? schema.anyOf
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => valuesOf(choice, words)))
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => valuesOf({ ...schema, type }, words)))
  switch (schema.type) {
    case 'object':
      return objectOf(schema, words)
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}, words), {
        minLength: Number(schema.minItems ?? 0),
        maxLength: Math.min(4, Number(schema.maxItems ?? 4)),
      })
    case 'integer':
    case 'number':
      return fc.integer({
        min: Number(schema.minimum ?? -10),
        max: Math.min(1_000_000, Number(schema.maximum ?? 1_000_000)),
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return textOf(schema)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function objectOf(schema: JsonSchema, words: Vocabulary): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0)
    return fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 })
  const model = Object.fromEntries(properties.map(([name, child]) => [name, valuesOf(child, words, name)]))
  const any = fc.record(model, { requiredKeys: schema.required ?? [] })
  const [example] = (schema.examples ?? []) as unknown[]
  if (typeof example !== 'object' || example === null) return any
  // Many optional fields contradict each other: the example with a change or two is what reaches the inside.
  const kept = Object.entries(example).map(([name, value]) => [
    name,
    model[name] !== undefined && name in words.meanings ? model[name] : fc.constant(value),
  ])
  const change = fc.oneof(
    ...Object.entries(model).map(([name, value]) => value.map((found): object => ({ [name]: found }))),
  )
  const optional = Object.keys(example).filter((name) => !schema.required?.includes(name))
  const near = fc
    .tuple(
      fc.record(Object.fromEntries(kept)),
      fc.array(change, { maxLength: 2 }),
      // What is required is removed by damage, not here: else hardly any value of few fields would be right.
      optional.length === 0 ? fc.constant(null) : fc.option(fc.constantFrom(...optional)),
    )
    .map(([base, changes, dropped]) =>
      Object.fromEntries(Object.entries(Object.assign({}, base, ...changes)).filter(([name]) => name !== dropped)),
    )
  return fc.oneof({ weight: 2, arbitrary: near }, { weight: 1, arbitrary: any })
}

function textOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const max = Math.min(40, Number(schema.maxLength ?? 40))
  const free = fc.string({ unit: 'grapheme', minLength: Math.min(max, Number(schema.minLength ?? 0)), maxLength: max })
  const examples = (schema.examples ?? []) as unknown[]
  switch (schema.format) {
    case 'uuid':
      return fc.uuid()
    case 'date-time':
      return fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('2030-01-01') })
        .map((date) => date.toISOString())
    case 'date':
      return fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('2030-01-01') })
        .map((date) => date.toISOString().slice(0, 10))
    case 'email':
      return fc.emailAddress()
    case 'uri':
      return fc.oneof(fc.constantFrom(...examples), fc.webUrl({ validSchemes: ['https'] }))
    default:
      return examples.length === 0 ? free : fc.oneof(fc.constantFrom(...examples), free)
  }
}

type Step = string | number

/** One thing done to a value at some place inside it. */
export interface Damage {
  where: number
  how: 'replace' | 'remove' | 'add' | 'repeat'
  value: unknown
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  where: fc.nat(200),
  how: fc.constantFrom<Damage['how']>('replace', 'replace', 'remove', 'add', 'repeat'),
  value: awkward,
})

/** Numbers the places inside a value, and changes one of them. */
export function damaged(value: unknown, { where, how, value: other }: Damage): unknown {
  const places = placesIn(value)
  const place = places[where % places.length] ?? []
  return change(value, place, (found) => {
    if (how === 'replace') return other
    if (how === 'repeat')
      return Array.isArray(found) ? Array.from({ length: 25 }, () => found[0] ?? other) : [found, found]
    if (typeof found !== 'object' || found === null)
      return how === 'add' ? { [JSON.stringify(other) ?? '']: found } : undefined
    if (Array.isArray(found)) return how === 'add' ? [...found, other] : found.slice(1)
    const entries = Object.entries(found)
    return Object.fromEntries(how === 'add' ? [...entries, [`extra${where}`, other]] : entries.slice(1))
  })
}

function placesIn(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [
    path,
    ...Object.entries(value).flatMap(([key, child]) =>
      placesIn(child, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ]
}

function change(value: unknown, path: readonly Step[], work: (found: unknown) => unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return work(value)
  if (Array.isArray(value)) return value.map((child, index) => (index === step ? change(child, rest, work) : child))
  return Object.fromEntries(
    Object.entries(value as object).map(([key, child]) => [key, key === step ? change(child, rest, work) : child]),
  )
}
