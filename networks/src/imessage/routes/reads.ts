/** Calls that read messages: one, many, or how many. */
import type { Answered } from '../../sms/door.ts'
import { notFound, success } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import {
  atLeast,
  atMost,
  check,
  hasOne,
  list,
  numberIn,
  numeric,
  oneOf,
  required,
  text,
  textIn,
  withIn,
  yesNo,
} from '../http/rules.ts'
import { condition } from '../store/conditions.ts'
import type { Message } from '../store/rows.ts'
import { messageJson, type Wanted } from '../store/shapes.ts'
import type { World } from '../world.ts'

const positive = [numeric, atLeast(1)]
const natural = [numeric, atLeast(0)]
const page = { offset: natural, limit: [...positive, atMost(1_000)] }
const countRules = { chatGuid: [text], after: natural, before: positive, minRowId: natural, maxRowId: positive }
const queryRules = {
  ...{ with: [list], convertAttachments: [yesNo], where: [list], sort: [text, oneOf('ASC', 'DESC')] },
  ...{ after: natural, before: positive, chatGuid: [text], ...page },
}
const ofChatRules = { with: [text], sort: [text, oneOf('DESC', 'ASC')], after: natural, before: positive, ...page }

export const reads: readonly Route[] = [
  { method: 'GET', path: 'message/count', answer: (world, ask) => count(world, ask, () => true) },
  {
    method: 'GET',
    path: 'message/count/updated',
    answer: (world, ask) => {
      check(ask.query, { after: [required] })
      return count(world, ask, (row) => row.dateDelivered !== null || row.dateRead !== null || row.dateEdited !== null)
    },
  },
  { method: 'GET', path: 'message/count/me', answer: (world, ask) => count(world, ask, ({ isFromMe }) => isFromMe) },
  { method: 'POST', path: 'message/query', answer: query },
  { method: 'GET', path: 'message/:guid', answer: find },
  { method: 'GET', path: 'chat/:guid/message', answer: ofChat },
]

function find(world: World, { params: [guid = ''], query: asked }: Ask): Answered {
  const row = world.store.message(guid)
  if (row === null) throw notFound('Message does not exist!')
  const wanted = withIn(asked.with)
  const data = messageJson(row, {
    ...common(world, wanted, ['']),
    chats: hasOne(wanted, 'chats', 'chat') ? 'filled' : 'empty',
    participants: true,
    attachments: hasOne(wanted, 'attachment', 'attachments'),
  })
  return success({ data })
}

function query(world: World, { body }: Ask): Answered {
  check(body, queryRules)
  const { store } = world
  const wanted = withIn(body.with)
  const chatGuid = textIn(body, 'chatGuid')
  const withParticipants = hasOne(wanted, 'chat.participants', 'chats.participants')
  const withChats = chatGuid !== undefined || withParticipants || hasOne(wanted, 'chat', 'chats')
  if (chatGuid !== undefined && store.chat(chatGuid) === null)
    return success({ message: `No chat found with GUID: ${chatGuid}`, data: [] })
  const isMeant = condition(Array.isArray(body.where) ? body.where : [], { withChats })
  const found = store.messages.filter((row) => isWithin(row, body) && isOf(row, chatGuid) && isMeant(row))
  const { rows, metadata } = paged(found, body)
  const shape: Wanted = {
    ...common(world, wanted, ['']),
    ...(wanted.has('attributedbody') && { attributedBody: true }),
    ...{ chats: withChats ? 'filled' : 'empty', participants: withParticipants },
    attachments: hasOne(wanted, 'attachment', 'attachments'),
    metadata: hasOne(wanted, 'attachment.metadata', 'attachments.metadata'),
    // Unlike elsewhere nothing is converted unless it is asked for.
    converted: body.convertAttachments === true,
  }
  const data = rows.map((row) => messageJson(row, shape))
  return success({ message: 'Successfully fetched messages!', data, metadata })
}

function ofChat(world: World, { params: [guid = ''], query: asked }: Ask): Answered {
  check(asked, ofChatRules)
  const chat = world.store.chat(guid)
  if (chat === null) throw notFound('Chat does not exist!')
  const wanted = withIn(asked.with)
  const found = world.store.messages.filter((row) => row.chat === chat && isWithin(row, asked))
  const { rows, metadata } = paged(found, asked)
  const shape: Wanted = {
    ...common(world, wanted, ['message.', 'messages.']),
    attachments: hasOne(wanted, 'attachment', 'attachments'),
  }
  return success({ data: rows.map((row) => messageJson(row, shape)), metadata })
}

function count({ store }: World, { query: asked }: Ask, isCounted: (row: Message) => boolean): Answered {
  check(asked, countRules)
  const chatGuid = textIn(asked, 'chatGuid')
  const [least, most] = [numberIn(asked, 'minRowId', 0), numberIn(asked, 'maxRowId', Number.MAX_SAFE_INTEGER)]
  const isMeant = (row: Message) => row.rowid >= least && row.rowid <= most && isCounted(row)
  const counted = store.messages.filter((row) => isMeant(row) && isWithin(row, asked) && isOf(row, chatGuid))
  return success({ data: { total: counted.length } })
}

/** The words of `with` are in small letters by now: `attributedBody` and `messageSummaryInfo` are never found. */
function common({ shape }: World, wanted: ReadonlySet<string>, prefixes: readonly string[]): Wanted {
  const isWanted = (name: string) => hasOne(wanted, ...prefixes.map((prefix) => `${prefix}${name}`))
  return {
    ...shape,
    ...{ attributedBody: isWanted('attributed-body'), summary: isWanted('message-summary-info') },
  }
}

function isWithin({ dateCreated }: Message, asked: Ask['body']): boolean {
  const [after, before] = [numberIn(asked, 'after', 0), numberIn(asked, 'before', 0)]
  return (after === 0 || dateCreated >= after) && (before === 0 || dateCreated <= before)
}

function isOf({ chat }: Message, chatGuid: string | undefined): boolean {
  return chatGuid === undefined || chat.guid === chatGuid
}

/** By date, and by row where dates are the same. */
function paged(found: readonly Message[], asked: Ask['body']) {
  const [offset, limit] = [numberIn(asked, 'offset', 0), numberIn(asked, 'limit', 100)]
  const ordered = [...found].sort((one, other) => one.dateCreated - other.dateCreated || one.rowid - other.rowid)
  if (asked.sort !== 'ASC') ordered.reverse()
  const rows = ordered.slice(offset, offset + limit)
  return { rows, metadata: { offset, limit, total: ordered.length, count: rows.length } }
}
