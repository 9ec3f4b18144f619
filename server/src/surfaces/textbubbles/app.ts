/** Mounts `/v1`: its operations, behind its keys, in its envelope. */
import type { FastifyInstance } from 'fastify'
import type { Gateway } from '../../gateway.ts'
import type { Clock } from '../../lib/clock.ts'
import { errors } from '../errors.ts'
import { createGuard, type Rate } from '../guard.ts'
import { type Manner, mountOperations, type SurfaceLog } from '../mounting.ts'
import type { Route } from '../route.ts'
import { errorBody, noSuchCall } from './errors.ts'

export interface SurfaceOptions {
  gateway: Gateway
  clock: Clock
  log: SurfaceLog
  adminKey: string
  routes: readonly Route[]
}

const manner: Manner = {
  forms: false,
  success: (route, data, requestId) => (route.bare ? data : { success: true, data, requestId }),
  failure: (error, requestId) => ({
    status: error === null ? 500 : errors[error.code].status,
    body: errorBody(error, requestId),
  }),
  noSuchCall,
}

export function mountTextbubbles(app: FastifyInstance, options: SurfaceOptions): void {
  const { gateway, clock, log, adminKey, routes } = options
  const rate: Rate = { window: 'minute', limitOf: ({ requestsPerMinute }) => requestsPerMinute }
  const guard = createGuard({ gateway, clock, adminKey, rate })
  mountOperations(app, { inside: { gateway, clock }, log, guard, routes, manner, prefix: '' })
}
