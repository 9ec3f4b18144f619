/** Mounts `/api/v1`: WhatsApp alone, its lines seen as sessions, in an envelope and with a rate of its own. */
import type { FastifyInstance } from 'fastify'
import type { Gateway } from '../../gateway.ts'
import type { Clock } from '../../lib/clock.ts'
import { createGuard, type Rate } from '../guard.ts'
import { type Manner, mountOperations, type SurfaceLog } from '../mounting.ts'
import type { Route } from '../route.ts'
import { failure, noSuchCall } from './errors.ts'

export interface WhatsbridgeOptions {
  gateway: Gateway
  clock: Clock
  log: SurfaceLog
  routes: readonly Route[]
}

export const whatsbridgePrefix = '/api/v1'
const rate: Rate = { window: 'hour', limitOf: ({ requestsPerHour }) => requestsPerHour }
const manner: Manner = { forms: true, success: (_route, data) => data, failure, noSuchCall }

/** A plugin of its own, so that what goes wrong below its prefix is worded here, and nothing else is. */
export function mountWhatsbridge(app: FastifyInstance, { gateway, clock, log, routes }: WhatsbridgeOptions): void {
  const guard = createGuard({ gateway, clock, adminKey: null, rate })
  void app.register(
    (plugin, _options, done) => {
      mountOperations(plugin, { inside: { gateway, clock }, log, guard, routes, manner, prefix: whatsbridgePrefix })
      done()
    },
    { prefix: whatsbridgePrefix },
  )
}
