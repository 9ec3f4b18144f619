/** Calls about files: put on the Mac for a message, looked up, and fetched as they are or as the server converts them. */
import { randomUUID } from 'node:crypto'
import type { Answered } from '../../sms/door.ts'
import { badRequest, Failure, notFound, serverError, success, unhandled } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import { atLeast, check, numeric, oneOf, text, yesNo } from '../http/rules.ts'
import { convertedOf } from '../store/kinds.ts'
import type { Attachment } from '../store/rows.ts'
import { attachmentJson } from '../store/shapes.ts'
import type { World } from '../world.ts'

const downloadRules = {
  ...{ height: [numeric, atLeast(1)], width: [numeric, atLeast(1)] },
  ...{ quality: [text, oneOf('good', 'better', 'best')], force: [yesNo], original: [yesNo] },
}
const uploadsMax = 1_000
const uploadedBytesMax = 500_000_000

export const files: readonly Route[] = [
  { method: 'POST', path: 'attachment/upload', isGated: true, answer: upload },
  { method: 'GET', path: 'attachment/:guid/download', answer: download },
  { method: 'GET', path: 'attachment/:guid/download/force', isGated: true, answer: fetchAgain },
  { method: 'GET', path: 'attachment/:guid', answer: find },
]

function upload({ uploads, watch }: World, { files: sent, path }: Ask): Answered {
  const file = sent.get('attachment')
  if (file === undefined || file.bytes.length === 0) throw badRequest('Attachment not provided or was empty!')
  watch.seeName(path, file.name)
  const place = `${randomUUID()}/${file.name.split('/').at(-1)}`
  uploads.set(place, { name: file.name, bytes: file.bytes })
  let bytes = [...uploads.values()].reduce((sum, one) => sum + one.bytes.length, 0)
  for (const [oldest, one] of uploads) {
    if (oldest === place || (uploads.size <= uploadsMax && bytes <= uploadedBytesMax)) break
    uploads.delete(oldest)
    bytes -= one.bytes.length
  }
  return success({ data: { path: place } })
}

function find({ store }: World, { params: [guid = ''] }: Ask): Answered {
  const attachment = store.attachment(guid)
  if (attachment === null) throw notFound('Attachment does not exist!')
  return success({ data: attachmentJson(attachment, {}) })
}

function download({ store, mac }: World, { params: [guid = ''], query }: Ask): Answered {
  check(query, downloadRules)
  const attachment = store.attachment(guid)
  if (attachment === null) {
    if (!isYes(query.force ?? 'true') || !mac.privateApi) throw notFound('Attachment does not exist!')
    // It is to be fetched again, and nobody looked whether there is anything.
    throw unhandled("Cannot read properties of null (reading 'guid')")
  }
  return bytesOf(attachment, isYes(query.original))
}

async function fetchAgain({ store, privateApi }: World, { params: [guid = ''], query }: Ask): Promise<Answered> {
  check(query, downloadRules)
  const attachment = store.attachment(guid)
  if (attachment === null) {
    const outer = `An attachment with the GUID, "${guid}" does not exist!`
    throw new Failure({ status: 400, type: 'Validation Error', outer, inner: 'Bad Request' })
  }
  await privateApi.turn()
  attachment.isOnDisk = true
  return bytesOf(attachment, isYes(query.original))
}

/** Sent in pieces, without its length. Converted it is called otherwise; its bytes stay what they are here. */
function bytesOf(attachment: Attachment, isOriginal: boolean): Answered {
  if (!attachment.isOnDisk)
    throw serverError('The server has encountered an error', 'Attachment does not exist in disk!')
  const { mimeType } = (isOriginal ? null : convertedOf(attachment)) ?? attachment
  return { status: 200, type: mimeType, body: attachment.bytes }
}

function isYes(value: unknown): boolean {
  return ['true', '1', 'yes'].includes(String(value).toLowerCase())
}
