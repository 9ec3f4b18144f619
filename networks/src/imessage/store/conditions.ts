/** The few statements of `where` that a careful client sends, read as the database would: named arguments, constant words. */
import { badRequest, unhandled } from '../http/envelope.ts'
import type { Message } from './rows.ts'

type Value = string | number | null
type Test = (row: Message) => boolean

/** Times are counted in nanoseconds since 2001 here, whatever other fields of a query say. */
const appleTime = (at: number | null) => (at === null ? 0 : (at - 978_307_200_000) * 1_000_000)

const columns: Readonly<Record<string, (row: Message) => Value>> = {
  'message.ROWID': ({ rowid }) => rowid,
  'message.guid': ({ guid }) => guid,
  'message.is_from_me': ({ isFromMe }) => Number(isFromMe),
  'message.isFromMe': ({ isFromMe }) => Number(isFromMe),
  'message.error': ({ error }) => error,
  'message.item_type': ({ itemType }) => itemType,
  'message.handle_id': ({ handle }) => handle?.rowid ?? 0,
  'message.associated_message_guid': ({ associatedMessageGuid }) => associatedMessageGuid,
  'message.date': ({ dateCreated }) => appleTime(dateCreated),
  'message.dateCreated': ({ dateCreated }) => appleTime(dateCreated),
  'message.date_delivered': ({ dateDelivered }) => appleTime(dateDelivered),
  'message.date_read': ({ dateRead }) => appleTime(dateRead),
  'message.date_edited': ({ dateEdited }) => appleTime(dateEdited),
  'handle.id': ({ handle }) => handle?.address ?? null,
  'handle.service': ({ handle }) => handle?.kind ?? null,
  'chat.guid': ({ chat }) => chat.guid,
}

const compare: Readonly<Record<string, (one: Value, other: Value) => boolean>> = {
  '=': (one, other) => one === other,
  '==': (one, other) => one === other,
  IS: (one, other) => one === other,
  '!=': (one, other) => one !== other,
  '<>': (one, other) => one !== other,
  '>': (one, other) => one !== null && other !== null && one > other,
  '>=': (one, other) => one !== null && other !== null && one >= other,
  '<': (one, other) => one !== null && other !== null && one < other,
  '<=': (one, other) => one !== null && other !== null && one <= other,
}

export function condition(where: readonly unknown[], { withChats }: { withChats: boolean }): Test {
  const tests = where.map((item, at) => {
    const { statement, args } = (item ?? {}) as { statement?: unknown; args?: unknown }
    if (typeof statement !== 'string' || statement === '')
      throw badRequest(`The where.${at}.statement field is required.`)
    if (args === undefined) throw badRequest(`The where.${at}.args field must be present (but can be empty).`)
    return testOf(statement, (args ?? {}) as Readonly<Record<string, unknown>>, withChats)
  })
  return (row) => tests.every((test) => test(row))
}

function testOf(statement: string, args: Readonly<Record<string, unknown>>, withChats: boolean): Test {
  const many = /^\s*(\w+\.\w+)\s+IN\s*\(:\.\.\.(\w+)\)\s*$/i.exec(statement)
  if (many !== null) {
    const column = columnOf(many[1] ?? '', withChats)
    const values = argOf(args, many[2] ?? '')
    return (row) => Array.isArray(values) && values.includes(column(row))
  }
  const [, name = '', operator = '', argument, literal] =
    /^\s*(\w+\.\w+)\s*(>=|<=|<>|!=|==|=|>|<|\bIS\b)\s*(?::(\w+)|(-?\d+|NULL))\s*$/i.exec(statement) ?? []
  const isFit = compare[operator.toUpperCase()]
  if (isFit === undefined) throw unhandled(`SQLITE_ERROR: near "${statement.trim().split(/\s/, 1)[0]}": syntax error`)
  const column = columnOf(name, withChats)
  const value = argument === undefined ? literalOf(literal ?? '') : bareValue(argOf(args, argument))
  return (row) => isFit(column(row), value)
}

function columnOf(name: string, withChats: boolean): (row: Message) => Value {
  const column = columns[name]
  if (column === undefined || (name.startsWith('chat.') && !withChats))
    throw unhandled(`SQLITE_ERROR: no such column: ${name}`)
  return column
}

function argOf(args: Readonly<Record<string, unknown>>, name: string): unknown {
  if (name in args) return args[name]
  throw unhandled(`Missing named parameter "${name}"`)
}

function literalOf(literal: string): Value {
  return literal.toUpperCase() === 'NULL' ? null : Number(literal)
}

function bareValue(value: unknown): Value {
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'number' || typeof value === 'string' ? value : null
}
