/**
 * Ways to bend a signed delivery, each of which leaves no valid signature in it for any client.
 *
 * Left out are changes that some client rightly does not mind, because they change nothing that was signed: entries
 * added to the list of `webhook-signature`, what follows a second comma in an entry, and digits of a time written
 * otherwise (a leading zero, a fraction). A change to one entry of the list is made to all of them. A scheme that
 * does not sign what is changed (the id, the time) has its headers taken away.
 */
import type { Chance } from '../../src/lib/chance.ts'
import { type WebhookDialect, webhookDialects } from '../../src/model/webhook.ts'
import type { Secret } from '../../src/webhooks/secrets.ts'
import { type Signing, signatureHeaders } from '../../src/webhooks/signing.ts'
import type { Received } from './clients.ts'

export interface Signed extends Signing {
  body: Buffer
}

export interface Genuine {
  dialect: WebhookDialect
  /** The first is the endpoint's own; the second, if any, is still honoured. */
  keys: readonly Secret[]
  asymmetric: boolean
  signing: Signed
  received: Received
  /** Of the same endpoint, and of another one. */
  outdated: Secret
  stranger: Secret
  /** Something else that was signed with the same keys. */
  other: Signed
}

type Mutation = (genuine: Genuine, chance: Chance) => Received

export function receivedOf(
  genuine: Omit<Genuine, 'received'>,
  keys = genuine.keys,
  signing = genuine.signing,
): Received {
  const headers = signatureHeaders(genuine.dialect, keys, genuine.asymmetric, signing)
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { headers: Object.fromEntries(named), body: signing.body }
}

const pick = <T>(chance: Chance, some: readonly T[]): T => some[chance.between(0, some.length - 1)] as T

/** Somewhere in it, also right behind it when `behind` is 1. */
const placeIn = (chance: Chance, { length }: { length: number }, behind = 0) => chance.between(0, length - 1 + behind)

const randomBuffer = (chance: Chance, size: number) =>
  Buffer.from(Array.from({ length: size }, () => chance.between(0, 255)))

function flipBit(bytes: Buffer, chance: Chance): Buffer {
  const bent = Buffer.from(bytes)
  const place = placeIn(chance, bent)
  bent[place] = (bent[place] ?? 0) ^ (1 << chance.between(0, 7))
  return bent
}

function toggleCase(text: string, chance: Chance): string {
  const letters = [...text.matchAll(/[a-z]/gi)].map(({ index }) => index)
  const place = pick(chance, letters)
  const letter = text.charAt(place)
  const toggled = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
  return text.slice(0, place) + toggled + text.slice(place + 1)
}

const insert = (text: string, place: number, added: string) => text.slice(0, place) + added + text.slice(place)

const bodies: Record<string, (body: Buffer, chance: Chance) => Buffer> = {
  'a bit flipped': flipBit,
  truncated: (body, chance) => body.subarray(0, placeIn(chance, body)),
  'begun late': (body, chance) => body.subarray(chance.between(1, body.length)),
  empty: () => Buffer.alloc(0),
  'bytes added': (body, chance) => {
    const place = pick(chance, [0, body.length, placeIn(chance, body)])
    const added = pick(chance, [Buffer.from(' '), Buffer.from('\n'), randomBuffer(chance, chance.between(1, 4))])
    return Buffer.concat([body.subarray(0, place), added, body.subarray(place)])
  },
  'written twice': (body) => Buffer.concat([body, body]),
  'a letter in the other case': (body, chance) => Buffer.from(toggleCase(body.toString(), chance)),
}

interface Entry {
  label: string
  separator: string
  value: string
}

const readable = { ',': 'base64', '=': 'hex' } as const

/** Each makes another text of every single signature. */
const entries: Record<string, (entry: Entry, chance: Chance) => string> = {
  'a bit flipped': ({ label, separator, value }, chance) => {
    const encoding = readable[separator as ',' | '=']
    return label + separator + flipBit(Buffer.from(value, encoding), chance).toString(encoding)
  },
  'a bit of its text flipped': ({ label, separator, value }, chance) =>
    flipBit(Buffer.from(label + separator + value), chance).toString('latin1'),
  truncated: ({ label, separator, value }, chance) => label + separator + value.slice(0, placeIn(chance, value)),
  'begun late': ({ label, separator, value }, chance) =>
    label + separator + value.slice(chance.between(1, value.length)),
  empty: (_entry, chance) =>
    pick(chance, ['', ',', '=', 'v1', 'v1,', 'v1a,', 'sha256', 'sha256=', 'undefined', 'null']),
  zero: ({ label, separator, value }) => label + separator + value.replaceAll(/[^=]/g, separator === ',' ? 'A' : '0'),
  'characters added': ({ label, separator, value }, chance) =>
    label + separator + insert(value, placeIn(chance, value, 1), pick(chance, ['A', 'a0', '=', '/', '+', '00', '\0'])),
  'written twice': ({ label, separator, value }) => label + separator + value + value,
  'a letter in the other case': ({ label, separator, value }, chance) => toggleCase(label + separator + value, chance),
  'in another alphabet': ({ label, separator, value }) => {
    const decoded = Buffer.from(value, readable[separator as ',' | '='])
    return label + separator + (separator === ',' ? decoded.toString('base64url') : decoded.toString('base64'))
  },
  'of another version': ({ label, separator, value }, chance) => {
    const versions =
      separator === ',' ? ['v1', 'v1a', 'v0', 'v2', 'v10', 'V1', 'v', ''] : ['sha1', 'sha512', 'SHA256', '']
    const others = versions.filter((one) => one !== label)
    return pick(chance, others) + separator + value
  },
  'without its version': ({ value }) => value,
}

const signatureNames = ['webhook-signature', 'x-signature', 'x-signature-previous', 'x-wabsync-signature']

function entriesOf(header: string): Entry[] {
  return header.split(' ').map((one) => {
    const [, label = '', separator = '', value = ''] = /^(\w+)([,=])(.*)$/.exec(one) ?? []
    return { label, separator, value }
  })
}

function bentSignatures({ headers, body }: Received, bend: (entry: Entry) => string): Received {
  const bent = Object.entries(headers).map(([name, value]) => [
    name,
    signatureNames.includes(name) ? entriesOf(value).map(bend).join(' ') : value,
  ])
  return { headers: Object.fromEntries(bent), body }
}

function without({ headers, body }: Received, lost: (name: string) => boolean): Received {
  return { headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !lost(name))), body }
}

/** Only headers of schemes that sign the id, or the time. */
const withId = (received: Received) => without(received, (name) => !name.startsWith('webhook-'))
const withTime = (received: Received) => without(received, (name) => name === 'x-wabsync-signature')

function atTime(received: Received, text: string | null): Received {
  const { headers, body } = withTime(received)
  const isTime = (name: string) => name === 'webhook-timestamp' || name === 'x-timestamp'
  if (text === null) return without({ headers, body }, isTime)
  const timed = Object.entries(headers).map(([name, value]) => [name, isTime(name) ? text : value])
  return { headers: Object.fromEntries(timed), body }
}

const times: Record<string, Mutation> = {
  shifted: ({ signing, received }, chance) => {
    const shift = chance.between(1, pick(chance, [3, 300, 1_000_000])) * pick(chance, [-1, 1])
    return atTime(received, String(signing.timestamp + shift))
  },
  'cut short': ({ signing, received }, chance) => {
    const text = String(signing.timestamp)
    return atTime(received, text.slice(0, placeIn(chance, text)))
  },
  missing: ({ received }) => atTime(received, null),
  'no number of seconds': ({ signing: { timestamp }, received }, chance) =>
    atTime(received, pick(chance, ['', 'NaN', 'now', 'Infinity', `-${timestamp}`, `${timestamp}000`, `1${timestamp}`])),
  'long past, and signed so': (genuine, chance) => {
    const timestamp = Math.floor(Date.now() / 1000) + pick(chance, [-1, 1]) * chance.between(302, 100_000)
    return withTime(receivedOf(genuine, genuine.keys, { ...genuine.signing, timestamp }))
  },
  'grown by the beginning of the body': ({ signing: { timestamp }, received }, chance) => {
    const { body } = received
    const place = pick(chance, [placeIn(chance, body), body.indexOf('.')])
    const text = `${timestamp}.${body.subarray(0, place)}`
    return { ...atTime(received, text), body: body.subarray(place + 1) }
  },
}

const ids: Record<string, Mutation> = {
  missing: ({ received }) => without(withId(received), (name) => name === 'webhook-id'),
  bent: ({ received, signing: { id, timestamp }, other }, chance) => {
    const changed = ['', toggleCase(id, chance), id.slice(1), `${id}0`, `${id}.`, `${id}.${timestamp}`, other.id]
    return { ...received, headers: { ...withId(received).headers, 'webhook-id': pick(chance, changed) } }
  },
}

/** A signature of every scheme, by the same keys and of the same delivery. */
function everySignature(genuine: Genuine): { scheme: string; entry: Entry }[] {
  return webhookDialects.flatMap((dialect) => {
    const { headers } = receivedOf({ ...genuine, dialect, asymmetric: true })
    return signatureNames.flatMap((name) =>
      entriesOf(headers[name] ?? '').flatMap((entry) => {
        if (entry.label === '') return []
        return [{ scheme: entry.label === 'sha256' ? name.replace('-previous', '') : entry.label, entry }]
      }),
    )
  })
}

/** A valid signature of one scheme under the name of another, encoded as that one wants it or, where that differs, as it is. */
const crossed: Mutation = (genuine, chance) => {
  const { id, timestamp, body } = genuine.signing
  const { scheme, entry } = pick(chance, everySignature(genuine))
  const targets = ['v1', 'x-signature', 'x-wabsync-signature'].filter((one) => one !== scheme)
  const target = pick(chance, targets)
  const bytes = Buffer.from(entry.value, readable[entry.separator as ',' | '='])
  const fits = (target === 'v1') === (entry.separator === ',')
  const asItIs = !fits && chance.happens(0.2) ? entry.label + entry.separator + entry.value : null
  const base64 = asItIs ?? `v1,${bytes.toString('base64')}`
  const hex = asItIs ?? `sha256=${bytes.toString('hex')}`
  const timed = { 'webhook-timestamp': String(timestamp), 'x-timestamp': String(timestamp) }
  if (target === 'v1') return { headers: { ...timed, 'webhook-id': id, 'webhook-signature': base64 }, body }
  return { headers: { [target]: hex, ...(chance.happens(0.5) && timed) }, body }
}

const sources: Record<string, Mutation> = {
  'by another endpoint': (genuine) => receivedOf(genuine, [genuine.stranger]),
  'by a key that is no longer honoured': (genuine) => receivedOf(genuine, [genuine.outdated]),
  'of another body': (genuine) => ({ ...receivedOf(genuine, genuine.keys, genuine.other), body: genuine.signing.body }),
  'of another delivery': (genuine) => {
    const { headers } = receivedOf(genuine, genuine.keys, genuine.other)
    const lent = Object.entries(headers).filter(([name]) => signatureNames.includes(name))
    return { ...genuine.received, headers: { ...genuine.received.headers, ...Object.fromEntries(lent) } }
  },
  'of another scheme': crossed,
}

const named = <T>(kind: string, some: Record<string, T>, as: (one: T) => Mutation): [string, Mutation][] =>
  Object.entries(some).map(([name, one]) => [`${kind}: ${name}`, as(one)])

const bentBy =
  (bend: (entry: Entry, chance: Chance) => string): Mutation =>
  ({ received }, chance) =>
    bentSignatures(received, (one) => bend(one, chance))

export const mutations: ReadonlyMap<string, Mutation> = new Map([
  ...named('body', bodies, (bend) => ({ received }, chance) => ({ ...received, body: bend(received.body, chance) })),
  ...named('signature', entries, bentBy),
  ...named('signature', sources, (mutation) => mutation),
  ...named('time', times, (mutation) => mutation),
  ...named('id', ids, (mutation) => mutation),
])
