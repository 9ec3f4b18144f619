/** Throws requests at every operation and holds each answer against the document: no 5xx, the promised shape, within a second. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import type { JsonSchema } from '../../src/surfaces/json-schema.ts'
import { named } from '../../src/surfaces/json-schema.ts'
import type { OpenApi, Operation } from '../../src/surfaces/openapi.ts'
import { curlOf, type Entry, entriesOf, type Keys, type Request, requestsTo } from './requests.ts'
import type { Meanings } from './values.ts'
import { type Answer, createWire, type Wire } from './wire.ts'

export interface FuzzTarget {
  url: string
  document: OpenApi
  keysOf(operationId: string): Keys
  meaningsOf(operationId: string): Meanings
}

export interface FuzzOptions {
  requests: number
  seed: number
  /** Null: all of them. */
  operation: string | null
  /** How many operations at once. */
  parallel: number
  onDone?(outcome: Outcome): void
}

export interface Outcome {
  operationId: string
  /** Answers by status. */
  statuses: Readonly<Record<string, number>>
  slowestMs: number
  /** Null: every answer was as promised. */
  failure: { curl: string; problem: string; seed: number; path: string } | null
}

const answerWithinMs = 1_000

export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<Outcome[]> {
  const entries = entriesOf(target.document).filter(
    ({ operation }) => options.operation === null || operation.operationId === options.operation,
  )
  if (entries.length === 0) throw new Error(`There is no operation ${options.operation}.`)
  const wire = createWire(target.url)
  const judge = createJudge(target.document)
  const outcomes: Outcome[] = []
  const queue = [...entries]
  const work = async () => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      const outcome = await fuzzOperation(entry, { target, options, wire, judge })
      outcomes.push(outcome)
      options.onDone?.(outcome)
    }
  }
  await Promise.all(Array.from({ length: options.parallel }, work))
  wire.close()
  return outcomes
}

interface Bench {
  target: FuzzTarget
  options: FuzzOptions
  wire: Wire
  judge: Judge
}

async function fuzzOperation(entry: Entry, { target, options, wire, judge }: Bench): Promise<Outcome> {
  const statuses: Record<string, number> = {}
  let slowestMs = 0
  const { operationId } = entry.operation
  const known = { keys: target.keysOf(operationId), meanings: target.meaningsOf(operationId) }
  const requests = requestsTo(entry, target.document, known)
  const property = fc.asyncProperty(requests, async (request) => {
    const answer = await patiently(wire, request)
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
    slowestMs = Math.max(slowestMs, answer.elapsedMs)
    const problem = judge(entry, request, answer)
    if (problem !== null) throw new Error(problem)
  })
  const details = await fc.check(property, { numRuns: options.requests, seed: options.seed, endOnFailure: false })
  const [request] = details.counterexample ?? []
  const error = details.errorInstance
  const failure =
    request === undefined
      ? null
      : {
          curl: curlOf(target.url, request),
          problem: error instanceof Error ? error.message : String(error),
          seed: details.seed,
          path: details.counterexamplePath ?? '',
        }
  return { operationId, statuses, slowestMs, failure }
}

/** Slow means slow every time: a machine that does other things as well is not the gateway's fault. */
async function patiently(wire: Wire, request: Request): Promise<Answer> {
  let answer = await wire.send(request)
  for (let tries = 1; tries < 3 && answer.elapsedMs > answerWithinMs; tries += 1) answer = await wire.send(request)
  return answer
}

/** What is wrong with an answer; null when nothing is. */
export type Judge = (entry: Entry, request: Pick<Request, 'headers'>, answer: Answer) => string | null

export function createJudge(document: OpenApi): Judge {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', ...(closed(document as unknown as JsonSchema) as object) })
  const validators = new Map<string, ValidateFunction | null>()
  const validatorOf = (operation: Operation, status: number): ValidateFunction | null => {
    const key = `${operation.operationId} ${status}`
    let validator = validators.get(key)
    if (validator === undefined) {
      const pointer = pointerTo(document, operation, status)
      validator = pointer === null ? null : ajv.compile({ $ref: `document${pointer}` })
      validators.set(key, validator)
    }
    return validator
  }
  return ({ operation }, request, answer) => {
    const { status, headers, text, elapsedMs } = answer
    if (status >= 500) return `${status}: ${text.slice(0, 500)}`
    if (elapsedMs > answerWithinMs) return `took ${Math.round(elapsedMs)} ms`
    if (headers['x-request-id'] === undefined || headers['x-correlation-id'] === undefined)
      return 'carries no request or correlation id'
    if (headers['content-type'] === 'text/event-stream') return status === 200 ? null : 'is a stream, but no success'
    if (hasBytes(operation, status)) return null
    const validator = validatorOf(operation, status)
    if (validator === null) return `status ${status} is not in the document: ${text.slice(0, 300)}`
    const body = parsed(text)
    if (!validator(body))
      return `${status} is not as documented: ${ajv.errorsText(validator.errors)}; ${text.slice(0, 300)}`
    const requestId =
      typeof body === 'object' && body !== null && 'requestId' in body ? body.requestId : headers['x-request-id']
    if (requestId !== headers['x-request-id']) return 'names another request in its header than in its body'
    const limited = operation['x-scope'] !== 'admin' && operation['x-scope'] !== 'public'
    if (status === 429 && headers['retry-after'] === undefined) return 'says 429 without Retry-After'
    return limited && status < 400 && request.headers.authorization === undefined
      ? 'let a caller in without a key'
      : null
  }
}

/** A file, or a part of one, or none: whatever is in it is right. */
function hasBytes({ responses }: Operation, status: number): boolean {
  const answer = responses[status]
  return answer !== undefined && !('$ref' in answer) && (answer.content === undefined || '*/*' in answer.content)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A JSON pointer to the schema of an answer; null when the document has no such answer. */
function pointerTo(document: OpenApi, operation: Operation, status: number): string | null {
  const [path, method] = placeOf(document, operation)
  const answer = operation.responses[status]
  const exact = answer === undefined ? `${Math.floor(status / 100)}XX` : String(status)
  const found = operation.responses[exact]
  if (found === undefined) return null
  const escaped = (step: string) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))
  const tail = `/content/${escaped('application/json')}/schema`
  if ('$ref' in found) return `#/components/responses/${named(found.$ref)}${tail}`
  return `#/paths/${escaped(path)}/${method}/responses/${exact}${tail}`
}

function placeOf(document: OpenApi, operation: Operation): [string, string] {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, one] of Object.entries(methods)) if (one === operation) return [path, method]
  }
  throw new Error(`${operation.operationId} is not in the document`)
}

/** The document leaves its objects open for fields to come; what is answered today is exactly what it lists. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, closed(child)]))
  const isObjectSchema = copy.type === 'object' && 'properties' in copy && !('additionalProperties' in copy)
  return isObjectSchema ? { ...copy, additionalProperties: false } : copy
}
