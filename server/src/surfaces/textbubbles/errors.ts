/** How this surface wraps its answers, and words what goes wrong. */
import { type CallCode, GatewayError } from '../../model/errors.ts'
import { errors } from '../errors.ts'
import type { JsonSchema } from '../json-schema.ts'
import type { Envelope, Media } from '../openapi.ts'

export function errorBody(error: GatewayError | null, requestId: string): string {
  if (error === null) {
    const message =
      'Something broke on our side. Nothing you sent is at fault; quote the request id when you report it.'
    return JSON.stringify({ success: false, error: { code: 'INTERNAL_ERROR', message }, requestId })
  }
  const { code, message, details } = error
  return JSON.stringify({ success: false, error: { code, message, ...(details !== null && { details }) }, requestId })
}

export function noSuchCall(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such call. See /docs for those there are.')
}

const fieldError: JsonSchema = {
  type: 'object',
  description: 'One field at fault.',
  required: ['path', 'message'],
  properties: {
    path: { type: 'string', description: 'Where it is; empty for the body as a whole.', examples: ['content.text'] },
    message: { type: 'string', description: 'What to do about it.', examples: ['At most 10000 characters.'] },
  },
}

const requestId: JsonSchema = { type: 'string', examples: ['req_0b8f5d1e-4c52-4f0e-9a57-1f6f2d5f8c11'] }

function success(data: JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: ['success', 'data', 'requestId'],
    properties: { success: { type: 'boolean', const: true }, data, requestId },
  }
}

function failure(codes: readonly CallCode[]): Media {
  const error: JsonSchema = {
    type: 'object',
    required: ['code', 'message'],
    properties: {
      code: { type: 'string', enum: [...codes] },
      message: { type: 'string' },
      ...(codes.includes('VALIDATION_ERROR') && {
        details: { type: 'array', items: { $ref: '#/components/schemas/FieldError' } },
      }),
    },
  }
  const schema: JsonSchema = {
    type: 'object',
    required: ['success', 'error', 'requestId'],
    properties: { success: { type: 'boolean', const: false }, error, requestId },
  }
  const [first = 'INTERNAL_ERROR'] = codes
  const example = {
    success: false,
    error: { code: first, message: errors[first].meaning },
    requestId: requestId.examples?.[0],
  }
  return { schema, example }
}

export const envelope: Envelope = { success, failure, codeOf: (code) => code, schemas: { FieldError: fieldError } }
