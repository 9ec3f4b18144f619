/** Files behind links: no key, one file each, in whole or in part, never run by a browser. */
import { z } from 'zod'
import type { Gateway } from '../gateway.ts'
import type { Attachment, Message } from '../model/message.ts'
import { partOf } from './ranges.ts'
import { defineFile, type Route } from './route.ts'

const params = z.object({
  token: z.string().meta({ description: 'From a `downloadUrl`, as it was given.', examples: ['eyJjIjoi….c2ln'] }),
})

const headers = z.object({
  range: z.string().max(200).optional().meta({ description: 'One range of bytes, such as `bytes=0-1023`.' }),
  'if-range': z.string().max(200).optional(),
  'if-none-match': z.string().max(2_000).optional(),
})

const download = defineFile({
  method: 'GET',
  path: '/v1/attachments/{token}',
  operationId: 'downloadAttachment',
  summary: 'Download a file',
  description:
    'The file behind a `downloadUrl`. The link is the permission: no key is asked for, and it works for an hour. Parts can be asked for with `Range`, so that players may jump. Always sent as an attachment, so that a browser never runs what somebody else sent.',
  tag: 'Messages',
  scope: 'public',
  params,
  headers,
  responses: {
    200: { description: 'The whole file.' },
    206: { description: 'The part that was asked for.' },
    304: { description: 'The caller has it already.' },
    416: { description: 'The file ends before what was asked for.' },
  },
  errors: ['INVALID_SIGNATURE', 'NOT_FOUND', 'SERVICE_UNAVAILABLE', 'URL_EXPIRED'],
  async file({ gateway }, { params: { token }, headers: asked }) {
    const file = await gateway.media.download(token)
    const mark = `"${file.mark}"`
    const asking = { range: asked.range, ifRange: asked['if-range'], ifNoneMatch: asked['if-none-match'] }
    const part = partOf(asking, file.bytes, mark)
    const { status } = part
    const length = status === 206 ? part.end - part.start + 1 : file.bytes
    return {
      status,
      headers: {
        'accept-ranges': 'bytes',
        etag: mark,
        'cache-control': 'private, max-age=3600, immutable',
        'content-security-policy': "sandbox; default-src 'none'",
        'cross-origin-resource-policy': 'cross-origin',
        'content-disposition': dispositionOf(file.filename),
        ...(status === 200 || status === 206
          ? { 'content-type': file.mimeType, 'content-length': String(length) }
          : {}),
        ...(status === 206 ? { 'content-range': `bytes ${part.start}-${part.end}/${file.bytes}` } : {}),
        ...(status === 416 ? { 'content-range': `bytes */${file.bytes}` } : {}),
      },
      open: status === 200 || status === 206 ? () => file.open(status === 206 ? part : null) : null,
    }
  },
})

/** Both spellings of RFC 6266: plain letters for old readers, everything for the others. */
function dispositionOf(filename: string | null): string {
  if (filename === null) return 'attachment'
  const plain = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const whole = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}

export type LinkTo = Gateway['media']['linkTo']

/** What a link to a file needs to know besides the file. */
export interface FileLinks {
  linkTo: LinkTo
  customerId: Message['customerId']
  untilMs: number
}

export const linkWorksMs = 3_600_000

/** Null: there are no bytes of ours behind it. */
export function linkOf(file: Attachment, { linkTo, customerId, untilMs }: FileLinks): string | null {
  const { source, filename } = file
  if (source === null || !('blob' in source)) return null
  const mimeType = file.mimeType ?? 'application/octet-stream'
  return linkTo({ customerId, hash: source.blob, mimeType, filename }, untilMs)
}

export const downloadRoutes: readonly Route[] = [download]
