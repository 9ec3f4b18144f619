/** Comparison (a): the framework of the gateway with its options, answering a constant to a parsed JSON body. */
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { answerAs } from './child.ts'

export interface ConstantSettings {
  status: number
  headers: Record<string, string>
  body: string
}

await answerAs<ConstantSettings>(async ({ status, headers, body }) => {
  const app = Fastify({
    logger: false,
    requestIdHeader: false,
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5_000 },
  })
  app.post('/v1/messages', (_request, reply) => reply.code(status).headers(headers).send(body))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    answers: { place: () => ({ port: (app.server.address() as AddressInfo).port }) },
    stop: async () => {
      app.server.closeAllConnections()
      await app.close()
    },
  }
})
