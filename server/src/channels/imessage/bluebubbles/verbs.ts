/** What is done with messages and chats that are there. What the server says is not always so, and is looked at again then. */
import { Readable } from 'node:stream'
import { EgressError } from '../../../lib/egress/trouble.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { ErrorCode } from '../../../model/errors.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Backend, Bubble, ServerChat } from '../backend.ts'
import { failureOfRow } from '../row-errors.ts'
import { ChatGone, ServerTrouble } from '../troubles.ts'
import { type Answer, type Api, type Ask, part } from './api.ts'
import { doubtful, type Purpose, refused } from './failures.ts'
import { dateOf, fieldsOf } from './json.ts'
import { chatIn, rowIn } from './rows.ts'
import { told } from './sending.ts'

type Verbs = Pick<
  Backend,
  'react' | 'edit' | 'unsend' | 'typing' | 'markRead' | 'rename' | 'addMember' | 'removeMember' | 'leave' | 'setIcon'
>

export interface VerbsOptions {
  api: Api
  reading: Pick<Backend, 'row' | 'chat'>
  /** Whether this server stops showing that somebody types when it is asked to. */
  stopsTyping(signal: AbortSignal): Promise<boolean>
}

/** The server waits some 43 s for a change that does not come. */
const verbMs = 75_000
/** For Messages itself it waits two minutes. */
const reactMs = 150_000

export function createVerbs({ api, reading, stopsTyping }: VerbsOptions): Verbs {
  const tell = (asked: Omit<Ask, 'timeoutMs'> & { timeoutMs?: number }, about: Purpose, signal: AbortSignal) =>
    told(api, { timeoutMs: verbMs, ...asked }, signal, about)
  return {
    async react({ chat, guid }, tapback, isRemoval, signal) {
      const reaction = isRemoval ? `-${tapback}` : tapback
      const json = { chatGuid: chat, selectedMessageGuid: guid, reaction, partIndex: 0 }
      const about = { code: 'REACTION_FAILED', what: 'react' } as const
      const { data } = await tell({ method: 'POST', path: '/message/react', json, timeoutMs: reactMs }, about, signal)
      const failure = failureOfRow(rowIn(data)?.error ?? 0)
      if (failure !== null) throw failure
    },
    edit: (target, { text, fallback }, signal) =>
      changed(
        { api, reading, target, code: 'EDIT_FAILED', what: 'edit it' },
        { path: 'edit', json: { editedMessage: text, backwardsCompatibilityMessage: fallback, partIndex: 0 } },
        signal,
      ),
    unsend: (target, signal) =>
      changed(
        { api, reading, target, code: 'UNSEND_FAILED', what: 'take it back' },
        { path: 'unsend', json: { partIndex: 0 } },
        signal,
      ),
    async typing(chat, isTyping, signal) {
      const path = `/chat/${part(chat)}/typing`
      const about = { code: 'CHAT_CHANGE_FAILED', what: 'show that somebody types' } as const
      if (isTyping) await tell({ method: 'POST', path, json: {} }, about, signal)
      // Asked to stop, 1.9.9 shows it once more (chatRouter.ts, stopTyping): phones forget it by themselves.
      else if (await stopsTyping(signal)) await tell({ method: 'DELETE', path }, about, signal)
    },
    async markRead(chat, isRead, signal) {
      const path = `/chat/${part(chat)}/${isRead ? 'read' : 'unread'}`
      const about = { code: 'READ_FAILED', what: `mark the chat as ${isRead ? 'read' : 'unread'}` } as const
      await tell({ method: 'POST', path, json: {} }, about, signal)
    },
    rename: (chat, name, signal) => rename({ api, reading, chat }, name, signal),
    addMember: (chat, person, signal) => setMember({ api, reading, chat }, { person, isIn: true }, signal),
    removeMember: (chat, person, signal) => setMember({ api, reading, chat }, { person, isIn: false }, signal),
    async leave(chat, signal) {
      await tell({ method: 'POST', path: `/chat/${part(chat)}/leave`, json: {} }, groupChange('leave it'), signal)
    },
    async setIcon(chat, icon, signal) {
      const path = `/chat/${part(chat)}/icon`
      const about = groupChange('change its picture')
      if (icon === null) {
        await tell({ method: 'DELETE', path }, about, signal)
        return
      }
      const { bytes, mimeType } = icon
      const name = `icon.${mimeType === 'image/png' ? 'png' : 'jpg'}`
      const open = async () => Readable.from([bytes])
      const form = { fields: {}, file: { field: 'icon', name, mimeType, bytes: bytes.length, open } }
      await tell({ method: 'POST', path, form }, about, signal)
    },
  }
}

function groupChange(what: string): Purpose {
  return { code: 'CHAT_CHANGE_FAILED', what }
}

interface Change extends Purpose {
  api: Api
  reading: Pick<Backend, 'row'>
  target: Bubble
  code: ErrorCode
}

/** When Messages does nothing, the server says yes all the same. The date of the last change tells. */
async function changed(
  { api, reading, target: { guid }, code, what }: Change,
  { path, json }: { path: string; json: object },
  signal: AbortSignal,
): Promise<void> {
  const before = await asked(reading.row(guid, signal), unreached)
  if (before === null) throw refused(code, `The Mac did not ${what}: it does not have the message any more.`)
  const isNewer = (at: Date | null | undefined) =>
    at !== null && at !== undefined && at.getTime() > (before.editedAt?.getTime() ?? 0)
  const request: Ask = { method: 'POST', path: `/message/${part(guid)}/${path}`, json, timeoutMs: verbMs }
  const { data } = await told(api, request, signal, { code, what })
  if (isNewer(dateOf(fieldsOf(data).dateEdited))) return
  const after = await asked(reading.row(guid, signal), () => unseen(what))
  if (!isNewer(after?.editedAt)) {
    throw refused(code, `Messages did not ${what}. It may be too late for it, or the macOS of the other side too old.`)
  }
}

interface Group {
  api: Api
  reading: Pick<Backend, 'chat'>
  chat: ServerChat
}

async function rename({ api, reading, chat }: Group, name: string, signal: AbortSignal): Promise<void> {
  const about = groupChange('rename the group')
  const request: Ask = { method: 'PUT', path: `/chat/${part(chat)}`, json: { displayName: name }, timeoutMs: verbMs }
  const answer = await waitedFor({ api, signal }, request, about)
  if (chatIn(answer?.data)?.name === name) return
  const now = await asked(reading.chat(chat, signal), () => unseen(about.what))
  if (now?.name !== name) throw refused(about.code, 'Messages did not rename the group.')
}

/** Null: the server has not seen in time that anything changed, or it was not heard. So it has to be looked at. */
async function waitedFor(
  { api, signal }: { api: Api; signal: AbortSignal },
  request: Ask,
  about: Purpose,
): Promise<Answer | null> {
  try {
    return await told(api, request, signal, about)
  } catch (error) {
    if (error instanceof SendFailure && error.kind === 'uncertain' && !signal.aborted) return null
    throw error
  }
}

/** The server watches only how many there are. */
async function setMember(
  { api, reading, chat }: Group,
  { person, isIn }: { person: Handle; isIn: boolean },
  signal: AbortSignal,
): Promise<void> {
  const about = groupChange(isIn ? 'add the person' : 'remove the person')
  const path = `/chat/${part(chat)}/participant/${isIn ? 'add' : 'remove'}`
  const request: Ask = { method: 'POST', path, json: { address: person }, timeoutMs: verbMs }
  const answer = await waitedFor({ api, signal }, request, about)
  const isSo = (members: readonly Handle[] | null | undefined) => members?.includes(person) === isIn
  if (isSo(chatIn(answer?.data)?.members)) return
  const now = await asked(reading.chat(chat, signal), () => unseen(about.what))
  if (now === null) throw new ChatGone()
  if (!isSo(now.members)) throw refused(about.code, `Messages did not ${about.what}.`)
}

/** A question within a verb, and what it means for the verb that it failed. */
async function asked<T>(question: Promise<T>, otherwise: () => SendFailure): Promise<T> {
  try {
    return await question
  } catch (error) {
    if (error instanceof EgressError || error instanceof ServerTrouble) throw otherwise()
    throw error
  }
}

function unreached(): SendFailure {
  const detail = 'The BlueBubbles server does not answer. Nothing was changed.'
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

function unseen(what: string): SendFailure {
  return doubtful(`Nobody knows whether the Mac did ${what}: the server does not answer.`)
}
