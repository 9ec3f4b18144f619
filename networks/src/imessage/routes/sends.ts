/** Calls that send: a text, a file, several parts, a reaction. */
import type { Answered } from '../../sms/door.ts'
import { badRequest, imessageError, success } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import {
  atLeast,
  check,
  list,
  numberIn,
  numeric,
  oneOf,
  present,
  required,
  text,
  textIn,
  yesNo,
} from '../http/rules.ts'
import { CannotAct } from '../mac/private-api.ts'
import { reactTo } from '../mac/reacting.ts'
import { type Outgoing, type Piece, sendByScript, sendPrivately } from '../mac/sending.ts'
import { tapbacks } from '../people/reactions.ts'
import type { Message } from '../store/rows.ts'
import { type Json, messageJson } from '../store/shapes.ts'
import type { World } from '../world.ts'

const methods = ['apple-script', 'private-api'] as const
const partIndex = [numeric, atLeast(0)]
const reactions = tapbacks.flatMap((one) => [one, `-${one}`])

const textRules = {
  ...{ chatGuid: [required, text], tempGuid: [text], message: [present, text], method: [text, oneOf(...methods)] },
  ...{ effectId: [text], subject: [text], selectedMessageGuid: [text], partIndex, ddScan: [yesNo] },
}
const fileRules = {
  ...{ chatGuid: [required, text], tempGuid: [text], method: [text, oneOf(...methods)], name: [required, text] },
  ...{ isAudioMessage: [yesNo], effectId: [text], subject: [text], selectedMessageGuid: [text], partIndex },
}
const partsRules = {
  ...{ chatGuid: [required, text], tempGuid: [text], effectId: [text], subject: [text], selectedMessageGuid: [text] },
  ...{ partIndex, parts: [required, list], ddScan: [yesNo] },
}
const reactionRules = {
  ...{ chatGuid: [required, text], selectedMessageGuid: [required, text] },
  ...{ reaction: [required, text, oneOf(...reactions)], partIndex },
}

export const sends: readonly Route[] = [
  { method: 'POST', path: 'message/text', answer: sendText },
  { method: 'POST', path: 'message/attachment', answer: sendFile },
  { method: 'POST', path: 'message/multipart', answer: sendParts },
  { method: 'POST', path: 'message/react', isGated: true, answer: react },
]

async function sendText(world: World, { body }: Ask): Promise<Answered> {
  check(body, textRules)
  const [tempGuid, words, subject] = [textIn(body, 'tempGuid'), textIn(body, 'message'), textIn(body, 'subject')]
  const isScript = isByScript(body, ['effectId', 'subject', 'selectedMessageGuid', 'ddScan', 'attributedBody'])
  if (isScript && tempGuid === undefined) throw badRequest(`A 'tempGuid' is required when sending via AppleScript`)
  if (isScript && words === undefined) throw badRequest(`A 'message' is required when sending via AppleScript`)
  if (!isScript && words === undefined && subject === undefined)
    throw badRequest(`A 'message' or 'subject' is required when sending via the Private API`)
  mustNotFly(world, tempGuid, `Message is already queued to be sent! (Temp GUID: ${tempGuid})`)
  const message = String(body.message ?? '')
  const outgoing = { ...manner(body), pieces: [{ text: message, part: 0 }] }
  const said = { error: 'Message Send Error', what: 'message' }
  const send = { chatGuid: String(body.chatGuid), outgoing, tempGuid, isScript, isFile: false, text: message }
  const row = await flying(world, tempGuid, said, () => sent(world, send))
  return taken(world, row, { tempGuid, message: 'Message sent!', failsOnError: true })
}

async function sendFile(world: World, { body, files, path }: Ask): Promise<Answered> {
  check(body, fileRules)
  const tempGuid = textIn(body, 'tempGuid')
  const isScript = isByScript(body, ['effectId', 'subject', 'selectedMessageGuid', 'attributedBody'])
  if (isScript && tempGuid === undefined) throw badRequest(`A 'tempGuid' is required when sending via AppleScript`)
  mustNotFly(world, tempGuid, 'Attachment is already queued to be sent!')
  const file = files.get('attachment')
  if (file === undefined || file.bytes.length === 0) throw badRequest('Attachment not provided or was empty!')
  const name = String(body.name)
  world.watch.seeName(path, name)
  // Whatever else it is called, only the word itself counts.
  const isAudioMessage = body.isAudioMessage === 'true'
  const asKept = isAudioMessage && name.endsWith('.mp3') ? `${name.slice(0, -4)}.caf` : name
  const piece: Piece = { file: { name: asKept, bytes: file.bytes }, part: 0 }
  const outgoing = { ...manner(body), pieces: [piece], isAudioMessage: isAudioMessage && !isScript }
  const said = { error: 'Attachment Send Error', what: 'attachment' }
  const send = { chatGuid: String(body.chatGuid), outgoing, tempGuid, isScript, isFile: true, text: name }
  const row = await flying(world, tempGuid, said, () => sent(world, send))
  return taken(world, row, { message: 'Attachment sent!' })
}

async function sendParts(world: World, { body, path }: Ask): Promise<Answered> {
  check(body, partsRules)
  const parts = Array.isArray(body.parts) ? body.parts : []
  for (const part of parts) checkPart(world, part)
  const tempGuid = textIn(body, 'tempGuid')
  mustNotFly(world, tempGuid, 'Message is already queued to be sent!')
  const pieces = parts.map((part: Json): Piece => {
    const place = Number(part.partIndex)
    const uploaded = world.uploads.get(String(part.attachment))
    if (uploaded === undefined)
      return { text: String(part.text), part: place, ...(part.mention ? { mention: String(part.mention) } : {}) }
    world.watch.seeName(path, String(part.name))
    return { file: { name: String(part.name), bytes: uploaded.bytes }, part: place }
  })
  const said = { error: 'Message Send Error', what: 'message' }
  const outgoing = { ...manner(body), pieces }
  const row = await flying(world, tempGuid, said, () => sendPrivately(world, String(body.chatGuid), outgoing))
  return taken(world, row, { tempGuid, message: 'Message sent!', failsOnError: true })
}

function checkPart({ uploads }: World, part: unknown): void {
  if (typeof part !== 'object' || part === null) throw badRequest('Each part must be a dictionary')
  const { partIndex: place, text: words, attachment, name, mention } = part as Json
  if (place === undefined || place === null) throw badRequest('Each part must have a partIndex')
  if (typeof place !== 'number') throw badRequest('Each partIndex must be a number')
  if (!words && !attachment) throw badRequest('Each part must have either a text or attachment')
  if (attachment && !name) throw badRequest('Each attachment must have a name')
  if (attachment && !uploads.has(String(attachment))) throw badRequest(`Attachment '${attachment}' does not exist`)
  if (mention && !words) throw badRequest('A mention must have text')
}

async function react(world: World, { body }: Ask): Promise<Answered> {
  check(body, reactionRules)
  const target = world.store.message(String(body.selectedMessageGuid))
  if (target === null) throw badRequest('Selected message does not exist!')
  const reaction = {
    chatGuid: String(body.chatGuid),
    name: String(body.reaction),
    part: numberIn(body, 'partIndex', 0),
  }
  const said = { error: 'Reaction Send Error', what: 'reaction' }
  const row = await flying(world, undefined, said, () => reactTo(world, target, reaction))
  return taken(world, row, { message: 'Reaction sent!' })
}

/** Some wishes cannot be met by a script: they choose the other way by themselves. */
function isByScript(body: Ask['body'], wishes: readonly string[]): boolean {
  return !wishes.some((wish) => Boolean(body[wish])) && (body.method ?? 'apple-script') === 'apple-script'
}

function manner(body: Ask['body']): Omit<Outgoing, 'pieces'> {
  const [subject, effect, replyTo] = ['subject', 'effectId', 'selectedMessageGuid'].map((name) => textIn(body, name))
  return { subject, effect, replyTo, replyPart: numberIn(body, 'partIndex', 0) }
}

interface Sent {
  chatGuid: string
  outgoing: Outgoing
  tempGuid: string | undefined
  isScript: boolean
  isFile: boolean
  /** What it is recognised by. */
  text: string
}

async function sent(world: World, { chatGuid, outgoing, tempGuid, isScript, isFile, text: words }: Sent) {
  const { store, typing, awaited, clock } = world
  const chat = store.chat(chatGuid)
  if (isScript) return sendByScript(world, chatGuid, { outgoing, tempGuid: tempGuid ?? '', isFile })
  // It is awaited as well as when a script sends, which is why it is told twice.
  void awaited.expect({ chatGuid, text: words, isFile, tempGuid: tempGuid ?? null }, clock.now())
  if (chat !== null) typing.endFor(world, chat)
  return sendPrivately(world, chatGuid, outgoing)
}

function mustNotFly({ inFlight }: World, tempGuid: string | undefined, words: string): void {
  if (tempGuid !== undefined && inFlight.has(tempGuid)) throw badRequest(words)
}

/** Null stands for a send that nobody knows the outcome of. */
async function flying(
  { inFlight }: World,
  tempGuid: string | undefined,
  { error: outer, what }: { error: string; what: string },
  work: () => Promise<Message | null>,
): Promise<Message> {
  if (tempGuid !== undefined) inFlight.add(tempGuid)
  try {
    const row = await work()
    if (row !== null) return row
  } catch (error) {
    if (error instanceof CannotAct) throw imessageError(outer, error.message)
    throw error
  } finally {
    if (tempGuid !== undefined) inFlight.delete(tempGuid)
  }
  throw imessageError(outer, `Failed to send ${what}! See attached message error code.`, null)
}

interface Taken {
  tempGuid?: string
  message: string
  failsOnError?: boolean
}

function taken(world: World, row: Message, { tempGuid, message, failsOnError = false }: Taken): Answered {
  // The row is read without its files.
  const data = {
    ...messageJson(row, { ...world.shape, attachments: false, attributedBody: true, summary: true }),
    ...(tempGuid !== undefined && { tempGuid }),
  }
  if (failsOnError && row.error !== 0) {
    const outer = 'Message sent with an error. See attached message'
    // Version 1.9.9 catches its own error: the words stay, the message that they speak of is gone.
    if (world.quirks.losesFailedRow) throw imessageError('Message Send Error', `[500] ${outer}`)
    throw imessageError(outer, 'Message failed to send!', data)
  }
  if (hangs(world, row)) return 'silence'
  return success({ message, data })
}

/** Who takes a message and never lets it be answered. */
export function hangs({ people }: World, { chat }: Message): boolean {
  const [only, ...others] = chat.participants
  return only !== undefined && others.length === 0 && people.behaviourOf(only.address).neverAnswers
}
