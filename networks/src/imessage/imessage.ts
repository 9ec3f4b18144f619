/** A pretended Mac with BlueBubbles server 1.9.9: its API, its webhooks with all that is wrong with them, and the people behind it. */
import { type Answered, type Asked, type Door, type Logged, openDoor } from '../sms/door.ts'
import type { Breach } from './breaches.ts'
import { type Faults, faultsOf } from './faults.ts'
import { Failure, timedOut, unauthorized, unhandled } from './http/envelope.ts'
import { readForm } from './http/multipart.ts'
import { type Ask, type Route, routeFor } from './http/router.ts'
import { LiveWorld, type WorldOptions } from './live-world.ts'
import { privateApiGate } from './mac/private-api.ts'
import type { Webhook } from './mac/webhooks.ts'
import { type Owner, ownerOf } from './people/owner.ts'
import { createPerson, type Person } from './people/person.ts'
import { changes } from './routes/changes.ts'
import { chats } from './routes/chats.ts'
import { files } from './routes/files.ts'
import { groups } from './routes/groups.ts'
import { handles } from './routes/handles.ts'
import { aboutMac } from './routes/mac.ts'
import { reads } from './routes/reads.ts'
import { sends } from './routes/sends.ts'
import type { Chat, Message } from './store/rows.ts'
import type { Mac, Quirks, Waits, World } from './world.ts'

export interface ImessageOptions extends WorldOptions {
  /** 0: any that is free. */
  port?: number
  password?: string
}

export interface ImessageNetwork extends Pick<Door, 'port' | 'hanging' | 'cut' | 'mend' | 'stop'> {
  /** As a line's URL. */
  readonly url: string
  readonly password: string
  /** Somebody with a phone, by number or by e-mail address. */
  person(address: string): Person
  /** Who sits at the Mac. */
  readonly owner: Owner
  /** Set anew to change it while it runs. */
  readonly mac: Mac
  readonly quirks: Quirks
  readonly waits: Waits
  readonly faults: Faults
  webhooks(): readonly Webhook[]
  /** What lies in its store. */
  messages(): readonly Message[]
  chats(): readonly Chat[]
  /** What was asked, the newest last; of a form with files only its fields and the names of the files. */
  requests(): readonly Logged[]
  /** Names that the server was given for files, as they came. */
  readonly fileNames: readonly string[]
  /** Of these, those that would have led the real server astray. */
  readonly breaches: readonly Breach[]
  readonly busy: number
  leftBehind(): number
}

const bodyBytesMax = 1_100_000_000
const shownMax = 100_000
const answersWithinMs = 300_000
const routes: readonly Route[] = [
  ...aboutMac,
  ...sends,
  ...reads,
  ...changes,
  ...chats,
  ...groups,
  ...files,
  ...handles,
]

export async function openImessage(options: ImessageOptions): Promise<ImessageNetwork> {
  const world = new LiveWorld(options)
  const password = options.password ?? 'loopback-password'
  const isAuthorized = (query: URLSearchParams) => !world.doings.isUnauthorized && givenIn(query) === password
  const door = await openDoor({
    port: options.port ?? 0,
    bodyBytesMax,
    isAuthorized: (_, query) => isAuthorized(query),
    shown,
    answer: (asked) => answer(world, asked, isAuthorized),
  })
  const { store, mac, quirks, waits, webhooks, watch, stopped } = world
  return {
    port: door.port,
    get hanging() {
      return door.hanging
    },
    cut: door.cut,
    mend: door.mend,
    ...{ url: `http://127.0.0.1:${door.port}`, password, mac, quirks, waits },
    person: (address) => createPerson(world, world.parties.of(address)),
    owner: ownerOf(world),
    faults: faultsOf(world),
    webhooks: () => webhooks.registered,
    messages: () => store.messages,
    chats: () => store.chats,
    requests: () => door.requests,
    fileNames: watch.names,
    breaches: watch.breaches,
    get busy() {
      return world.due + webhooks.underWay + door.busy
    },
    leftBehind: () => door.sockets + world.due + webhooks.underWay,
    async stop() {
      stopped.abort()
      webhooks.stop()
      await door.stop()
    },
  }
}

async function answer(
  world: World,
  asked: Asked,
  isAuthorized: (query: URLSearchParams) => boolean,
): Promise<Answered> {
  try {
    const { body, files } = readBody(asked)
    const found = routeFor(routes, asked.method, asked.path)
    if ('allowed' in found) return nothingThere(found.allowed)
    if (givenIn(asked.query) === null) throw unauthorized('Missing server password!')
    if (!isAuthorized(asked.query)) throw unauthorized()
    if (found.route.isGated) privateApiGate(world)
    const { params, route } = found
    const query = Object.fromEntries(asked.query)
    const answered = await inTime(world, route, { params, query, body, files, path: asked.path })
    const isLost = isSend(asked) && world.doings.takeLostAnswer()
    return isLost ? 'silence' : answered
  } catch (error) {
    if (error instanceof Failure) return isSend(asked) && world.doings.takeLostAnswer() ? 'silence' : error.answer()
    throw error
  }
}

function nothingThere(allowed: readonly string[]): Answered {
  const headers: Record<string, string> = allowed.length > 0 ? { allow: allowed.join(', ') } : {}
  const status = allowed.length > 0 ? 405 : 404
  return {
    status,
    type: 'text/plain; charset=utf-8',
    headers,
    body: status === 405 ? 'Method Not Allowed' : 'Not Found',
  }
}

/** Whoever asked is told after five minutes that it took too long; what was begun goes on. */
async function inTime(world: World, route: Route, ask: Ask): Promise<Answered> {
  const timer = new AbortController()
  const work = Promise.resolve(route.answer(world, ask))
  const late = world.clock.sleep(answersWithinMs, timer.signal).then(() => null)
  try {
    const answered = await Promise.race([work, late])
    if (answered !== null) return answered
    // Nobody hears any more how it ended.
    work.catch(() => {})
    throw timedOut('The server took too long to respond and has timed-out!', answersWithinMs)
  } finally {
    timer.abort()
  }
}

function isSend({ method, path }: Asked): boolean {
  return method === 'POST' && /\/(?:message\/(?!query)|chat\/new$)/.test(path)
}

function readBody({ method, headers, body }: Asked): Pick<Ask, 'body' | 'files'> {
  const type = headers['content-type'] ?? ''
  if (method === 'GET' || body.length === 0) return { body: {}, files: new Map() }
  if (type.startsWith('multipart/form-data')) {
    const form = readForm(body, type)
    if (form === null) throw unhandled('MultipartParser.end(): stream ended unexpectedly')
    return { body: form.fields, files: form.files }
  }
  if (!/^application\/(?:[\w.]+\+)?json/.test(type)) return { body: {}, files: new Map() }
  try {
    const json: unknown = JSON.parse(body.toString())
    if (typeof json === 'object' && json !== null) return { body: json as Ask['body'], files: new Map() }
  } catch (error) {
    if (error instanceof SyntaxError) throw unhandled(error.message)
    throw error
  }
  throw unhandled('invalid JSON, only supports object and array')
}

function givenIn(query: URLSearchParams): string | null {
  return (query.get('guid') ?? query.get('password') ?? query.get('token'))?.trim() || null
}

function shown(body: Buffer, type: string): string {
  const form = type.startsWith('multipart/') ? readForm(body, type) : null
  if (form === null) return body.subarray(0, shownMax).toString()
  const sent = [...form.files].map(([field, { name, bytes }]) => ({ field, name, bytes: bytes.length }))
  return JSON.stringify({ ...form.fields, files: sent })
}
