/** Prints a table of operations as an OpenAPI 3.1 document: what the routes check is what the document says. */
import { z } from 'zod'
import type { CallCode } from '../model/errors.ts'
import type { Errors } from './errors.ts'
import { isRequired } from './input.ts'
import { exampleOf, type JsonSchema, normalised, type Schemas } from './json-schema.ts'
import { errorsOf, type Route } from './route.ts'

export interface Api {
  title: string
  description: string
  version: string
  /** Where callers reach it; no slash at the end. */
  server: string
  tags: readonly { name: string; description: string }[]
  errors: Errors
  /** In which answers are wrapped. */
  envelope: Envelope
  /** Types of bodies it takes. */
  bodyTypes: readonly string[]
  /** For which it counts calls. */
  window: 'minute' | 'hour'
  routes: readonly Route[]
}

export interface Envelope {
  success(data: JsonSchema): JsonSchema
  /** Of an answer that any of these codes can come with. */
  failure(codes: readonly CallCode[]): Media
  /** Of what never became a request, so that nobody knows for which surface it was; absent: the same. */
  unreadable?: Media
  /** How a code is called out here. */
  codeOf(code: CallCode): string
  /** What these refer to. */
  schemas: Schemas
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: JsonSchema
  example?: unknown
}

export interface Media {
  schema: JsonSchema
  example?: unknown
}

export interface Response {
  description: string
  headers?: Record<string, { $ref: string }>
  /** Absent: the answer has no body. */
  content?: Record<string, Media>
}

export interface Operation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  'x-scope': string
  parameters?: (Parameter | { $ref: string })[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, Response | { $ref: string }>
}

export interface OpenApi {
  openapi: '3.1.0'
  info: Record<string, unknown> & { title: string; version: string; description: string }
  servers: { url: string; description: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    securitySchemes: Record<string, Record<string, string>>
    parameters: Record<string, Parameter>
    headers: Record<string, { description: string; schema: JsonSchema }>
    responses: Record<string, Response>
    schemas: Schemas
  }
}

interface Printing {
  api: Api
  schemas: Schemas
  responses: Record<string, Response>
}

export function openApiOf(api: Api): OpenApi {
  const printing: Printing = { api, schemas: { ...api.envelope.schemas }, responses: {} }
  const paths: OpenApi['paths'] = {}
  for (const route of api.routes) {
    const methods = paths[route.path] ?? {}
    methods[route.method.toLowerCase()] = operationOf(route, printing)
    paths[route.path] = methods
  }
  return {
    openapi: '3.1.0',
    info: {
      title: api.title,
      version: api.version,
      description: api.description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: api.title, url: `${api.server}/docs` },
    },
    servers: [{ url: api.server, description: 'This gateway' }],
    tags: api.tags.map((tag) => ({ ...tag })),
    paths,
    components: {
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key of a customer. The operation says which scope it needs.',
        },
        ...(api.routes.some(({ scope }) => scope === 'admin') && {
          adminKey: { type: 'http', scheme: 'bearer', description: "The operator's key." },
        }),
      },
      parameters: namingParameters,
      headers: headersWithin(api.window),
      responses: sorted(printing.responses),
      schemas: sorted(printing.schemas),
    },
  }
}

function sorted<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const namingParameters: Record<string, Parameter> = {
  RequestId: {
    name: 'X-Request-Id',
    in: 'header',
    required: false,
    description:
      'A name of yours for this request, told back as `requestId`: at most 128 printable characters without spaces.',
    schema: { type: 'string', maxLength: 128 },
  },
  CorrelationId: {
    name: 'X-Correlation-Id',
    in: 'header',
    required: false,
    description:
      'Follows a message through all its events: `cor_` and 32 hexadecimal digits. Another one is made when it is not well formed.',
    schema: { type: 'string' },
  },
}

const headersWithin = (window: Api['window']): OpenApi['components']['headers'] => ({
  RequestId: { description: 'The name of this request; quote it when you ask for help.', schema: { type: 'string' } },
  CorrelationId: { description: 'What this request set off carries it too.', schema: { type: 'string' } },
  RateLimitLimit: {
    description: `Calls per ${window} this key may make. Absent, with the two below, where no limit applies.`,
    schema: { type: 'integer' },
  },
  RateLimitRemaining: { description: `Calls left in this ${window}.`, schema: { type: 'integer' } },
  RateLimitReset: { description: `When the ${window} ends, in Unix seconds.`, schema: { type: 'integer' } },
  RetryAfter: { description: 'Seconds to wait before trying again.', schema: { type: 'integer' } },
})

const headerNames: Record<string, string> = {
  RequestId: 'X-Request-Id',
  CorrelationId: 'X-Correlation-Id',
  RateLimitLimit: 'X-RateLimit-Limit',
  RateLimitRemaining: 'X-RateLimit-Remaining',
  RateLimitReset: 'X-RateLimit-Reset',
  RetryAfter: 'Retry-After',
}

function headersFor(names: readonly string[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [headerNames[name] ?? name, { $ref: `#/components/headers/${name}` }]))
}

const everyAnswer = ['RequestId', 'CorrelationId']
const countedAnswer = [...everyAnswer, 'RateLimitLimit', 'RateLimitRemaining', 'RateLimitReset']

function operationOf(route: Route, printing: Printing): Operation {
  const { scope } = route
  const needs =
    scope === 'public'
      ? ''
      : scope === 'admin'
        ? '\n\nNeeds the admin key.'
        : `\n\nNeeds a key with the scope \`${scope}\`.`
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `${route.description}${needs}`,
    tags: [route.tag],
    security: scope === 'public' ? [] : [{ [scope === 'admin' ? 'adminKey' : 'apiKey']: [] }],
    'x-scope': scope,
    parameters: [
      ...parametersOf(route.params, 'path', printing),
      ...parametersOf(route.query, 'query', printing),
      ...parametersOf(route.headers, 'header', printing),
      ...Object.keys(namingParameters).map((name) => ({ $ref: `#/components/parameters/${name}` })),
    ],
    ...(route.body !== undefined && {
      requestBody: { required: isRequired(route.body), content: bodiesOf(route.body, printing) },
    }),
    responses: { ...successesOf(route, printing), ...failuresOf(route, printing) },
  }
}

function bodiesOf(schema: z.ZodType, printing: Printing): Record<string, Media> {
  const media = mediaOf(schema, printing)
  return Object.fromEntries(printing.api.bodyTypes.map((type) => [type, media]))
}

function mediaOf(schema: z.ZodType, printing: Printing): Media {
  const json = jsonSchemaOf(schema, 'input', printing)
  return { schema: json, example: exampleOf(json, printing.schemas) }
}

function parametersOf(schema: z.ZodType | undefined, place: Parameter['in'], printing: Printing): Parameter[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input', printing)
  return Object.entries(properties).map(([name, { description, examples, ...rest }]) => ({
    name:
      place === 'header'
        ? name.replaceAll(/(^|-)(\w)/g, (letter) => letter.toUpperCase()).replace(/-Id$/, '-ID')
        : name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: rest,
    ...(examples !== undefined && { example: examples[0] }),
  }))
}

function successesOf(route: Route, printing: Printing): Operation['responses'] {
  const headerList = route.scope === 'public' ? everyAnswer : countedAnswer
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, schema }]) => {
      const headers = headersFor(headerList)
      if (schema === undefined) {
        const hasBytes = status === '200' || status === '206'
        return [status, { description, headers, ...(hasBytes && { content: { '*/*': { schema: bytes } } }) }]
      }
      const data = jsonSchemaOf(schema, 'output', printing)
      const whole = route.bare || route.stream ? data : printing.api.envelope.success(data)
      const type = route.stream ? 'text/event-stream' : 'application/json'
      const media = route.stream ? { schema: whole } : { schema: whole, example: exampleOf(whole, printing.schemas) }
      return [status, { description, headers, content: { [type]: media } }]
    }),
  )
}

const bytes: JsonSchema = { type: 'string', format: 'binary' }

/** One answer per status, with the codes that can come with it. An answer with a single code is the same everywhere, and printed once. */
function failuresOf(route: Route, { api, responses }: Printing): Operation['responses'] {
  const byStatus = Map.groupBy(errorsOf(route), (code) => api.errors[code].status)
  const failures = [...byStatus].map(([status, codes]): [string, Response | { $ref: string }] => {
    const [only] = codes
    if (codes.length > 1 || only === undefined) return [String(status), failureOf(codes, api)]
    const name = api.envelope
      .codeOf(only)
      .toLowerCase()
      .replaceAll(/(^|_)(\w)/g, (_, _gap, letter: string) => letter.toUpperCase())
    responses[name] ??= failureOf(codes, api)
    return [String(status), { $ref: `#/components/responses/${name}` }]
  })
  responses.Unreadable ??= unreadable(api)
  return { ...Object.fromEntries(failures), '4XX': { $ref: '#/components/responses/Unreadable' } }
}

/** What any call can get before it is looked at: its request line or headers are no HTTP. */
function unreadable(api: Api): Response {
  const description = 'The request itself cannot be read, for example because its headers are too large.'
  const { unreadable: own } = api.envelope
  const failure = { ...failureOf(['VALIDATION_ERROR'], api), description }
  return own === undefined ? failure : { ...failure, content: { 'application/json': own } }
}

function failureOf(codes: readonly CallCode[], api: Api): Response {
  const waits = codes.includes('RATE_LIMIT_EXCEEDED') || codes.includes('SERVICE_UNAVAILABLE')
  return {
    description: codes.map((one) => `\`${api.envelope.codeOf(one)}\`: ${api.errors[one].meaning}`).join('\n\n'),
    headers: headersFor([...countedAnswer, ...(waits ? ['RetryAfter'] : [])]),
    content: { 'application/json': api.envelope.failure(codes) },
  }
}

/** Inside an object of ours a schema that has a name becomes a reference, the outermost one included. */
function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output', { schemas }: Printing): JsonSchema {
  const printed = z.toJSONSchema(z.object({ it: schema }), { io, target: 'draft-2020-12' }) as unknown as JsonSchema
  for (const [name, definition] of Object.entries(printed.$defs ?? {})) {
    const next = normalised(definition)
    const known = schemas[name]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(next))
      throw new TypeError(`two schemas are named ${name}`)
    schemas[name] = next
  }
  const it = printed.properties?.it
  if (it === undefined) throw new TypeError('a schema printed nothing')
  return normalised(it)
}
