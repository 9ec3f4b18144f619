/** JSON Schema as we print it: references into the document's components, nullable types in one word, and an example of anything. */

export interface JsonSchema {
  type?: string | string[]
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  examples?: unknown[]
  default?: unknown
  format?: string
  minimum?: number
  $ref?: string
  $defs?: Record<string, JsonSchema>
  id?: string
  additionalProperties?: unknown
  propertyNames?: unknown
  [keyword: string]: unknown
}

export type Schemas = Record<string, JsonSchema>

/** Keywords whose values are data, not schemas. */
const dataKeywords = new Set(['examples', 'enum', 'const', 'default', 'required'])

export function normalised(schema: JsonSchema): JsonSchema {
  const { $schema: _, id: __, propertyNames: ___, additionalProperties, ...rest } = schema
  const open = additionalProperties !== undefined && additionalProperties !== false
  const all: JsonSchema = open ? { ...rest, additionalProperties: opened(additionalProperties) } : rest
  const entries = Object.entries(all).map(([keyword, value]): [string, unknown] => {
    if (dataKeywords.has(keyword)) return [keyword, value]
    if (keyword === '$ref') return [keyword, String(value).replace('#/$defs/', '#/components/schemas/')]
    if (keyword === 'properties') return [keyword, mapValues(value as Schemas, normalised)]
    return [keyword, below(value)]
  })
  return nullableInOneWord(Object.fromEntries(entries))
}

/** A caller must ignore fields it does not know, so no object that we print is closed; `{}` and `true` say the same. */
function opened(additionalProperties: unknown): unknown {
  const isEmpty =
    typeof additionalProperties === 'object' &&
    additionalProperties !== null &&
    Object.keys(additionalProperties).length === 0
  return isEmpty ? true : below(additionalProperties)
}

function below(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(below)
  return typeof value === 'object' && value !== null ? normalised(value as JsonSchema) : value
}

function mapValues(record: Schemas, change: (schema: JsonSchema) => JsonSchema): Schemas {
  return Object.fromEntries(Object.entries(record).map(([name, schema]) => [name, change(schema)]))
}

/** `anyOf` with null says at length what a list of types says shortly. */
function nullableInOneWord(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema
  const [first, second] = anyOf ?? []
  if (anyOf?.length !== 2 || first === undefined || second?.type !== 'null') return schema
  if (typeof first.type !== 'string' || first.enum !== undefined || first.const !== undefined) return schema
  return { ...first, ...rest, type: [first.type, 'null'] }
}

export function named(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}

/** What such a value may look like: the example given, or one made of the required fields. */
export function exampleOf(schema: JsonSchema, schemas: Schemas): unknown {
  if (schema.examples?.length) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum?.length) return schema.enum[0]
  if (schema.default !== undefined) return schema.default
  if (schema.$ref !== undefined) return exampleOf(schemas[named(schema.$ref)] ?? {}, schemas)
  const [choice] = schema.oneOf ?? schema.anyOf ?? []
  if (choice !== undefined) return exampleOf(choice, schemas)
  return exampleOfType(schema, schemas)
}

function exampleOfType(schema: JsonSchema, schemas: Schemas): unknown {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'object': {
      const names = schema.required ?? []
      return Object.fromEntries(names.map((name) => [name, exampleOf(schema.properties?.[name] ?? {}, schemas)]))
    }
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items, schemas)]
    case 'integer':
    case 'number':
      return schema.minimum ?? 0
    case 'boolean':
      return false
    case 'string':
      return exampleOfFormat(schema.format)
    default:
      return null
  }
}

function exampleOfFormat(format: string | undefined): string {
  if (format === 'uuid') return '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
  if (format === 'date-time') return '2026-09-04T17:20:00.000Z'
  if (format === 'date') return '2026-09-04'
  return format === 'email' ? 'owner@bistro.test' : 'text'
}
