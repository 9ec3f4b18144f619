/** What we sign is taken by the clients that exist, and nothing else is: a hundred thousand bent deliveries find no way in. */
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Chance, seededChance } from '../../src/lib/chance.ts'
import { webhookDialects } from '../../src/model/webhook.ts'
import {
  isUsableSecret,
  mintSecret,
  type Secret,
  shownPublicKey,
  shownSecret,
  shownWhatsBridgeSecret,
} from '../../src/webhooks/secrets.ts'
import { signatureHeaders } from '../../src/webhooks/signing.ts'
import { type Client, type Received, standardClient, textbubblesClient, whatsbridgeClient } from './clients.ts'
import { type Genuine, mutations, receivedOf, type Signed } from './mutations.ts'

const nowSeconds = 1_780_272_000

const { stackTraceLimit } = Error

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: nowSeconds * 1000 })
  // The official library refuses by throwing, and the traces of 100,000 refusals take longer than all the rest.
  Error.stackTraceLimit = 0
})

afterAll(() => {
  vi.useRealTimers()
  Error.stackTraceLimit = stackTraceLimit
})

interface Clients {
  standard: Client
  textbubbles: Client
  whatsbridge: Client
}

const textOf = (secret: Secret) => secret.supplied ?? shownSecret(secret)

const clientsOf = (secret: Secret): Clients => ({
  standard: standardClient(shownSecret(secret)),
  textbubbles: textbubblesClient(textOf(secret)),
  whatsbridge: whatsbridgeClient(shownWhatsBridgeSecret(secret)),
})

interface Endpoint {
  secrets: readonly [current: Secret, previous: Secret, outdated: Secret]
  clients: Clients
}

function endpointOf(chance: Chance): Endpoint {
  const secret = (): Secret => ({
    random: Buffer.from(Array.from({ length: 32 }, () => chance.between(0, 255))).toString('base64'),
    supplied: chance.happens(0.5) ? `text-of-a-customer-${chance.between(0, 2 ** 50)}` : null,
  })
  const secrets = [secret(), secret(), secret()] as const
  return { secrets, clients: clientsOf(secrets[0]) }
}

const words = ['Hello. ', 'grüße ', '🎈', '"quoted" ', '\\ ', '\n', 'price 1.50 ', '{"id":1} ', '.{} ']

function signingOf(chance: Chance, number: number): Signed {
  const text = Array.from({ length: chance.between(0, 30) }, () => words[chance.between(0, words.length - 1)]).join('')
  const id = `evt_${chance.between(0, 2 ** 50).toString(16)}-${number}`
  const body = { id, type: 'message.inbound', timestamp: '2026-06-01T00:00:00.000Z', data: { text } }
  return { id, timestamp: nowSeconds + chance.between(-299, 299), body: Buffer.from(JSON.stringify(body)) }
}

function genuineOf(chance: Chance, endpoints: readonly Endpoint[], number: number): Genuine & { clients: Clients } {
  const place = chance.between(0, endpoints.length - 1)
  const endpoint = endpoints[place] as Endpoint
  const stranger = endpoints[(place + 1) % endpoints.length] as Endpoint
  const [current, previous, outdated] = endpoint.secrets
  const signed = {
    dialect: webhookDialects[number % webhookDialects.length] ?? 'standard',
    keys: chance.happens(0.3) ? [current, previous] : [current],
    asymmetric: chance.happens(0.1),
    signing: signingOf(chance, number),
    other: signingOf(chance, -number - 1),
    outdated,
    stranger: stranger.secrets[0],
  }
  return { ...signed, received: receivedOf(signed), clients: endpoint.clients }
}

const takenBy = (clients: Clients, received: Received) =>
  Object.entries(clients).flatMap(([name, client]: [string, Client]) => (client(received) ? [name] : []))

const perDelivery = 10

/** Calls `judge` for `count` bent deliveries, of every kind in turn. */
function bend(seed: string, count: number, judge: (one: Genuine & { clients: Clients }, kind: string) => void): number {
  const chance = seededChance(seed)
  const endpoints = Array.from({ length: 50 }, () => endpointOf(chance))
  const kinds = [...mutations]
  let made = 0
  for (let number = 0; made < count; number += 1) {
    const genuine = genuineOf(chance, endpoints, number)
    for (let time = 0; time < perDelivery && made < count; time += 1) {
      const [kind, mutation] = kinds[made % kinds.length] as (typeof kinds)[number]
      judge({ ...genuine, received: mutation(genuine, chance) }, kind)
      made += 1
    }
  }
  return made
}

describe('what we sign is taken', () => {
  test('by the client of its own scheme and of no other, in every dialect', () => {
    const chance = seededChance('genuine')
    const endpoints = Array.from({ length: 20 }, () => endpointOf(chance))
    for (let number = 0; number < 2_000; number += 1) {
      const { clients, received, dialect } = genuineOf(chance, endpoints, number)
      expect(takenBy(clients, received)).toEqual(dialect === 'standard' ? ['standard'] : ['standard', dialect])
    }
  })

  test('by the official library with the old and with the new secret while both are honoured', () => {
    const [current, previous, stranger] = [mintSecret(null), mintSecret('the text of before'), mintSecret(null)]
    const body = Buffer.from('{"data":{"text":"grüße"}}')
    for (const asymmetric of [false, true]) {
      const signing = { id: 'evt_1', timestamp: nowSeconds, body }
      const headers = signatureHeaders('textbubbles', [current, previous], asymmetric, signing)
      for (const secret of [current, previous]) {
        expect(new Webhook(shownSecret(secret)).verify(body, headers)).toEqual({ data: { text: 'grüße' } })
      }
      expect(() => new Webhook(shownSecret(stranger)).verify(body, headers)).toThrow('No matching signature')
      expect(() => new Webhook(shownSecret(previous)).verify(body, signatureOf([current], body))).toThrow('No matching')
    }
  })

  test('by an old client with its old secret, from the header for it', () => {
    const [current, previous] = [mintSecret(null), mintSecret('the text of before')]
    const body = Buffer.from('{}')
    const headers = signatureOf([current, previous], body)
    const old = textbubblesClient('the text of before')
    const named = { 'x-timestamp': headers['X-Timestamp'] ?? '', 'x-signature': headers['X-Signature'] ?? '' }
    expect(old({ headers: named, body })).toBe(false)
    expect(old({ headers: { ...named, 'x-signature': headers['X-Signature-Previous'] ?? '' }, body })).toBe(true)
  })

  test('with a key pair, by whoever knows the public key alone', () => {
    const [current, previous] = [mintSecret(null), mintSecret(null)]
    const body = Buffer.from('{"a":1}')
    const headers = signatureHeaders('standard', [current, previous], true, { id: 'evt_1', timestamp: 1, body })
    const signatures = (headers['webhook-signature'] ?? '').split(' ').filter((one) => one.startsWith('v1a,'))
    const holds = (secret: Secret, signed: string) =>
      signatures.map((one) => {
        const x = Buffer.from(shownPublicKey(secret).slice('whpk_'.length), 'base64').toString('base64url')
        const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
        return verify(null, Buffer.from(signed), key, Buffer.from(one.slice('v1a,'.length), 'base64'))
      })
    expect(holds(current, 'evt_1.1.{"a":1}')).toEqual([true, false])
    expect(holds(previous, 'evt_1.1.{"a":1}')).toEqual([false, true])
    expect(holds(mintSecret(null), 'evt_1.1.{"a":1}')).toEqual([false, false])
    expect(holds(current, 'evt_1.1.{"a":2}')).toEqual([false, false])
  })
})

const signatureOf = (keys: readonly Secret[], body: Buffer) =>
  signatureHeaders('textbubbles', keys, false, { id: 'evt_1', timestamp: nowSeconds, body })

describe('published examples', () => {
  test('the one of Standard Webhooks', () => {
    const secret = { random: 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', supplied: null }
    const body = Buffer.from('{"test": 2432232314}')
    const signing = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body }
    expect(signatureHeaders('standard', [secret], false, signing)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  test('the one of X-Signature, whose secret was supplied', () => {
    const body =
      '{"id":"evt_00000000-0000-4000-8000-000000000001","type":"webhook.test","timestamp":"2026-06-01T00:00:00.000Z","data":{"message":"ping"}}'
    const id = 'evt_00000000-0000-4000-8000-000000000001'
    const signing = { id, timestamp: 1_780_272_000, body: Buffer.from(body) }
    const headers = signatureHeaders('textbubbles', [mintSecret('whsec_example_vector_1')], false, signing)
    expect(headers['X-Signature']).toBe('sha256=253ca007182ad9388252073b139af2507fc210c8359fee90b68611d6f81fb8e5')
    expect(headers['X-Timestamp']).toBe('1780272000')
  })
})

describe('nothing else is taken', () => {
  test('none of 100,000 bent deliveries, by none of three clients', () => {
    const taken: unknown[] = []
    const kinds = new Map<string, number>()
    const made = bend('bent', 100_000, ({ clients, received }, kind) => {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      const by = takenBy(clients, received)
      if (by.length > 0) taken.push({ kind, by, headers: received.headers, body: received.body.toString() })
    })
    expect(taken.slice(0, 5)).toEqual([])
    expect(made).toBe(100_000)
    expect([...kinds.keys()].sort()).toEqual([...mutations.keys()].sort())
    expect(Math.min(...kinds.values())).toBeGreaterThan(3_000)
  }, 60_000)

  test('what a client without a time would take is nothing it can read', () => {
    const secret = mintSecret(null)
    const signed = Buffer.from('{"data":{"text":"a text .{} with dots"}}')
    const signature = signatureOf([secret], signed)['X-Signature'] ?? ''
    const body = Buffer.from(`${nowSeconds}.${signed}`)
    expect(textbubblesClient(shownSecret(secret))({ headers: { 'x-signature': signature }, body })).toBe(true)
    expect(() => JSON.parse(body.toString())).toThrow()
  })
})

/** Clients with a known hole, each of which the bent deliveries must find. */
describe('the bent deliveries find', () => {
  const foundBy = (client: (secret: Secret) => Client) => {
    const found = new Set<string>()
    bend('planted', 10_000, ({ keys, received }, kind) => {
      if (client(keys[0] as Secret)(received)) found.add(kind)
    })
    return [...found]
  }

  const expectedIn = ({ headers, body }: Received, secret: Secret) => {
    const signed = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body])
    return createHmac('sha256', Buffer.from(secret.random, 'base64')).update(signed).digest('base64')
  }
  const given = ({ headers }: Received) => (headers['webhook-signature'] ?? '').split(' ').map((one) => one.split(','))

  test('one key for the schemes with and without a time', () => {
    const shared = (secret: Secret) => textbubblesClient(shownWhatsBridgeSecret(secret))
    expect(foundBy(shared)).toEqual(['signature: of another scheme'])
    expect(isUsableSecret(shownWhatsBridgeSecret(mintSecret(null)))).not.toBeNull()
  })

  test('a comparison that ends with the shorter of the two', () => {
    const shorter = (secret: Secret) => (received: Received) =>
      given(received).some(([version, text = '']) => version === 'v1' && expectedIn(received, secret).startsWith(text))
    expect(foundBy(shorter)).toEqual(expect.arrayContaining(['signature: truncated', 'signature: empty']))
  })

  test('a comparison that does not mind upper and lower case', () => {
    const lax = (secret: Secret) => (received: Received) =>
      given(received).some(([, text]) => text?.toLowerCase() === expectedIn(received, secret).toLowerCase())
    const expected = ['signature: a letter in the other case', 'signature: of another version']
    expect(foundBy(lax)).toEqual(expect.arrayContaining(expected))
  })

  test('a client that takes any text for a time', () => {
    const timeless = (secret: Secret) => (received: Received) =>
      given(received).some(([version, text]) => version === 'v1' && text === expectedIn(received, secret))
    const expected = ['time: grown by the beginning of the body', 'time: long past, and signed so']
    expect(foundBy(timeless).sort()).toEqual(expected)
  })
})
