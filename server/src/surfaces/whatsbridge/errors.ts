/** How this surface words what goes wrong: its own codes, statuses and shape, made of the same causes. */
import { type CallCode, type FieldError, GatewayError } from '../../model/errors.ts'
import { type Errors, errors as shared } from '../errors.ts'
import type { JsonSchema } from '../json-schema.ts'
import type { Envelope, Media } from '../openapi.ts'

export const errors: Errors = {
  ...shared,
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    meaning: 'Bodies are JSON (`application/json`) or forms (`application/x-www-form-urlencoded`), not compressed.',
  },
  VALIDATION_ERROR: {
    status: 422,
    meaning: 'Some input is not as described. `details` has the messages of each field.',
  },
  WHATSAPP_ALREADY_CONNECTED: {
    status: 400,
    meaning: 'A phone is linked with the session already. Log it out first to link another.',
  },
  WHATSAPP_NOT_CONNECTED: {
    status: 400,
    meaning: 'No phone is linked with the session, or its link is down. See its status.',
  },
}

/** A line is a session here, whatever it is elsewhere. */
const ownCodes: Partial<Record<CallCode, string>> = {
  WHATSAPP_ALREADY_CONNECTED: 'SESSION_ALREADY_CONNECTED',
  WHATSAPP_NOT_CONNECTED: 'SESSION_NOT_READY',
}

function codeOf(code: CallCode): string {
  return ownCodes[code] ?? code
}

export function failure(error: GatewayError | null): { status: number; body: string } {
  const { code, message, details } = error ?? bug
  const body = { error: true, message, code: codeOf(code), details: details === null ? null : byField(details) }
  return { status: errors[code].status, body: JSON.stringify(body) }
}

const bug = new GatewayError(
  'INTERNAL_ERROR',
  'Something broke on our side. Nothing you sent is at fault; quote the header X-Request-Id when you report it.',
)

/** What is wrong with the body as a whole stands under `body`. */
function byField(details: readonly FieldError[]): Record<string, string[]> {
  const groups = Map.groupBy(details, ({ path }) => (path === '' ? 'body' : path))
  return Object.fromEntries([...groups].map(([path, found]) => [path, found.map(({ message }) => message)]))
}

export function noSuchCall(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such call. See /api/v1/docs for those there are.')
}

const fieldMessages: JsonSchema = {
  type: ['object', 'null'],
  description: 'What is wrong with each field, by its name; null when no field is at fault.',
  additionalProperties: { type: 'array', items: { type: 'string' } },
}

function failureOf(codes: readonly CallCode[]): Media {
  const schema: JsonSchema = {
    type: 'object',
    required: ['error', 'message', 'code', 'details'],
    properties: {
      error: { type: 'boolean', const: true },
      message: { type: 'string' },
      code: { type: 'string', enum: codes.map(codeOf) },
      details: { $ref: '#/components/schemas/FieldMessages' },
    },
  }
  const [first = 'INTERNAL_ERROR'] = codes
  const details = first === 'VALIDATION_ERROR' ? { phone: ['This field is required.'] } : null
  return { schema, example: { error: true, message: errors[first].meaning, code: codeOf(first), details } }
}

/** In the shape of `/v1`. */
const unreadable: Media = {
  schema: {
    type: 'object',
    description: 'Nobody knows yet for which API it was, so it is answered as by `/v1`.',
    required: ['success', 'error', 'requestId'],
    properties: {
      success: { type: 'boolean', const: false },
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: { code: { type: 'string', enum: ['VALIDATION_ERROR'] }, message: { type: 'string' } },
      },
      requestId: { type: 'string' },
    },
  },
  example: {
    success: false,
    error: { code: 'VALIDATION_ERROR', message: 'The headers are larger than 16 KiB.' },
    requestId: 'req_0b8f5d1e-4c52-4f0e-9a57-1f6f2d5f8c11',
  },
}

export const envelope: Envelope = {
  success: (data) => data,
  failure: failureOf,
  unreadable,
  codeOf,
  schemas: { FieldMessages: fieldMessages },
}
