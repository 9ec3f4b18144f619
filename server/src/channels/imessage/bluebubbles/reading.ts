/** Questions about what lies on the Mac: rows, chats, people and files. */
import type { Clock } from '../../../lib/clock.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Backend, Row } from '../backend.ts'
import { ServerTrouble } from '../troubles.ts'
import { AnswerTooLong, type Api, part } from './api.ts'
import { countOf, fieldsOf, isTrue, listOf } from './json.ts'
import { chatIn, personOf, rowIn } from './rows.ts'

type Reading = Pick<
  Backend,
  | 'lastRow'
  | 'rowsAfter'
  | 'rowsSince'
  | 'row'
  | 'chat'
  | 'person'
  | 'file'
  | 'icon'
  | 'onImessage'
  | 'onFacetime'
  | 'focus'
>

export function createReading(api: Api, clock: Pick<Clock, 'monotonic'>): Reading {
  const people = createPeople(api, clock)
  return {
    lastRow: (signal) => lastRow(api, signal),
    rowsAfter: (row, signal) => inPages((size) => rowsAfter(api, { row, size }, signal)),
    rowsSince: (since, which, signal) => inPages((size) => rowsSince(api, { ...which, since, size }, signal)),
    row: (guid, signal) => rowOf(api, guid, signal),
    chat: (chat, signal) => chatOf(api, chat, signal),
    person: people.find,
    file: (guid) => api.open(`/attachment/${part(guid)}/download`, { original: 'true' }),
    icon: (chat) => api.open(`/chat/${part(chat)}/icon`),
    onImessage: (person, signal) => isAvailable(api, { person, on: 'imessage' }, signal),
    onFacetime: (person, signal) => isAvailable(api, { person, on: 'facetime' }, signal),
    async focus(person, signal) {
      const path = `/handle/${part(person)}/focus`
      const answer = await orNull(api.question({ method: 'GET', path, timeoutMs: availabilityMs }, signal))
      const { status } = fieldsOf(answer?.data)
      return status === 'silenced' || status === 'none' ? status : 'unknown'
    },
  }
}

/** The most the server gives at a time. */
const pageMax = 1_000
const availabilityMs = 60_000

interface Page {
  rows: readonly Row[]
  /** As many as there are, on this page or not. */
  total: number
}

interface Wanted {
  where: readonly { statement: string; args: Record<string, number> }[]
  limit: number
  with?: readonly string[]
  sort?: 'ASC' | 'DESC'
  offset?: number
  chatGuid?: string
  after?: number
}

const whole = ['chats', 'attachments', 'message-summary-info']

async function page(api: Api, wanted: Wanted, signal: AbortSignal): Promise<Page> {
  const json = { with: [], sort: 'ASC', offset: 0, convertAttachments: false, ...wanted }
  const { data, metadata } = await api.question({ method: 'POST', path: '/message/query', json }, signal)
  const rows = listOf(data, pageMax).map(rowIn)
  const read = rows.filter((row) => row !== null).sort((one, other) => one.number - other.number)
  return { rows: read, total: countOf(metadata.total) ?? rows.length }
}

/** The statements are always these; only numbers go into them. */
const behind = (row: number) => ({ statement: 'message.ROWID > :behind', args: { behind: row } })
const upTo = (row: number) => ({ statement: 'message.ROWID <= :upTo', args: { upTo: row } })
const ours = { statement: 'message.is_from_me = 1', args: {} }

/**
 * The server sorts by dates, and rows that come over from iCloud are old and have new numbers. So the newest by its
 * date is only where the search begins.
 */
async function lastRow(api: Api, signal: AbortSignal): Promise<number> {
  const newest = await page(api, { where: [], limit: 1, sort: 'DESC' }, signal)
  let known = newest.rows[0]?.number ?? 0
  let step = 0
  for (;;) {
    const found = await page(api, { where: [behind(known + step)], limit: 1, sort: 'DESC' }, signal)
    const further = found.rows[0]?.number ?? 0
    if (further > known) {
      known = further
      step = step * 2 + 1
    } else if (step === 0) return known
    else step = Math.floor(step / 2)
  }
}

/** Rows that are long make fewer to a page: nobody may stop all of them by writing a thousand long ones. */
async function inPages<T>(read: (size: number) => Promise<T>): Promise<T> {
  for (let size = pageMax; ; size = Math.floor(size / 10)) {
    try {
      return await read(size)
    } catch (error) {
      if (!(error instanceof AnswerTooLong) || size === 1) throw error
    }
  }
}

interface Beginning {
  row: number
  /** Of a page, at most. */
  size: number
}

async function rowsAfter(
  api: Api,
  { row, size }: Beginning,
  signal: AbortSignal,
): Promise<{ rows: readonly Row[]; upTo: number; more: boolean }> {
  const there = await page(api, { where: [behind(row)], limit: 1 }, signal)
  if (there.total === 0) return { rows: [], upTo: row, more: false }
  const isAll = there.total <= size
  const { width, total } = isAll ? { width: null, total: there.total } : await windowBehind(api, { row, size }, signal)
  const where = width === null ? [behind(row)] : [behind(row), upTo(row + width)]
  const rows = await wholeRows(api, where, { row, expected: total, signal })
  return { rows, upTo: rows.at(-1)?.number ?? row, more: !isAll && rows.length > 0 }
}

/** Wider than any store. */
const widthMax = 2 ** 40

/**
 * There are too many for a page, and a page has them by their dates, so only a window of numbers has those that come
 * first. It must be as wide as makes half a page at least, or gaps in the numbers would take for ever to get past.
 */
async function windowBehind(
  api: Api,
  { row, size }: Beginning,
  signal: AbortSignal,
): Promise<{ width: number; total: number }> {
  let [few, many] = [0, Number.POSITIVE_INFINITY]
  for (let width = size; ; ) {
    const { total } = await page(api, { where: [behind(row), upTo(row + width)], limit: 1 }, signal)
    if (total > size) many = width
    else if (total >= size / 2 || width > widthMax) return { width, total }
    else few = width
    width = many === Number.POSITIVE_INFINITY ? width * 2 : Math.floor((few + many) / 2)
  }
}

/**
 * Asked for with their chats the server leaves out rows that are in no chat (yet): those are had without, since nobody
 * would ever ask for them again.
 */
async function wholeRows(
  api: Api,
  where: Wanted['where'],
  { row, expected, signal }: { row: number; expected: number; signal: AbortSignal },
): Promise<readonly Row[]> {
  const { rows } = await page(api, { where, limit: pageMax, with: whole }, signal)
  if (rows.length >= expected && (await isWhole(api, { where, rows, row }, signal))) return rows
  const bare = await page(api, { where, limit: pageMax }, signal)
  const known = new Set(rows.map(({ guid }) => guid))
  const missing = bare.rows.filter(({ guid }) => !known.has(guid))
  return [...rows, ...missing].sort((one, other) => one.number - other.number)
}

/** One that came after the rows were counted may stand for one that is in no chat: up to the last of them all must be there. */
async function isWhole(
  api: Api,
  { where, rows, row }: { where: Wanted['where']; rows: readonly Row[]; row: number },
  signal: AbortSignal,
): Promise<boolean> {
  const last = rows.at(-1)
  if (last === undefined || where.length > 1) return true
  const { total } = await page(api, { where: [behind(row), upTo(last.number)], limit: 1 }, signal)
  return total <= rows.length
}

/** So many rows are read at most when a time is asked for. */
const rowsMax = 50_000

async function rowsSince(
  api: Api,
  { since, size, chat, ours: isOurs = false }: { since: Date; size: number; chat?: string; ours?: boolean },
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const found = new Map<string, Row>()
  for (let offset = 0, isMore = true; isMore && offset < rowsMax; offset += size) {
    const { rows, total } = await page(
      api,
      {
        where: isOurs ? [ours] : [],
        limit: size,
        offset,
        with: whole,
        after: since.getTime(),
        ...(chat !== undefined && { chatGuid: chat }),
      },
      signal,
    )
    for (const row of rows) if (row.at >= since && (row.isOurs || !isOurs)) found.set(row.guid, row)
    isMore = rows.length > 0 && total > offset + size
  }
  return [...found.values()].sort((one, other) => one.at.getTime() - other.at.getTime() || one.number - other.number)
}

async function rowOf(api: Api, guid: string, signal: AbortSignal): Promise<Row | null> {
  const query = { with: whole.join(',') }
  const answer = await orNull(api.question({ method: 'GET', path: `/message/${part(guid)}`, query }, signal))
  return answer === null ? null : rowIn(answer.data)
}

/** Asked for with its people, a chat in which nobody is left is not found (1.9.9). */
async function chatOf(api: Api, chat: string, signal: AbortSignal) {
  const path = `/chat/${part(chat)}`
  const answer = await orNull(api.question({ method: 'GET', path, query: { with: 'participants' } }, signal))
  if (answer !== null) return chatIn(answer.data)
  const bare = await orNull(api.question({ method: 'GET', path }, signal))
  const found = bare === null ? null : chatIn(bare.data)
  return found === null ? null : { ...found, members: [] }
}

async function isAvailable(
  api: Api,
  { person, on }: { person: Handle; on: 'imessage' | 'facetime' },
  signal: AbortSignal,
): Promise<boolean> {
  const path = `/handle/availability/${on}`
  const { data } = await api.question(
    { method: 'GET', path, query: { address: person }, timeoutMs: availabilityMs },
    signal,
  )
  return isTrue(fieldsOf(data).available)
}

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ServerTrouble && error.status === 404) return null
    throw error
  }
}

const peopleMax = 100_000
/** A number that nobody had is not asked for again at once: that means to read all of them. Another one may be new. */
const unknownForMs = 60_000
const unknownMax = 1_000

/** The server lists people with their numbers, but finds nobody by one. */
function createPeople(api: Api, clock: Pick<Clock, 'monotonic'>): { find: Backend['person'] } {
  let known = new Map<number, Handle>()
  const unknownUntilMs = new Map<number, number>()
  return {
    async find(number, signal) {
      const person = known.get(number)
      if (person !== undefined || (unknownUntilMs.get(number) ?? 0) > clock.monotonic()) return person ?? null
      known = await readPeople(api, signal)
      const found = known.get(number) ?? null
      if (unknownUntilMs.size >= unknownMax) unknownUntilMs.clear()
      if (found === null) unknownUntilMs.set(number, clock.monotonic() + unknownForMs)
      return found
    },
  }
}

async function readPeople(api: Api, signal: AbortSignal): Promise<Map<number, Handle>> {
  const people = new Map<number, Handle>()
  for (let offset = 0; offset < peopleMax; offset += pageMax) {
    const json = { with: [], offset, limit: pageMax }
    const { data } = await api.question({ method: 'POST', path: '/handle/query', json }, signal)
    const list = listOf(data, pageMax)
    for (const one of list) {
      const { originalROWID, address } = fieldsOf(one)
      const [number, person] = [countOf(originalROWID), personOf(address)]
      if (number !== null && person !== null) people.set(number, person)
    }
    if (list.length < pageMax) break
  }
  return people
}
