/** The OpenAPI document as a page for people: one chapter per tag, one section per operation, no script. */
import { createHash } from 'node:crypto'
import { stylesheet } from './docs-style.ts'
import { type JsonSchema, named, type Schemas } from './json-schema.ts'
import type { OpenApi, Operation, Parameter, Response } from './openapi.ts'

export interface Page {
  html: string
  contentSecurityPolicy: string
}

interface Entry {
  method: string
  path: string
  operation: Operation
}

export function docsPageOf(document: OpenApi, documentPath = '/openapi.json'): Page {
  const { info, tags } = document
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ method, path, operation })),
  )
  const chapters = tags.map((tag) => ({
    ...tag,
    entries: entries.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  const menu = chapters.map(
    ({ name, entries: own }) =>
      `<h2><a href="#${slug(name)}">${escaped(name)}</a></h2><ul>${own.map(menuLine).join('')}</ul>`,
  )
  const body = chapters.map(
    ({ name, description, entries: own }) =>
      `<section id="${slug(name)}"><h2>${escaped(name)}</h2><p>${rich(description)}</p>${own.map((entry) => section(entry, document)).join('')}</section>`,
  )
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)} API ${escaped(info.version)}</title><style>${stylesheet}</style></head>
<body><nav aria-label="Operations"><p class="name">${escaped(info.title)} <small>${escaped(info.version)}</small></p>${menu.join('')}
<p><a href="${documentPath}">OpenAPI document</a></p></nav>
<main><h1>${escaped(info.title)} API</h1>${paragraphs(info.description)}${body.join('')}</main></body></html>
`
  return { html, contentSecurityPolicy: policy(stylesheet) }
}

/** Nothing but the one stylesheet: a page that runs no script cannot run somebody else's. */
function policy(style: string): string {
  const hash = createHash('sha256').update(style).digest('base64')
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** Text with `code` in it. */
function rich(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map((part) => `<p>${rich(part)}</p>`)
    .join('')
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/\W+/g, '-')
}

function badge(method: string): string {
  return `<span class="method ${method}">${method.toUpperCase()}</span>`
}

function menuLine({ method, operation }: Entry): string {
  return `<li><a href="#${operation.operationId}">${badge(method)} ${escaped(operation.summary)}</a></li>`
}

function section(entry: Entry, document: OpenApi): string {
  const { method, path, operation } = entry
  const { schemas } = document.components
  const parameters = (operation.parameters ?? []).filter((one): one is Parameter => 'name' in one)
  const bodySchema = operation.requestBody?.content['application/json']?.schema
  const answers = Object.entries(operation.responses).map(([status, answer]) => ({
    status,
    answer: resolved(answer, document),
  }))
  return `<article id="${operation.operationId}"><h3>${escaped(operation.summary)}</h3>
<p class="path">${badge(method)} <code>${escaped(path)}</code></p>${paragraphs(operation.description)}
${parameters.length === 0 ? '' : table('Parameters', parameters.map(parameterRow))}
${bodySchema === undefined ? '' : table('Body', fieldsOf(bodySchema, schemas).map(fieldRow))}
<pre>${escaped(curlOf(entry, document))}</pre>
${answers
  .filter(({ status }) => status.startsWith('2'))
  .map(({ status, answer }) => successOf(status, answer, schemas))
  .join('')}
${errorTable(answers.filter(({ status }) => !status.startsWith('2')))}</article>`
}

function resolved(answer: Response | { $ref: string }, document: OpenApi): Response {
  const found = '$ref' in answer ? document.components.responses[named(answer.$ref)] : answer
  if (found === undefined) throw new TypeError('a response refers to nothing')
  return found
}

function table(title: string, rows: readonly string[]): string {
  return `<h4>${title}</h4><div class="scroll"><table>${rows.join('')}</table></div>`
}

interface Field {
  path: string
  schema: JsonSchema
  required: boolean
}

const depthMax = 4

/** Every field below a schema, by its path, in reading order. */
function fieldsOf(schema: JsonSchema, schemas: Schemas, path = '', depth = 0): Field[] {
  const { properties, items, oneOf, required = [] } = deref(schema, schemas)
  if (depth >= depthMax) return []
  if (items !== undefined) return fieldsOf(items, schemas, `${path}[]`, depth)
  if (oneOf !== undefined) return distinct(oneOf.flatMap((choice) => fieldsOf(choice, schemas, path, depth)))
  return Object.entries(properties ?? {}).flatMap(([name, child]) => {
    const at = path === '' ? name : `${path}.${name}`
    const merged = { ...deref(child, schemas), ...child }
    return [{ path: at, schema: merged, required: required.includes(name) }, ...fieldsOf(child, schemas, at, depth + 1)]
  })
}

function distinct(fields: readonly Field[]): Field[] {
  const groups = Map.groupBy(fields, ({ path }) => path)
  return [...groups.values()].flatMap((same) =>
    same.slice(0, 1).map((field) => ({ ...field, required: same.every(({ required }) => required) && field.required })),
  )
}

function deref(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const target = schema.$ref ?? schema.anyOf?.find(({ $ref }) => $ref !== undefined)?.$ref
  return target === undefined ? schema : (schemas[named(target)] ?? {})
}

function fieldRow({ path, schema, required }: Field): string {
  return row({ name: path, note: required ? 'required' : '', schema, description: schema.description })
}

function parameterRow({ name, in: place, required, schema, description }: Parameter): string {
  return row({ name, note: `${place}${required ? ', required' : ''}`, schema, description })
}

function row(cells: { name: string; note: string; schema: JsonSchema; description: string | undefined }): string {
  const { name, note, schema, description } = cells
  const rules = rulesOf(schema)
  return `<tr><td><code>${escaped(name)}</code>${note === '' ? '' : `<br><small>${note}</small>`}</td><td>${escaped(typeOf(schema))}</td><td>${rich(description ?? '')}${rules === '' ? '' : ` <small>${rich(rules)}</small>`}</td></tr>`
}

function typeOf({ type, format, items, anyOf, $ref }: JsonSchema): string {
  const nullable = anyOf?.some((choice) => choice.type === 'null') ? ' or null' : ''
  if (items !== undefined) return `list${nullable}`
  if (Array.isArray(type)) return type.join(' or ')
  const word = type ?? ($ref === undefined && anyOf === undefined ? 'any' : 'object')
  return `${format === undefined ? word : `${word} (${format})`}${nullable}`
}

const ruleWords: Record<string, (value: unknown) => string> = {
  enum: (value) => `One of ${(value as unknown[]).map((one) => `\`${String(one)}\``).join(', ')}.`,
  const: (value) => `Always \`${String(value)}\`.`,
  default: (value) => (value === '' ? '' : `Default: \`${String(value)}\`.`),
  minimum: (value) => `At least ${String(value)}.`,
  maximum: (value) => (Number(value) >= Number.MAX_SAFE_INTEGER ? '' : `At most ${String(value)}.`),
  minLength: (value) => (Number(value) > 1 ? `At least ${String(value)} characters.` : 'Not empty.'),
  maxLength: (value) => `At most ${String(value)} characters.`,
  minItems: (value) => `At least ${String(value)}.`,
  maxItems: (value) => `At most ${String(value)}.`,
  uniqueItems: () => 'Each only once.',
}

function rulesOf(schema: JsonSchema): string {
  return Object.entries(ruleWords)
    .flatMap(([keyword, words]) => (schema[keyword] === undefined ? [] : [words(schema[keyword])]))
    .join(' ')
}

function curlOf({ method, path, operation }: Entry, { servers }: OpenApi): string {
  const parameters = (operation.parameters ?? []).filter((one): one is Parameter => 'name' in one)
  const filled = parameters.reduce(
    (url, { name, in: place, example }) => (place === 'path' ? url.replace(`{${name}}`, String(example ?? name)) : url),
    path,
  )
  const key = operation['x-scope'] === 'admin' ? '$ADMIN_KEY' : '$API_KEY'
  const example = operation.requestBody?.content['application/json']?.example
  const parts = [
    `curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`}${'text/event-stream' in (successContent(operation) ?? {}) ? ' -N' : ''} ${servers[0]?.url ?? ''}${filled}`,
    ...(operation.security.length === 0 ? [] : [`-H "Authorization: Bearer ${key}"`]),
    ...(example === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example)}'`]),
  ]
  return parts.join(' \\\n  ')
}

function successContent(operation: Operation): Response['content'] | undefined {
  const answer = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))?.[1]
  return answer !== undefined && 'content' in answer ? answer.content : undefined
}

function successOf(status: string, { description, content }: Response, schemas: Schemas): string {
  const media = Object.values(content ?? {})[0]
  if (media === undefined) return ''
  const data = media.schema.properties?.data ?? media.schema
  const example = media.example === undefined ? '' : `<pre>${escaped(JSON.stringify(media.example, null, 2))}</pre>`
  const fields = fieldsOf(data, schemas)
  const title = `${status}: ${escaped(description)}`
  return `<details><summary>${title}</summary>${example}${fields.length === 0 ? '' : table('Fields of <code>data</code>', fields.map(fieldRow))}</details>`
}

function errorTable(answers: readonly { status: string; answer: Response }[]): string {
  const rows = answers.flatMap(({ status, answer }) =>
    answer.description.split('\n\n').map((line) => {
      const [code = '', meaning = line] = /^`(\w+)`: (.*)$/.exec(line)?.slice(1) ?? []
      return `<tr><td>${status}</td><td><code>${code}</code></td><td>${rich(meaning)}</td></tr>`
    }),
  )
  return `<details><summary>Errors</summary><div class="scroll"><table>${rows.join('')}</table></div></details>`
}
