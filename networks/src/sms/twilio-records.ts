/** The messages that a Twilio-shaped account remembers, and how its API shows and lists them. */
import { randomBytes, randomUUID } from 'node:crypto'

export interface MediaRecord {
  sid: string
  mimeType: string
  bytes: Uint8Array
  /** Where it is said to lie, when not here. */
  elsewhere: string | null
}

export interface MessageRecord {
  sid: string
  direction: 'inbound' | 'outbound-api'
  from: string
  to: string
  body: string
  status: string
  errorCode: number | null
  media: readonly MediaRecord[]
  atMs: number
}

export interface Records {
  newSid(prefix: 'SM' | 'MM' | 'ME'): string
  add(record: MessageRecord): void
  find(sid: string): MessageRecord | undefined
  show(record: MessageRecord): object
  showMedia(record: MessageRecord): object
  list(query: URLSearchParams): object
}

export interface RecordsOptions {
  shape: 'twilio' | 'signalwire'
  accountSid: string
  /** What all paths begin with. */
  root: string
}

const keptMax = 20_000
const mediaBytesMax = 256 * 1024 * 1024

export function createRecords({ shape, accountSid, root }: RecordsOptions): Records {
  const records = new Map<string, MessageRecord>()
  let mediaBytes = 0

  const forgetOldest = () => {
    const [oldest] = records.values()
    if (oldest === undefined) return
    records.delete(oldest.sid)
    mediaBytes -= bytesIn(oldest)
  }
  const uriOf = (record: MessageRecord) => `${root}/Messages/${record.sid}`
  const show = (record: MessageRecord) => ({
    sid: record.sid,
    account_sid: accountSid,
    api_version: '2010-04-01',
    body: record.body,
    date_created: rfc2822(record.atMs),
    date_sent: rfc2822(record.atMs),
    date_updated: rfc2822(record.atMs),
    direction: record.direction,
    error_code: record.errorCode,
    error_message: null,
    from: record.from,
    messaging_service_sid: null,
    num_media: String(record.media.length),
    num_segments: '1',
    price: null,
    price_unit: 'USD',
    status: record.status,
    subresource_uris: { media: `${uriOf(record)}/Media.json` },
    to: record.to,
    uri: `${uriOf(record)}.json`,
  })
  return {
    newSid: (prefix) => (shape === 'signalwire' ? randomUUID() : `${prefix}${randomBytes(16).toString('hex')}`),
    add(record) {
      records.set(record.sid, record)
      mediaBytes += bytesIn(record)
      while (records.size > keptMax || (mediaBytes > mediaBytesMax && records.size > 1)) forgetOldest()
    },
    find: (sid) => records.get(sid),
    show,
    showMedia: (record) => ({
      media_list: record.media.map(({ sid, mimeType }) => ({
        sid,
        account_sid: accountSid,
        parent_sid: record.sid,
        content_type: mimeType,
        date_created: rfc2822(record.atMs),
        date_updated: rfc2822(record.atMs),
        uri: `${uriOf(record)}/Media/${sid}.json`,
      })),
      next_page_uri: null,
    }),
    list(query) {
      const found = [...records.values()].filter((record) => matches(record, query)).reverse()
      const size = Math.min(Math.max(Number(query.get('PageSize') ?? 50) || 50, 1), 1_000)
      const page = Number(query.get('Page') ?? 0) || 0
      const following = new URLSearchParams(query)
      following.set('Page', String(page + 1))
      const hasMore = found.length > (page + 1) * size
      return {
        messages: found.slice(page * size, (page + 1) * size).map(show),
        page,
        page_size: size,
        next_page_uri: hasMore ? `${root}/Messages.json?${following}` : null,
      }
    },
  }
}

function matches(record: MessageRecord, query: URLSearchParams): boolean {
  const day = new Date(record.atMs).toISOString().slice(0, 10)
  const [on, from, until] = [query.get('DateSent'), query.get('DateSent>'), query.get('DateSent<')]
  const isFor = (name: string, value: string) => [null, value].includes(query.get(name))
  if (!isFor('To', record.to) || !isFor('From', record.from)) return false
  return (on === null || day === on) && (from === null || day >= from) && (until === null || day <= until)
}

function rfc2822(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000')
}

function bytesIn(record: MessageRecord): number {
  return record.media.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
