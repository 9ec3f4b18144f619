/** How a receiver misbehaves, kind by kind: one request at a time, each in a way that receivers really have. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Chance } from '../../src/lib/chance.ts'
import type { Kind } from './evidence.ts'

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  chance: Chance
  /** Where nobody may come, as URLs. */
  forbidden: readonly string[]
  /** It was taken: a 2xx has left here. */
  fine(): void
}

type Manner = (exchange: Exchange) => void

/** Of all requests. Low enough for the breaker, which opens at seven failures of ten, or ten in a row. */
export const shareOf: Record<Kind, number> = {
  plain: 0,
  errors: 0.15,
  // Each asks to be left alone for a whole second.
  busy: 0.02,
  reset: 0.12,
  hang: 0.05,
  drip: 0.06,
  huge: 0.15,
  redirect: 0.15,
  tls: 0,
  refuses: 0.1,
  distrusted: 0,
}

export function take({ response, chance, fine }: Exchange): void {
  response.once('finish', fine)
  response.writeHead(oneOf(chance, [200, 200, 201, 202, 204])).end()
}

export const manners: Record<Kind, Manner> = {
  plain: take,
  tls: take,
  distrusted: take,
  errors({ response, chance }) {
    response.writeHead(oneOf(chance, [500, 502, 503, 504, 599, 408]), { 'content-type': 'text/html' })
    response.end('<h1>Out of order \0 \uFFFD</h1>')
  },
  busy({ response, chance }) {
    const wishes = ['1', '0', '-5', 'soon', new Date(Date.now() + 1_000).toUTCString(), '01']
    response.writeHead(oneOf(chance, [429, 429, 503]), { 'retry-after': oneOf(chance, wishes) }).end()
  },
  reset(exchange) {
    oneOf(exchange.chance, [cut, cutHead, cutBody])(exchange)
  },
  /** Says nothing until the other side gives up. */
  hang() {},
  drip(exchange) {
    oneOf(exchange.chance, [dripHead, dripBody])(exchange)
  },
  huge(exchange) {
    oneOf(exchange.chance, [pour(200), pour(500), hugeHead])(exchange)
  },
  redirect({ response, chance, forbidden }) {
    response.writeHead(oneOf(chance, [301, 302, 303, 307, 308]), { location: oneOf(chance, forbidden) }).end()
  },
  refuses({ response, chance }) {
    response.writeHead(oneOf(chance, [400, 401, 403, 404, 413, 422])).end('No.')
  },
}

function cut({ request }: Exchange): void {
  request.socket.resetAndDestroy()
}

function cutHead({ request }: Exchange): void {
  request.socket.write('HTTP/1.1 200 O', () => request.socket.resetAndDestroy())
}

/** Promises more than it says. */
function cutBody({ request }: Exchange): void {
  request.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf of it')
}

const dripMs = 25

function dripHead({ request }: Exchange): void {
  request.socket.write('HTTP/1.1 200 OK\r\nx-patience: ')
  drip(() => request.socket.writable && request.socket.write('z'))
}

function dripBody({ response }: Exchange): void {
  response.writeHead(200, { 'content-length': 100_000 })
  drip(() => !response.destroyed && response.write('z'))
}

/** Until the other side has left. */
function drip(one: () => boolean): void {
  const timer = setInterval(() => {
    if (!one()) clearInterval(timer)
  }, dripMs)
}

const block = Buffer.alloc(64 * 1024, 'huge ')
const blocksMax = 1_000

/** The first part of the answer says it all; whoever reads the rest has himself to blame. */
function pour(status: number): Manner {
  return ({ response, fine }) => {
    response.writeHead(status, { 'content-type': 'text/plain' })
    let blocks = 0
    const more = () => {
      while (blocks < blocksMax && !response.destroyed) {
        blocks += 1
        const first = blocks === 1 && status === 200 ? fine : () => {}
        if (!response.write(block, (error) => error == null && first())) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  }
}

function hugeHead({ request }: Exchange): void {
  request.socket.write(`HTTP/1.1 200 OK\r\nx-huge: ${'z'.repeat(100_000)}\r\ncontent-length: 0\r\n\r\n`)
}

export function oneOf<One>(chance: Chance, some: readonly One[]): One {
  const one = some[chance.between(0, some.length - 1)]
  if (one === undefined) throw new Error('There is nothing to choose from.')
  return one
}
