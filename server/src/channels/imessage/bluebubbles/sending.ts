/** What goes out by way of BlueBubbles: texts, files, several bubbles in one, and the first message of a chat. */
import { SendFailure } from '../../../model/delivery.ts'
import type { OutgoingFile } from '../../../model/media/file.ts'
import type { Mention } from '../../../model/message.ts'
import type { Backend, Draft, Row } from '../backend.ts'
import { failureOfRow } from '../row-errors.ts'
import { type Answer, type Api, type Ask, isFine } from './api.ts'
import { appleEffect } from './effects.ts'
import { doubtful, failureOnTheWay, type Purpose, refusalOf } from './failures.ts'
import { safeName } from './form.ts'
import { fieldsOf, listOf, nameOf } from './json.ts'
import { chatIn, rowIn } from './rows.ts'

type Sending = Pick<Backend, 'sendText' | 'sendFile' | 'upload' | 'sendParts' | 'startChat'>

/** The server itself waits for so long, and a little more: two minutes for Messages, and then for the row. */
const textMs = 240_000
const fileMs = 600_000

const purpose: Purpose = { code: 'IMESSAGE_SEND_FAILED', what: 'send it' }

export function createSending(api: Api): Sending {
  const send = async (asked: Ask, signal: AbortSignal): Promise<Row> => sentRow(await told(api, asked, signal))
  return {
    sendText: (draft, signal) =>
      send(
        {
          method: 'POST',
          path: '/message/text',
          json: { ...commonOf(draft), message: draft.text, method: methodOf(draft) },
          timeoutMs: textMs,
        },
        signal,
      ),
    sendFile(draft, signal) {
      const common = Object.entries(commonOf(draft)).map(([name, value]) => [name, String(value)])
      const name = safeName(draft.name)
      const fields = {
        ...Object.fromEntries(common),
        name,
        method: methodOf(draft),
        // Nothing but this word is heeded, and only by the private API.
        ...(draft.file.voiceNote && draft.privately && { isAudioMessage: 'true' }),
      }
      const form = { fields, file: fileOf(draft.file, name) }
      return send({ method: 'POST', path: '/message/attachment', form, timeoutMs: fileMs }, signal)
    },
    async upload(file, name, signal) {
      const form = { fields: {}, file: fileOf(file, safeName(name)) }
      const asked: Ask = { method: 'POST', path: '/attachment/upload', form, timeoutMs: fileMs }
      const { data } = await told(api, asked, signal).catch((error: unknown) => {
        // Nothing is sent by an upload: it may be made again as if there had been none.
        throw error instanceof SendFailure && error.kind === 'uncertain' ? notUploaded() : error
      })
      const path = nameOf(fieldsOf(data).path)
      if (path === null) throw notUploaded()
      return path
    },
    sendParts(draft, signal) {
      const words = draft.text === null ? [] : runsOf(draft.text, draft.mentions)
      const first = words.length === 0 ? 0 : 1
      const files = draft.files.map(({ path, name }, place) => ({
        partIndex: first + place,
        attachment: path,
        name: safeName(name),
      }))
      const json = { ...commonOf(draft), parts: [...words, ...files] }
      return send({ method: 'POST', path: '/message/multipart', json, timeoutMs: fileMs }, signal)
    },
    async startChat({ people, tempId, privately, text, effect }, signal) {
      const json = {
        addresses: people,
        message: text,
        method: methodOf({ privately }),
        service: 'iMessage',
        tempGuid: tempId,
        ...effectIn(effect),
      }
      const { data } = await told(api, { method: 'POST', path: '/chat/new', json, timeoutMs: textMs }, signal)
      const chat = chatIn(data)
      if (chat === null) throw doubtful('The BlueBubbles server did not say which chat it began.')
      const [first] = listOf(fieldsOf(data).messages, 1)
      const row = rowIn(first)
      const failure = failureOfRow(row?.error ?? 0)
      if (failure !== null) throw failure
      const { chat: name, name: title, isGroup } = chat
      return { chat, row: row === null ? null : { ...row, chat: { chat: name, name: title, isGroup } } }
    },
  }
}

/** Fails with what became of it, for whatever is no success. */
export async function told(api: Api, asked: Ask, signal: AbortSignal, about: Purpose = purpose): Promise<Answer> {
  const answer = await api.ask(asked, signal).catch((error: unknown) => {
    throw failureOnTheWay(error, about)
  })
  if (!isFine(answer)) throw refusalOf(answer, about)
  return answer
}

function notUploaded(): SendFailure {
  const detail = 'The BlueBubbles server did not take the file. Nothing was sent.'
  return new SendFailure('retryable', 'SERVICE_UNAVAILABLE', detail, { scope: 'link' })
}

/** Of files the server says that they were sent even when Messages has marked them as failed. */
function sentRow({ data }: Answer): Row {
  const row = rowIn(data)
  if (row === null) throw doubtful('The Mac has sent it but did not say under which id.')
  const failure = failureOfRow(row.error)
  if (failure !== null) throw failure
  return row
}

function commonOf({ chat, tempId, replyTo, effect }: Draft): Readonly<Record<string, string | number>> {
  return {
    chatGuid: chat,
    tempGuid: tempId,
    ...effectIn(effect),
    ...(replyTo !== null && { selectedMessageGuid: replyTo, partIndex: 0 }),
  }
}

function effectIn(effect: string | null): { effectId?: string } {
  const apples = effect === null ? null : appleEffect(effect)
  return apples === null ? {} : { effectId: apples }
}

/** Always said: what the server does without it depends on its version. */
function methodOf({ privately }: { privately: boolean }): string {
  return privately ? 'private-api' : 'apple-script'
}

function fileOf(file: OutgoingFile, name: string) {
  return { field: 'attachment', name, mimeType: file.mimeType, bytes: file.bytes, open: () => file.open() }
}

interface Run {
  partIndex: 0
  text: string
  mention?: string
}

/** One bubble, cut where somebody is mentioned. */
function runsOf(text: string, mentions: readonly Mention[]): readonly Run[] {
  const runs: Run[] = []
  let end = 0
  for (const { handle, start, length } of [...mentions].sort((one, other) => one.start - other.start)) {
    const until = Math.min(start + length, text.length)
    // Two in one place: the first is mentioned.
    if (start < end || until <= start) continue
    if (start > end) runs.push({ partIndex: 0, text: text.slice(end, start) })
    runs.push({ partIndex: 0, text: text.slice(start, until), mention: handle })
    end = until
  }
  if (end < text.length) runs.push({ partIndex: 0, text: text.slice(end) })
  return runs
}
