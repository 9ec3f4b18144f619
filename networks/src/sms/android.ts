/** A pretended phone with the app SMS Gateway for Android: its API, its signed webhooks, and the people it writes to. */
import { createHmac, randomBytes } from 'node:crypto'
import type { People } from '../people.ts'
import type { Clock } from '../time.ts'
import { readSendRequest, readWebhook, type SendRequest, type Webhook } from './android-requests.ts'
import { type Answered, type Asked, type Door, isBasic, json, openDoor } from './door.ts'
import { createHooks, type Hooks } from './hooks.ts'

export interface AndroidOptions {
  people: People
  clock: Clock
  /** 0: any that is free. */
  port?: number
  user?: string
  password?: string
  signingKey?: string
  deviceId?: string
  /** The numbers of its SIMs, in their order. */
  sims?: readonly string[]
}

export interface PhoneMedia {
  mimeType: string
  bytes: Uint8Array
}

export interface AndroidNetwork extends Pick<Door, 'port' | 'requests' | 'hanging' | 'cut' | 'mend' | 'stop'> {
  /** As a line's URL: the user stands before the @. */
  readonly url: string
  readonly user: string
  readonly password: string
  readonly signingKey: string
  readonly deviceId: string
  webhooks(): readonly Webhook[]
  say(from: string, to: string, text: string, media?: readonly PhoneMedia[]): void
  /** The next message is taken, and its answer never comes. */
  loseNextAnswer(): void
  /** From now on its webhooks are not called; what became of messages is told to those who ask. */
  fallSilent(silent: boolean): void
  readonly busy: number
  /** Webhooks that were not taken yet. */
  readonly waiting: number
  leftBehind(): number
}

type State = 'Pending' | 'Sent' | 'Delivered' | 'Failed'

interface Sent extends SendRequest {
  state: State
  error: string | null
}

interface World extends Required<Omit<AndroidOptions, 'port'>> {
  messages: Map<string, Sent>
  registered: Map<string, Webhook>
  hooks: Hooks
  stopped: AbortController
  due: number
  losesNext: boolean
  isSilent: boolean
}

const waitsMs = Array.from({ length: 14 }, (_, times) => 10_000 * 2 ** times)
const hookTimeoutMs = 30_000
const messagesMax = 20_000
const webhooksMax = 100

export async function openAndroidGateway(options: AndroidOptions): Promise<AndroidNetwork> {
  const { people, clock } = options
  const world: World = {
    ...{ people, clock, user: options.user ?? 'sms', password: options.password ?? 'loopback-password' },
    ...{ signingKey: options.signingKey ?? 'loopbackkey', deviceId: options.deviceId ?? 'loopback-device' },
    sims: options.sims ?? [],
    messages: new Map(),
    registered: new Map(),
    hooks: createHooks({ clock, waitsMs, timeoutMs: hookTimeoutMs }),
    stopped: new AbortController(),
    due: 0,
    losesNext: false,
    isSilent: false,
  }
  const { user, password, signingKey, deviceId } = world
  const isAuthorized = (given: string | undefined) => isBasic(given, user, password)
  const door = await openDoor({
    port: options.port ?? 0,
    bodyBytesMax: 64 * 1024,
    isAuthorized,
    answer: (asked) =>
      isAuthorized(asked.headers.authorization) ? answer(world, asked) : json(401, { message: 'Unauthorized' }),
  })
  return {
    port: door.port,
    requests: door.requests,
    get hanging() {
      return door.hanging
    },
    cut: door.cut,
    mend: door.mend,
    url: `http://${user}@127.0.0.1:${door.port}`,
    ...{ user, password, signingKey, deviceId },
    webhooks: () => [...world.registered.values()],
    say: (from, to, text, media = []) => say(world, { from, to, text, media }),
    loseNextAnswer() {
      world.losesNext = true
    },
    fallSilent(silent) {
      world.isSilent = silent
    },
    get busy() {
      return world.due + world.hooks.underWay + door.busy
    },
    get waiting() {
      return world.hooks.waiting
    },
    leftBehind: () => door.sockets + world.due + world.hooks.waiting,
    async stop() {
      world.stopped.abort()
      world.hooks.stop()
      await door.stop()
    },
  }
}

function answer(world: World, { method, path, headers, body }: Asked): Answered {
  const isJson = headers['content-type']?.split(';')[0] === 'application/json'
  if (method === 'POST' && !isJson) return json(415, { message: 'Send application/json' })
  const { deviceId } = world
  if (path === '/messages' && method === 'POST') return send(world, readSendRequest(body, deviceId))
  if (path === '/webhooks' && method === 'GET') return json(200, [...world.registered.values()])
  if (path === '/webhooks' && method === 'POST') return register(world, readWebhook(body, deviceId))
  const sent = method === 'GET' ? world.messages.get(/^\/messages\/([^/]+)$/.exec(path)?.[1] ?? '') : undefined
  return sent === undefined ? json(404, { message: 'Not found' }) : json(200, shown(world, sent))
}

function register({ registered }: World, webhook: Webhook | string): Answered {
  if (typeof webhook === 'string') return json(400, { message: webhook })
  if (registered.size >= webhooksMax && !registered.has(webhook.id)) return json(400, { message: 'Too many webhooks' })
  registered.set(webhook.id, webhook)
  return json(201, webhook)
}

function send(world: World, request: SendRequest | string): Answered {
  if (typeof request === 'string') return json(400, { message: request })
  const { people, messages, sims, clock } = world
  if (messages.has(request.id)) return json(409, { message: 'Message with the same ID already exists' })
  const { to, text, id } = request
  const behaviour = people.behaviourOf(to)
  const tries = people.countTry(to, text)
  if (tries <= behaviour.failsFirst) return json(500, { message: 'Something went wrong' })
  if (tries <= behaviour.failsFirst + behaviour.throttledFirst) {
    const headers = { 'retry-after': String(Math.ceil(behaviour.throttledForMs / 1_000)) }
    return json(503, { message: 'Queue limit exceeded' }, headers)
  }
  const sent: Sent = { ...request, state: 'Pending', error: null }
  messages.set(id, sent)
  const [oldest] = messages.keys()
  if (messages.size > messagesMax && oldest !== undefined) messages.delete(oldest)
  const from = sims[(request.simNumber ?? 1) - 1] ?? 'phone'
  if (behaviour.exists) {
    people.take({ network: 'android', id, parts: [id], from, to, text, media: [], at: clock.now() })
    follow(world, sent)
    if (behaviour.writesBack !== null) {
      const back = behaviour.writesBack.replaceAll('$text', () => text)
      later(world, behaviour.writesBackAfterMs, () => say(world, { from: to, to: from, text: back, media: [] }))
    }
  } else later(world, 50, () => settle(world, sent, 'Failed', 'Send result: RESULT_NETWORK_REJECT (Failed)'))
  if (behaviour.neverAnswers) return 'silence'
  if (!world.losesNext) return json(202, shown(world, sent))
  world.losesNext = false
  return 'silence'
}

/** The way of a message that the network took. */
function follow(world: World, sent: Sent): void {
  const { receiptAfterMs, receipt } = world.people.behaviourOf(sent.to)
  later(world, 0, () => settle(world, sent, 'Sent', null))
  if (receiptAfterMs === null) return
  const [state, error] =
    receipt === 'delivered' ? (['Delivered', null] as const) : (['Failed', 'Delivery failed'] as const)
  later(world, receiptAfterMs, () => settle(world, sent, state, error))
}

function settle(world: World, sent: Sent, state: Exclude<State, 'Pending'>, error: string | null): void {
  sent.state = state
  sent.error = error
  const at = isoOf(world)
  const common = {
    messageId: sent.id,
    sender: null,
    recipient: sent.to,
    simNumber: sent.simNumber ?? 1,
    phoneNumber: sent.to,
  }
  if (state === 'Sent') emit(world, 'sms:sent', sent.id, { ...common, partsCount: 1, sentAt: at })
  else if (state === 'Delivered') emit(world, 'sms:delivered', sent.id, { ...common, deliveredAt: at })
  else emit(world, 'sms:failed', sent.id, { ...common, failedAt: at, reason: error ?? 'Unknown' })
}

function shown({ deviceId }: World, { id, state, to, error }: Sent): object {
  const recipients = [{ phoneNumber: to, state, error }]
  return { id, deviceId, state, isHashed: false, isEncrypted: false, recipients, states: {} }
}

interface Said {
  from: string
  to: string
  text: string
  media: readonly PhoneMedia[]
}

function say(world: World, { from, to, text, media }: Said): void {
  const simNumber = world.sims.indexOf(to) + 1 || 1
  // A hash of the content, as the app makes it: the same words have the same id.
  const messageId = createHmac('sha256', 'message').update(`${from} ${text}`).digest('hex').slice(0, 8)
  const common = { messageId, sender: from, recipient: to, simNumber, phoneNumber: from, receivedAt: isoOf(world) }
  world.people.tell({ what: 'said', network: 'android', from, text })
  if (media.length === 0) {
    emit(world, 'sms:received', from, { ...common, message: text })
    return
  }
  const size = media.reduce((sum, { bytes }) => sum + bytes.length, 0)
  emit(world, 'mms:received', from, { ...common, transactionId: messageId, subject: null, size, contentClass: null })
  const attachments = media.map(({ mimeType, bytes }, at) => ({
    ...{ partId: at + 1, contentType: mimeType, name: `part${at + 1}`, size: bytes.length },
    data: Buffer.from(bytes).toString('base64'),
  }))
  emit(world, 'mms:downloaded', from, { ...common, body: text, subject: null, attachments })
}

function emit(world: World, event: string, thread: string, payload: object): void {
  const { registered, deviceId, signingKey, hooks, isSilent } = world
  for (const webhook of registered.values()) {
    if (webhook.event !== event || isSilent) continue
    const id = randomBytes(16).toString('base64url')
    const body = JSON.stringify({ id, webhookId: webhook.id, event, deviceId, payload })
    const headers = () => {
      const timestamp = String(Math.floor(world.clock.now() / 1_000))
      const signature = createHmac('sha256', signingKey).update(body).update(timestamp).digest('hex')
      return { 'content-type': 'application/json', 'x-timestamp': timestamp, 'x-signature': signature }
    }
    hooks.call({ thread: `${webhook.url} ${thread}`, url: webhook.url, body, headers })
  }
}

function later(world: World, ms: number, work: () => void): void {
  world.due += 1
  void world.clock
    .sleep(ms, world.stopped.signal)
    .then(() => (world.stopped.signal.aborted ? undefined : work()))
    .finally(() => {
      world.due -= 1
    })
}

function isoOf({ clock }: World): string {
  return new Date(clock.now()).toISOString()
}
