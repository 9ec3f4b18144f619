/** How the server answers: one envelope for what went well, one for each way in which it did not. */
import { type Answered, json } from '../../sms/door.ts'

export interface Said {
  message?: string
  data?: unknown
  metadata?: object
  status?: 200 | 201
}

export function success({ message = 'Success', data, metadata, status = 200 }: Said): Answered {
  return json(status, { status, message, data, metadata })
}

type ErrorType =
  | 'Authentication Error'
  | 'Validation Error'
  | 'Database Error'
  | 'iMessage Error'
  | 'Server Error'
  | 'Gateway Timeout'

/** An answer that is not 200, in the words of the server. */
export class Failure extends Error {
  readonly status: number
  readonly type: ErrorType
  /** The outer message; `message` is the one within `error`. */
  readonly outer: string
  readonly data: unknown

  constructor({ status, type, outer, inner, data }: FailureParts) {
    super(inner)
    this.status = status
    this.type = type
    this.outer = outer
    this.data = data
  }

  answer(): Answered {
    const { status, outer, type, message, data } = this
    return json(status, { status, message: outer, error: { type, message }, data })
  }
}

interface FailureParts {
  status: number
  type: ErrorType
  outer: string
  inner: string
  data?: unknown
}

export function unauthorized(inner = 'Unauthorized'): Failure {
  const outer = 'You are not authorized to access this resource'
  return new Failure({ status: 401, type: 'Authentication Error', outer, inner })
}

export function badRequest(inner: string): Failure {
  const outer = "You've made a bad request! Please check your request params & body"
  return new Failure({ status: 400, type: 'Validation Error', outer, inner })
}

export function notFound(inner: string): Failure {
  const outer = 'The requested resource was not found'
  return new Failure({ status: 404, type: 'Database Error', outer, inner })
}

export function imessageError(outer: string, inner: string, data?: unknown): Failure {
  return new Failure({ status: 500, type: 'iMessage Error', outer, inner, data })
}

export function serverError(outer: string, inner: string): Failure {
  return new Failure({ status: 500, type: 'Server Error', outer, inner })
}

/** What nothing in the server caught. */
export function unhandled(inner: string): Failure {
  return serverError('An unhandled error has occurred!', inner)
}

export function timedOut(inner: string, afterMs: number): Failure {
  const outer = `The request timed-out after ${afterMs}!`
  return new Failure({ status: 504, type: 'Gateway Timeout', outer, inner })
}
