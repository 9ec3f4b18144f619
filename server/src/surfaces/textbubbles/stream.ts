/** Events as they happen, over server-sent events: resumable after any event, alive when quiet, and never waited for when slow. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Caller, Gateway } from '../../gateway.ts'
import type { Clock } from '../../lib/clock.ts'
import { GatewayError } from '../../model/errors.ts'
import type { Cursor, GatewayEvent } from '../../model/event.ts'
import type { KeyId } from '../../model/ids.ts'
import type { LinkTo } from '../downloads.ts'
import { invalid } from '../input.ts'
import { defineStream, type Route } from '../route.ts'
import { wordEvent } from './dialect.ts'
import * as shape from './event-schema.ts'
import { eventIdOf } from './ids.ts'

const heartbeatMs = 15_000
/** How long a reader may leave its buffer full before the connection is given up. */
const drainMs = 30_000
const streamsPerKeyMax = 100

export interface Streams {
  route: Route
  /** Ends every open stream, so that the server can close. */
  end(): void
}

export interface StreamLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export function createStreams(log: StreamLog): Streams {
  const places = createPlaces()
  const route = defineStream({
    method: 'GET',
    path: '/v1/events',
    operationId: 'streamEvents',
    summary: 'Follow events as they happen',
    description: `A stream of server-sent events. It begins now, or right after the event named by \`Last-Event-ID\`, without a gap and without a repeat. An id that is unknown or too old is refused: connect without it and read what is missing from the lists. A reader that does not keep up is disconnected and may resume. One key may have ${streamsPerKeyMax} streams open.`,
    tag: 'Events',
    scope: 'read',
    query: shape.streamQuery,
    headers: shape.streamHeaders,
    responses: { 200: { description: 'Events until you hang up.', schema: shape.eventStream } },
    errors: [],
    async stream({ gateway, clock }, { caller, query, headers }, { request, reply }) {
      const after = await beginning(gateway, caller, headers['last-event-id'] ?? query.lastEventId)
      const controller = places.enter(caller)
      const { signal } = controller
      const { raw } = reply
      raw.once('close', () => controller.abort())
      if (raw.destroyed) controller.abort()
      reply.hijack()
      const head = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }
      raw.writeHead(200, head as Record<string, string>)
      raw.write(': connected\n\n')
      try {
        const events = gateway.events.follow(caller, { after, types: query.events }, signal)
        await Promise.race([copy(events, gateway.media.linkTo, { raw, clock, signal }), beat({ raw, clock, signal })])
      } catch (error) {
        // The answer has begun, so there is nobody left to be told but the log.
        if (error instanceof GatewayError)
          log.info({ requestId: request.id, code: error.code }, 'event stream given up')
        else log.error({ requestId: request.id, err: error }, 'event stream broke')
      } finally {
        places.leave(caller, controller)
        raw.end()
      }
    },
  })
  return { route, end: places.close }
}

interface Places {
  enter(caller: Caller): AbortController
  leave(caller: Caller, controller: AbortController): void
  close(): void
}

function createPlaces(): Places {
  const open = new Set<AbortController>()
  const perKey = new Map<KeyId, number>()
  let closed = false
  return {
    enter(caller) {
      const streams = perKey.get(caller.keyId) ?? 0
      if (closed) {
        const message = 'The gateway is stopping. Connect again in a moment.'
        throw new GatewayError('SERVICE_UNAVAILABLE', message, { retryAfterMs: 1_000 })
      }
      if (streams >= streamsPerKeyMax) {
        const message = `This key has ${streamsPerKeyMax} streams open, which is the most it may have. Close one first.`
        throw new GatewayError('RATE_LIMIT_EXCEEDED', message, { retryAfterMs: heartbeatMs })
      }
      perKey.set(caller.keyId, streams + 1)
      const controller = new AbortController()
      open.add(controller)
      return controller
    },
    leave(caller, controller) {
      controller.abort()
      open.delete(controller)
      const streams = (perKey.get(caller.keyId) ?? 1) - 1
      if (streams === 0) perKey.delete(caller.keyId)
      else perKey.set(caller.keyId, streams)
    },
    close() {
      closed = true
      for (const controller of open) controller.abort()
    },
  }
}

async function beginning(gateway: Gateway, caller: Caller, lastEventId: string | undefined): Promise<Cursor> {
  if (lastEventId === undefined) return gateway.events.end()
  const cursor = await gateway.events.cursorOf(caller, eventIdOf(lastEventId))
  if (cursor === null) {
    const message =
      'This event is unknown or no longer kept. Connect without it, and read what you missed from the lists.'
    throw invalid([{ path: 'last-event-id', message }])
  }
  return cursor
}

interface Pipe {
  raw: ServerResponse
  clock: Clock
  signal: AbortSignal
}

async function copy(events: AsyncIterable<GatewayEvent>, linkTo: LinkTo, pipe: Pipe): Promise<void> {
  for await (const event of events) {
    const worded = wordEvent(event, linkTo)
    if (worded === null) continue
    const frame = `id: ${worded.id}\nevent: ${worded.type}\ndata: ${JSON.stringify(worded)}\n\n`
    if (!pipe.raw.write(frame)) await drained(pipe)
    if (pipe.signal.aborted) return
  }
}

async function drained({ raw, clock, signal }: Pipe): Promise<void> {
  const done = new AbortController()
  const either = AbortSignal.any([signal, done.signal])
  try {
    const inTime = await Promise.race([
      once(raw, 'drain', { signal: either }).then(() => true, ignoreAbort),
      clock.sleep(drainMs, either).then(() => false),
    ])
    if (inTime || signal.aborted) return
  } finally {
    done.abort()
  }
  raw.destroy()
  throw new GatewayError('SERVICE_UNAVAILABLE', 'The reader left its buffer full for too long.')
}

/** The stream was closed while it waited: nothing is left to be written. */
function ignoreAbort(): boolean {
  return true
}

async function beat({ raw, clock, signal }: Pipe): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(heartbeatMs, signal)
    if (!signal.aborted && !raw.writableNeedDrain) raw.write(': heartbeat\n\n')
  }
}
