/** How something leaves the Mac: through the helper or by script, into the store, and on to those it is for. */

import type { SendFate } from '../doings.ts'
import type { Chat, Message, Run } from '../store/rows.ts'
import { filePlace } from '../store/rows.ts'
import type { NewFile } from '../store/store.ts'
import type { World } from '../world.ts'
import { deliver, failLater } from './delivering.ts'
import { CannotAct, missing, mustHavePrivateApi } from './private-api.ts'

/** What is to be sent, whole: a text, files, or both, in their order. */
export interface Outgoing {
  pieces: readonly Piece[]
  subject?: string
  effect?: string
  replyTo?: string
  replyPart?: number
  isAudioMessage?: boolean
}

export type Piece = { text: string; mention?: string; part: number } | { file: NewFile; part: number }

interface Ready {
  chat: Chat
  outgoing: Outgoing
  fate: SendFate | null
}

const rowWaitMs = 60_000
const scriptWaitMs = 120_000
/** Long enough for another send to overtake. */
const mixMs = 400

export async function sendPrivately(world: World, chatGuid: string, outgoing: Outgoing): Promise<Message> {
  const { store, privateApi, clock, waits, stopped, quirks } = world
  mustHavePrivateApi(world)
  if (textOf(outgoing).trim() === '') throw new CannotAct(missing('send-message'))
  await privateApi.turn()
  const chat = store.chat(chatGuid)
  if (chat === null || chat.hasLeft) throw new CannotAct('Chat does not exist in IMChatRegistry!')
  const fate = fateOf(world, chat, outgoing)
  const ready = { chat, outgoing, fate }
  if (fate?.kind === 'refused') throw new CannotAct(fate.words)
  if (fate?.kind === 'timesOut') {
    if (fate.rowAfterMs !== null) world.later(fate.rowAfterMs, () => void put(world, ready))
    return privateApi.silence()
  }
  if (fate?.kind === 'neverWritten') return neverFound(world, outgoing)
  await clock.sleep(waits.rowMs, stopped.signal)
  const row = put(world, ready)
  if (!quirks.mixesGuids) return row
  await clock.sleep(mixMs, stopped.signal)
  return store.lastOwnIn(chat) ?? row
}

async function neverFound({ privateApi }: World, { pieces }: Outgoing): Promise<never> {
  await privateApi.until(() => false, rowWaitMs)
  const isFile = pieces.length === 1 && pieces.every((piece) => 'file' in piece)
  const [what, where] = isFile ? ['attachment', 'Attachment'] : ['message', 'Message']
  throw new CannotAct(`Failed to send ${what}! ${where} not found in database after 60 seconds!`)
}

/** Resolves with null when the script's message was not recognised in time. */
export async function sendByScript(world: World, to: string, expected: ScriptSend): Promise<Message | null> {
  const { awaited, clock, waits, stopped, mac } = world
  const { outgoing, tempGuid, isFile } = expected
  const text = textOf(outgoing)
  if (mac.major >= 26) throw new CannotAct(scriptError(to, text))
  const chat = chatForScript(world, to)
  if (chat === null) throw new CannotAct(scriptError(to, text))
  const fate = fateOf(world, chat, outgoing)
  if (fate?.kind === 'refused') throw new CannotAct(fate.words)
  if (fate?.kind === 'scriptHangs' || fate?.kind === 'timesOut' || fate?.kind === 'neverWritten') {
    const after = fate.kind === 'timesOut' ? fate.rowAfterMs : fate.kind === 'scriptHangs' ? waits.rowMs : null
    if (after !== null) world.later(after, () => void put(world, { chat, outgoing, fate }))
    await clock.sleep(scriptWaitMs, stopped.signal)
    return null
  }
  const wanted = isFile ? nameOf(outgoing) : text
  const found = awaited.expect({ chatGuid: chat.guid, text: wanted, isFile, tempGuid }, clock.now())
  world.later(waits.rowMs, () => void put(world, { chat, outgoing, fate }))
  const over = new AbortController()
  const patienceMs = isFile ? scriptWaitMs * 10 : scriptWaitMs
  const late = clock.sleep(patienceMs, AbortSignal.any([stopped.signal, over.signal])).then(() => null)
  return Promise.race([found, late]).finally(() => over.abort())
}

export interface ScriptSend {
  outgoing: Outgoing
  tempGuid: string
  isFile: boolean
}

/** A chat of two that is not there yet is begun; a group must be known. */
function chatForScript({ store }: World, guid: string): Chat | null {
  const known = store.chat(guid)
  if (known !== null) return known
  const [, kind, address] = /^(iMessage|SMS);-;(.+)$/.exec(guid) ?? []
  if ((kind !== 'iMessage' && kind !== 'SMS') || address === undefined) return null
  return store.addChat({ participants: [address], isGroup: false, kind, prefix: kind })
}

/** The real one quotes its whole script, the words of the message included. */
function scriptError(to: string, text: string): string {
  const script = `tell application "Messages"\n    set targetChat to a reference to chat id "${to}"\n    send "${text}" to targetChat\nend tell`
  return `Failed to execute AppleScript:\n${script}\nError: Can't make chat id "${to}" into type specifier. (-1700)`
}

function nameOf({ pieces }: Outgoing): string {
  return pieces.flatMap((piece) => ('file' in piece ? [piece.file.name] : []))[0] ?? ''
}

function textOf({ pieces }: Outgoing): string {
  return pieces.map((piece) => ('file' in piece ? filePlace : piece.text)).join('')
}

/** What somebody arranged comes first, then how those behave that it is for. */
function fateOf({ doings, people }: World, chat: Chat, outgoing: Outgoing): SendFate | null {
  const arranged = doings.takeSend()
  const [only, ...others] = chat.participants
  if (arranged !== null || only === undefined || others.length > 0 || chat.kind === 'SMS') return arranged
  const behaviour = people.behaviourOf(only.address)
  if (!behaviour.exists || !behaviour.onImessage) return { kind: 'errorAtOnce', code: 22 }
  const tries = people.countTry(only.address, textOf(outgoing))
  if (tries <= behaviour.failsFirst) return { kind: 'errorAtOnce', code: 3 }
  if (tries <= behaviour.failsFirst + behaviour.throttledFirst) return { kind: 'errorAtOnce', code: 10 }
  if (behaviour.refusesMedia && nameOf(outgoing) !== '') return { kind: 'errorAtOnce', code: 25 }
  const { receipt, receiptAfterMs } = behaviour
  if (receipt === 'failed' && receiptAfterMs !== null) return { kind: 'errorLater', code: 4, afterMs: receiptAfterMs }
  return null
}

/** Into the store, and off to everybody it is for. */
export function put(world: World, { chat, outgoing, fate }: Ready): Message {
  const { subject = null, effect = null, replyTo = null, isAudioMessage = false } = outgoing
  const { text, runs, attachments } = assembled(world, outgoing)
  const [first] = runs
  const row = world.store.add({
    ...{ chat, isFromMe: true, text, runs, attachments, subject, effect, replyTo, isAudioMessage },
    replyPart: replyTo === null ? null : `${outgoing.replyPart ?? 0}:0:${first?.length ?? 0}`,
    partCount: new Set(runs.map(({ part }) => part)).size,
    error: fate?.kind === 'errorAtOnce' ? fate.code : 0,
  })
  world.watcher.touch(row)
  if (fate?.kind === 'errorLater') failLater(world, row, fate)
  else deliver(world, row)
  return row
}

function assembled(world: World, { pieces }: Outgoing) {
  const runs: Run[] = []
  let text = ''
  const attachments = pieces.flatMap((piece) => {
    const [start, part] = [text.length, piece.part]
    if ('text' in piece) {
      text += piece.text
      runs.push({ start, length: piece.text.length, part, mention: piece.mention })
      return []
    }
    const attachment = world.store.addFile(piece.file, true)
    text += filePlace
    runs.push({ start, length: 1, part, fileGuid: attachment.guid })
    return [attachment]
  })
  return { text, runs, attachments }
}
