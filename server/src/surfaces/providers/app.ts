/** Where providers reach us: their own formats and signatures, one address per line. What it means is the connector's business. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../model/errors.ts'

export interface ProvidersOptions {
  gateway: Pick<Gateway, 'providers'>
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void }
}

/** An incoming MMS may come inside the request. */
const bodyBytesMax = 8 * 1024 * 1024
/** Nobody proves who they are before the whole body is there: more at once would be memory for strangers. */
const underWayMax = 32
const path = '/v1/providers/:line/:channel/:topic'

const nobody = { status: 404, contentType: 'text/plain', body: 'Nobody is here.' }

type Answering = NonNullable<Awaited<ReturnType<Gateway['providers']['called']>>>

type Params = Record<'line' | 'channel' | 'topic', string>

export function mountProviders(app: FastifyInstance, { gateway, log }: ProvidersOptions): void {
  let underWay = 0
  const called = new WeakMap<FastifyRequest, Answering>()
  void app.register((own, _options, done) => {
    own.removeAllContentTypeParsers()
    own.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (_request, body, done) => {
      done(null, body)
    })
    own.setErrorHandler((error: { statusCode?: number }, request, reply) => {
      const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 503
      const { line } = paramsOf(request)
      // Whoever calls more than there is room for makes no error of ours.
      if (error instanceof GatewayError) log.warn({ line, status }, 'a call of a provider was refused')
      else if (status === 503) log.error({ err: error, line }, 'a call of a provider failed')
      void send(reply, { status, contentType: 'text/plain', body: status === 503 ? 'Try again later.' : 'Refused.' })
    })
    own.route<{ Params: Params }>({
      method: ['GET', 'POST'],
      url: path,
      bodyLimit: bodyBytesMax,
      onRequest: async (request, reply) => {
        // Whoever does not know the address of a line makes us read nothing.
        const answering = await gateway.providers.called(request.params)
        if (answering === null) return send(reply, nobody)
        if (underWay >= underWayMax) throw new GatewayError('SERVICE_UNAVAILABLE', 'Too many calls at once.')
        underWay += 1
        called.set(request, answering)
        reply.raw.once('close', () => {
          underWay -= 1
        })
      },
      handler: async (request, reply) => {
        const answer = (await called.get(request)?.(callOf(request))) ?? nobody
        if (answer.status >= 400)
          log.warn({ line: request.params.line, status: answer.status }, 'a call of a provider was refused')
        return send(reply, answer)
      },
    })
    done()
  })
}

function paramsOf(request: FastifyRequest): Partial<Params> {
  return request.params as Partial<Params>
}

function callOf(request: FastifyRequest<{ Params: Params }>): Parameters<Answering>[0] {
  const { url, method, params, body } = request
  const mark = url.indexOf('?')
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
  return {
    topic: params.topic,
    method,
    query: mark < 0 ? '' : url.slice(mark),
    headers,
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  }
}

function send(
  reply: FastifyReply,
  { status, contentType, body }: { status: number; contentType: string; body: string },
): FastifyReply {
  return reply.code(status).header('content-type', `${contentType}; charset=utf-8`).send(body)
}
