/** A pretended provider of Twilio's shape: its REST API, its signed callbacks, and the people behind it. SignalWire's too. */
import { createHmac } from 'node:crypto'
import type { Behaviour, People } from '../people.ts'
import type { Clock } from '../time.ts'
import { type Answered, type Asked, type Door, isBasic, json, openDoor } from './door.ts'
import { createHooks, type Hooks } from './hooks.ts'
import { fetchMedia } from './media-fetch.ts'
import { type ApiError, readSendForm, type SendForm } from './twilio-forms.ts'
import { createRecords, type MediaRecord, type MessageRecord, type Records } from './twilio-records.ts'

export interface TwilioOptions {
  people: People
  clock: Clock
  /** 0: any that is free. */
  port?: number
  shape?: 'twilio' | 'signalwire'
  accountSid?: string
  authToken?: string
  /** Those that may send; without it any may. */
  numbers?: readonly string[]
  /** Status callbacks come in the wrong order and more than once. */
  disorder?: boolean
}

export interface SaidMedia {
  mimeType: string
  bytes: Uint8Array
  /** Where it is said to lie, when not here. */
  url?: string
}

export interface TwilioNetwork extends Pick<Door, 'port' | 'requests' | 'hanging' | 'cut' | 'mend' | 'stop'> {
  /** As a line's URL: the account stands before the @. */
  readonly url: string
  readonly accountSid: string
  readonly authToken: string
  /** Where messages to this number are told. */
  setInbound(number: string, url: string | null): void
  say(from: string, to: string, text: string, media?: readonly SaidMedia[]): string
  /** The next message is taken, and its answer never comes. */
  loseNextAnswer(): void
  /** From now on media is redirected to this origin; null: no more. */
  moveMedia(origin: string | null): void
  /** What is being done, or is due and not waiting to be tried again. */
  readonly busy: number
  /** Webhooks that were not taken yet. */
  readonly waiting: number
  leftBehind(): number
}

interface World extends Required<Omit<TwilioOptions, 'numbers' | 'port'>> {
  numbers: readonly string[] | null
  root: string
  records: Records
  hooks: Hooks
  inbound: Map<string, string>
  stopped: AbortController
  /** Pieces of work that are due some time. */
  due: number
  losesNext: boolean
  mediaOrigin: string | null
}

const waitsMs = [1_000, 2_000, 4_000, 8_000, 16_000]
const hookTimeoutMs = 15_000

export async function openTwilio(options: TwilioOptions): Promise<TwilioNetwork> {
  const world = worldOf(options)
  const { accountSid, authToken } = world
  const isAuthorized = (given: string | undefined) => isBasic(given, accountSid, authToken)
  const door = await openDoor({
    port: options.port ?? 0,
    bodyBytesMax: 64 * 1024,
    isAuthorized,
    answer: (asked) => {
      if (isAuthorized(asked.headers.authorization)) return answer(world, asked)
      return refused({ status: 401, code: 20003, message: 'Authenticate' })
    },
  })
  const basePath = world.shape === 'signalwire' ? '/api/laml' : ''
  const origin = `http://127.0.0.1:${door.port}`
  return {
    port: door.port,
    requests: door.requests,
    get hanging() {
      return door.hanging
    },
    cut: door.cut,
    mend: door.mend,
    url: `http://${accountSid}@127.0.0.1:${door.port}${basePath}`,
    accountSid,
    authToken,
    setInbound(number, url) {
      if (url === null) world.inbound.delete(number)
      else world.inbound.set(number, url)
    },
    say: (from, to, text, media = []) => say(world, origin, { from, to, text, media }),
    loseNextAnswer() {
      world.losesNext = true
    },
    moveMedia(to) {
      world.mediaOrigin = to
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

function worldOf(options: TwilioOptions): World {
  const { people, clock, shape = 'twilio', disorder = false, numbers = null } = options
  const isTwilio = shape === 'twilio'
  const accountSid =
    options.accountSid ?? (isTwilio ? `AC${'0123456789abcdef'.repeat(2)}` : '3f2504e0-4f89-41d3-9a0c-0305e82c3301')
  const root = `${isTwilio ? '' : '/api/laml'}/2010-04-01/Accounts/${accountSid}`
  return {
    ...{ people, clock, shape, disorder, numbers, accountSid, root },
    authToken: options.authToken ?? 'loopback-token',
    records: createRecords({ shape, accountSid, root }),
    hooks: createHooks({ clock, waitsMs, timeoutMs: hookTimeoutMs }),
    inbound: new Map(),
    stopped: new AbortController(),
    due: 0,
    losesNext: false,
    mediaOrigin: null,
  }
}

function answer(world: World, { method, path, query, headers, body }: Asked): Answered | Promise<Answered> {
  const { records, root, accountSid } = world
  const missing = refused({ status: 404, code: 20404, message: 'The requested resource was not found' })
  if (path === `${root}.json` && method === 'GET') {
    return json(200, { sid: accountSid, friendly_name: 'Loopback', status: 'active', type: 'Full' })
  }
  if (path === `${root}/Messages.json`) {
    if (method === 'GET') return json(200, records.list(query))
    return method === 'POST' ? create(world, readSendForm(headers['content-type'], body.toString())) : missing
  }
  const [, sid = '', rest = ''] =
    /^\/Messages\/([^/]+?)(\/Media(?:\/[^/]+|\.json)|\.json)$/.exec(path.slice(root.length)) ?? []
  const record = path.startsWith(root) && method === 'GET' ? records.find(sid) : undefined
  if (record === undefined) return missing
  if (rest === '.json') return json(200, records.show(record))
  if (rest === '/Media.json') return json(200, records.showMedia(record))
  const media = record.media.find((one) => rest === `/Media/${one.sid}`)
  return media === undefined ? missing : mediaAnswer(world, media)
}

function mediaAnswer({ mediaOrigin }: World, { sid, mimeType, bytes }: MediaRecord): Answered {
  if (mediaOrigin === null) return { status: 200, type: mimeType, body: bytes }
  return { status: 307, headers: { location: `${mediaOrigin}/${sid}` }, body: '' }
}

async function create(world: World, form: SendForm | ApiError): Promise<Answered> {
  if ('code' in form) return refused(form)
  const { people, numbers, records } = world
  if (numbers !== null && !numbers.includes(form.from)) {
    return refused({ status: 400, code: 21606, message: 'The From number is not owned by your account.' })
  }
  const behaviour = people.behaviourOf(form.to)
  const refusal = refusalBy(behaviour, form, people.countTry(form.to, form.body))
  if (refusal !== null) return refusal
  const hasMedia = form.media.length > 0
  const record: MessageRecord = {
    ...{ sid: records.newSid(hasMedia ? 'MM' : 'SM'), direction: 'outbound-api', status: 'queued', errorCode: null },
    ...{ from: form.from, to: form.to, body: form.body, atMs: world.clock.now() },
    media: [],
  }
  records.add(record)
  if (hasMedia) later(world, 0, () => carryMedia(world, record, form))
  else arrive(world, { record, form, media: [] })
  if (behaviour.neverAnswers) return 'silence'
  if (!world.losesNext) return json(201, records.show(record))
  world.losesNext = false
  return 'silence'
}

function refusalBy(behaviour: Behaviour, form: SendForm, tries: number): Answered | null {
  const { exists, failsFirst, throttledFirst, throttledForMs, refusesMedia } = behaviour
  if (!exists) return refused({ status: 400, code: 21211, message: "The 'To' number is not a valid phone number." })
  if (tries <= failsFirst) return refused({ status: 400, code: 30008, message: 'Unknown error' })
  if (tries <= failsFirst + throttledFirst) {
    const headers = { 'retry-after': String(Math.ceil(throttledForMs / 1_000)) }
    return json(429, { code: 20429, message: 'Too Many Requests', status: 429 }, headers)
  }
  if (!refusesMedia || form.media.length === 0) return null
  return refused({ status: 400, code: 21620, message: 'Invalid media URL(s)' })
}

async function carryMedia(world: World, record: MessageRecord, form: SendForm): Promise<void> {
  const fetched = await Promise.all(form.media.map((url) => fetchMedia(url, world.stopped.signal)))
  const media = fetched.filter((one) => one !== null)
  if (media.length === fetched.length) return arrive(world, { record, form, media })
  record.errorCode = 12_300
  tellStatus(world, record, form, 'failed')
}

interface Arrival {
  record: MessageRecord
  form: SendForm
  media: readonly { mimeType: string; bytes: number; sha256: string }[]
}

function arrive(world: World, { record, form, media }: Arrival): void {
  const { people, clock, shape } = world
  const { sid, from, to, body } = record
  const text = body === '' ? null : body
  people.take({ network: shape, id: sid, parts: [sid], from, to, text, media, at: clock.now() })
  const { receiptAfterMs, receipt, writesBack, writesBackAfterMs } = people.behaviourOf(to)
  if (receiptAfterMs === null) later(world, 0, () => tellStatus(world, record, form, 'sent'))
  else {
    const end = receipt === 'delivered' ? 'delivered' : 'undelivered'
    if (receipt === 'failed') record.errorCode = 30_003
    const order = world.disorder ? [end, 'sent', 'queued', end] : ['sent', end]
    later(world, receiptAfterMs, () => {
      for (const status of order) tellStatus(world, record, form, status)
    })
  }
  if (writesBack === null) return
  const text2 = writesBack.replaceAll('$text', () => body)
  later(world, writesBackAfterMs, () => void say(world, '', { from: to, to: from, text: text2, media: [] }))
}

function tellStatus(world: World, record: MessageRecord, form: SendForm, status: string): void {
  record.status = status
  if (form.statusCallback === null) return
  const { sid, from, to, errorCode } = record
  const isEnd = status === 'undelivered' || status === 'failed'
  callBack(world, sid, form.statusCallback, {
    ...{ ApiVersion: '2010-04-01', AccountSid: world.accountSid, From: from, To: to },
    ...{ MessageSid: sid, SmsSid: sid, MessageStatus: status, SmsStatus: status },
    ...(isEnd && errorCode !== null && { ErrorCode: String(errorCode) }),
  })
}

function say(
  world: World,
  origin: string,
  { from, to, text, media }: { from: string; to: string; text: string; media: readonly SaidMedia[] },
): string {
  const { records, accountSid, people, clock, root, shape } = world
  const sid = records.newSid(media.length > 0 ? 'MM' : 'SM')
  const kept = media.map(({ mimeType, bytes, url }) => ({
    sid: records.newSid('ME'),
    mimeType,
    bytes,
    elsewhere: url ?? null,
  }))
  const record: MessageRecord = {
    ...{ sid, from, to, body: text, media: kept, direction: 'inbound', status: 'received', errorCode: null },
    atMs: clock.now(),
  }
  records.add(record)
  people.tell({ what: 'said', network: shape, from, text })
  const url = world.inbound.get(to)
  if (url === undefined) return sid
  const links = kept.flatMap(({ sid: id, mimeType, elsewhere }, at) => [
    [`MediaUrl${at}`, elsewhere ?? `${origin}${root}/Messages/${sid}/Media/${id}`],
    [`MediaContentType${at}`, mimeType],
  ])
  callBack(world, `${from} ${to}`, url, {
    ...{ ToCountry: 'US', ToState: '', SmsMessageSid: sid, NumMedia: String(kept.length), SmsSid: sid },
    ...{ SmsStatus: 'received', Body: text, FromCountry: 'US', To: to, NumSegments: '1', MessageSid: sid },
    ...{ AccountSid: accountSid, From: from, ApiVersion: '2010-04-01' },
    ...Object.fromEntries(links),
  })
  return sid
}

/** https://www.twilio.com/docs/usage/security#validating-requests */
function callBack(world: World, thread: string, url: string, params: Readonly<Record<string, string>>): void {
  const { shape, authToken, hooks } = world
  const names = Object.keys(params).sort()
  const signed = [url, ...names.map((name) => `${name}${params[name]}`)].join('')
  const signature = createHmac('sha1', authToken).update(signed).digest('base64')
  const name = shape === 'twilio' ? 'x-twilio-signature' : 'x-signalwire-signature'
  const headers = { 'content-type': 'application/x-www-form-urlencoded', [name]: signature }
  hooks.call({ thread, url, body: new URLSearchParams(params).toString(), headers: () => headers })
}

function later(world: World, ms: number, work: () => void | Promise<void>): void {
  world.due += 1
  void world.clock
    .sleep(ms, world.stopped.signal)
    .then(() => (world.stopped.signal.aborted ? undefined : work()))
    .finally(() => {
      world.due -= 1
    })
}

function refused({ status, code, message }: ApiError): Answered {
  return json(status, { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status })
}
