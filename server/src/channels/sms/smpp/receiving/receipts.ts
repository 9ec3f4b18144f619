/** Receipts of an SMSC: which message they are about and what became of it (SMPP 3.4, section 5.2.28 and appendix B). */
import type { ReceiptStatus } from '../../../connector.ts'
import { contentOf, readAll } from '../content.ts'
import { type Pdu, tag } from '../pdu.ts'
import type { IdFormat } from '../settings.ts'

export interface Receipt {
  /** As the SMSC wrote it; null when it did not. */
  id: string | null
  status: ReceiptStatus
  /** As the SMSC wrote it, which is its local time wherever it is; read as UTC. */
  doneAt: Date | null
  detail: string | null
}

/** By the value of message_state. */
const states = [
  ...['SCHEDULED', 'ENROUTE', 'DELIVRD', 'EXPIRED', 'DELETED', 'UNDELIV', 'ACCEPTD', 'UNKNOWN', 'REJECTD', 'SKIPPED'],
] as const

/** What is neither delivered nor failed stays sent. */
const outcomes: Readonly<Record<string, ReceiptStatus>> = {
  DELIVRD: 'delivered',
  EXPIRED: 'failed',
  DELETED: 'failed',
  UNDELIV: 'failed',
  REJECTD: 'failed',
}

const failureWords: Readonly<Record<string, string>> = {
  EXPIRED: 'The network gave up: the phone was off or out of reach for too long.',
  DELETED: 'The message was deleted at the provider before it was delivered.',
  UNDELIV: 'The network could not deliver it.',
  REJECTD: 'The network rejected it.',
}

const ordinary = new Set(['SCHEDULED', 'ENROUTE', 'ACCEPTD', 'BUFFRED', 'BUFFERD', 'ACKED'])

const esm = { typeMask: 0x3c, receipt: 0x04, intermediate: 0x20 }

/**
 * By its type; or, where the SMSC leaves that out, because it names a message and says what became of it. The name
 * alone proves nothing: Kannel's drive_smpp (1.4.5) puts it into messages from people too, and those must not be lost.
 */
export function isReceipt(pdu: Pdu): boolean {
  const type = pdu.body.esmClass & esm.typeMask
  if (type === esm.receipt || type === esm.intermediate) return true
  if (type !== 0 || !pdu.tags.has(tag.receiptedMessageId)) return false
  return pdu.tags.has(tag.messageState) || keysOf(textIn(pdu)).stat !== undefined
}

function textIn(pdu: Pdu): string {
  const said = readAll([contentOf(pdu).written])
  return 'text' in said ? said.text : Buffer.from(said.binary).toString('latin1')
}

export function receiptOf(pdu: Pdu): Receipt {
  const keys = keysOf(textIn(pdu))
  const state = pdu.tags.get(tag.messageState)?.at(-1)
  const stat = (state === undefined ? undefined : states[state]) ?? keys.stat ?? `STATE ${state ?? 'missing'}`
  const id = textOf(pdu.tags.get(tag.receiptedMessageId)) ?? keys.id ?? null
  const status = outcomes[stat] ?? 'sent'
  return { id, status, doneAt: dateOf(keys.done), detail: detailOf(stat, status, causeOf(pdu, keys.err)) }
}

function detailOf(stat: string, status: ReceiptStatus, cause: string): string | null {
  if (status === 'failed') return `${failureWords[stat] ?? 'It failed.'} The receipt says ${stat}${cause}.`
  if (status === 'delivered' || ordinary.has(stat)) return null
  return `The network does not know what became of it: the receipt says ${stat}${cause}.`
}

/** What the numbers mean is the provider's own secret, so they are told and never judged by. */
function causeOf(pdu: Pdu, err: string | undefined): string {
  const network = pdu.tags.get(tag.networkErrorCode)
  if (network?.length === 3) return `, network error ${256 * (network[1] ?? 0) + (network[2] ?? 0)}`
  return err === undefined || /^0*$/.test(err) ? '' : `, err ${err}`
}

function textOf(octets: Uint8Array | undefined): string | null {
  const text = Buffer.from(octets ?? [])
    .toString('latin1')
    .replace(/\0.*$/s, '')
    .trim()
  return text === '' ? null : text.slice(0, idMax)
}

const idMax = 64

/** A key at a time, each where it stands: receipts come with keys left out, in other places, and spelled together. */
const patterns = {
  id: new RegExp(`(?:^|[^a-z])id:\\s*(\\S{1,${idMax}})`, 'i'),
  stat: /(?:^|[^a-z])stat:\s*([A-Za-z]{1,12})/i,
  err: /(?:^|[^a-z])err:\s*([0-9A-Za-z]{1,8})/i,
  done: /done ?date:\s*(\d{12}|\d{10})(?!\d)/i,
}

/** No receipt needs more; what follows is the beginning of the message itself. */
const lookedAtMax = 500

function keysOf(text: string): { id?: string; stat?: string; err?: string; done?: string } {
  // The text is the sender's own and may say anything, such as "stat:DELIVRD".
  const head = text.slice(0, lookedAtMax).split(/(?:^|[^a-z])text:/i, 1)[0] ?? ''
  const find = (pattern: RegExp) => pattern.exec(head)?.[1]
  return {
    id: find(patterns.id),
    stat: find(patterns.stat)?.toUpperCase(),
    err: find(patterns.err),
    done: find(patterns.done),
  }
}

/** YYMMDDhhmm, with or without seconds. */
function dateOf(digits: string | undefined): Date | null {
  if (digits === undefined) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (digits.match(/../g) ?? []).map(Number)
  const date = new Date(Date.UTC(2_000 + year, month - 1, day, hour, minute, second))
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60
  return isReal ? date : null
}

/** Ids as they are compared: in decimal where one side writes them in hexadecimal. */
export function comparableId(id: string, from: 'response' | 'receipt', format: IdFormat): string {
  if (format === 'as-is') return id
  const isHex = format === `${from}-hex`
  const isNumber = (isHex ? /^[0-9a-f]{1,32}$/i : /^\d{1,40}$/).test(id)
  return isNumber ? BigInt(isHex ? `0x${id}` : id).toString() : id
}
