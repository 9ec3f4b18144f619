/** Receivers that answer badly: each leaves a recorded attempt and a later one, and takes neither memory nor connections. */

import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { openCanaries } from '../egress/canary.ts'
import { issueCertificate } from '../egress/certificates.ts'
import { testWebhooks, until } from '../support/gateway.ts'
import { openReceiver } from '../support/receiver.ts'
import { tellWebhooks, type WebhookStory } from '../support/webhook-story.ts'

const text = { to: '+15550100199', content: { text: 'hello' } }
const quick = { options: { webhooks: { ...testWebhooks, timeoutMs: 300 } } }

let story: WebhookStory
const open: { close(): unknown }[] = []
afterEach(async () => {
  await story.end()
  for (const one of open.splice(0)) await one.close()
})

/** Raw bytes, or silence, on each connection. */
async function rawReceiver(heard: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    socket.once('data', () => heard(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}

async function attempted(hook: string) {
  let delivery: Awaited<ReturnType<WebhookStory['deliveries']>>[number]
  await until(async () => {
    delivery = (await story.deliveries(hook))[0]
    return delivery?.attempts === 1
  }, 'the first attempt')
  return delivery
}

const badly: Record<string, (socket: Socket) => void> = {
  'accepts and never answers': () => {},
  'hangs up at once': (socket) => socket.destroy(),
  'resets the connection': (socket) => void socket.resetAndDestroy(),
  'answers half a head and hangs up': (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
  'drips its head': (socket) => {
    const drop = () => {
      if (!socket.destroyed) socket.write('x', () => setImmediate(drop))
    }
    socket.write('HTTP/1.1 200 OK\r\nx-drip: ')
    drop()
  },
  'promises more than it sends': (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
  'speaks no HTTP': (socket) => void socket.end('220 smtp.shop.test ready\r\n'),
}

test.each(Object.entries(badly))('%s', async (_name, heard) => {
  story = await tellWebhooks(quick)
  const url = await rawReceiver(heard)
  const hook = await story.hook({ url, events: ['message.queued'] })
  await story.send(text)
  const delivery = await attempted(hook.id)
  expect(delivery).toMatchObject({ status: 'pending', lastAttempt: { number: 1, responseStatus: null } })
  expect(delivery.lastAttempt.error).toMatch(/^[A-Z].*\.$/)
  expect(delivery.lastAttempt.error).not.toMatch(/127\.0\.0\.1|ECONN|undici|UND_/)
  expect(story.gateway.errors).toEqual([])
})

test('an endless answer is cut off after 16 kB, counts by its status, and shows its beginning in the log', async () => {
  story = await tellWebhooks(quick)
  let sent = 0
  const url = await rawReceiver((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nonce upon a time ')
    const pour = () => {
      if (socket.destroyed) return
      sent += 65_536
      socket.write(Buffer.alloc(65_536, 'x'), () => setImmediate(pour))
    }
    pour()
  })
  const hook = await story.hook({ url, events: ['message.queued'] })
  await story.send(text)
  const delivery = await attempted(hook.id)
  expect(delivery).toMatchObject({ status: 'delivered', lastAttempt: { responseStatus: 200 } })
  expect(delivery.lastAttempt.responseExcerpt).toMatch(/^once upon a time x+$/)
  expect(delivery.lastAttempt.responseExcerpt.length).toBeLessThanOrEqual(1_000)
  expect(sent).toBeLessThan(20 * 1024 * 1024)
})

test('bytes that are no text do not break the log', async () => {
  story = await tellWebhooks(quick)
  const url = await rawReceiver((socket) => {
    socket.end(
      Buffer.concat([
        Buffer.from('HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\n'),
        Buffer.from([0, 255, 0xd8, 0, 0xc3, 0x28]),
      ]),
    )
  })
  const hook = await story.hook({ url, events: ['message.queued'] })
  await story.send(text)
  expect((await attempted(hook.id)).lastAttempt).toMatchObject({
    responseStatus: 500,
    responseExcerpt: expect.any(String),
  })
})

test('a redirect inside is an attempt that failed, and nobody knocked there', async () => {
  story = await tellWebhooks(quick)
  const canaries = await openCanaries()
  open.push(canaries)
  const [port] = canaries.ports
  story.receiver.answer(
    (_one, response) => void response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end(),
  )
  const hook = await story.hook({ events: ['message.queued'] })
  await story.send(text)
  expect(await attempted(hook.id)).toMatchObject({ status: 'pending', lastAttempt: { responseStatus: 302 } })
  expect(canaries.connections()).toBe(0)
})

test('a certificate nobody vouches for is not accepted, and one that is trusted works', async () => {
  const certificate = await issueCertificate(['DNS:localhost'])
  const heard: string[] = []
  const server = createSecureServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    heard.push(request.url ?? '')
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  const url = `https://localhost:${(server.address() as AddressInfo).port}/tls`
  story = await tellWebhooks(quick)
  const hook = await story.hook({ url, events: ['message.queued'] })
  await story.send(text)
  const delivery = await attempted(hook.id)
  expect(delivery).toMatchObject({ status: 'pending', lastAttempt: { responseStatus: null } })
  expect(delivery.lastAttempt.error).toMatch(/certificate/)
  expect(heard).toEqual([])
  await story.end()
  story = await tellWebhooks({ ...quick, egress: { ca: certificate.cert } })
  await story.hook({ url, events: ['message.queued'] })
  await story.send(text)
  await until(async () => heard.length === 1, 'the delivery')
})

test('a receiver that was away gets everything when it is back, each event with the id it would have had', async () => {
  story = await tellWebhooks(quick)
  const { receiver, gateway } = story
  const hook = await story.hook({ events: ['message.queued', 'message.sent', 'message.delivered'] })
  await receiver.close()
  for (let count = 0; count < 3; count++) await story.send(text)
  await until(
    async () => (await story.deliveries(hook.id)).filter((one) => one.attempts > 0).length === 3,
    'the first attempts',
  )
  const back = await openReceiver(receiver.port)
  open.push(back)
  await story.pass(60_000)
  await until(async () => back.received.length === 9, 'nine events')
  const log = await gateway.database.db.query<{ id: string }>({
    name: '',
    text: `select 'evt_' || id as id from events where type like 'message.%'`,
  })
  expect(new Set(back.received.map((one) => one.body.id))).toEqual(new Set(log.map(({ id }) => id)))
})
