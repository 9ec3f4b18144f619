/** What all shapes are made of: texts, times, ids, pages. Requests are checked by shapes, and the document is printed from them. */
import { z } from 'zod'
import { channels } from '../../model/channel.ts'

export const limits = {
  textCharacters: 10_000,
  mediaUrls: 20,
  attachments: 20,
  mentions: 256,
  keyCharacters: 255,
  metadataBytes: 16_384,
  urlCharacters: 2_048,
  addressCharacters: 320,
  pageRows: 100,
} as const

/** Length is counted in characters, as JSON Schema does, not in UTF-16 units. */
export function text(max: number, min = 0) {
  const fits = (value: string) => value.length <= max || (value.length <= 2 * max && [...value].length <= max)
  const plain =
    min === 0 ? z.string() : z.string().min(min, min === 1 ? 'This must not be empty.' : `At least ${min} characters.`)
  return plain.refine(fits, `At most ${max} characters.`).meta({ maxLength: max })
}

/** Text from a URL or a header: unlike a body's it has not been checked for what a database cannot hold. */
export function word(max: number) {
  return text(max, 1).refine(
    (value) => !value.includes('\0') && value.isWellFormed(),
    'It holds a character that cannot be stored.',
  )
}

export function url(schemes: readonly string[], example: string) {
  const named = schemes.map((scheme) => `${scheme}://`).join(' or ')
  const isUrl = (value: string) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value)
  return text(limits.urlCharacters, 1)
    .refine(isUrl, `This must be a URL that begins with ${named}.`)
    .meta({ format: 'uri', maxLength: limits.urlCharacters, examples: [example] })
}

export function distinct<Row extends z.ZodType>(list: z.ZodArray<Row>) {
  return list.refine((rows) => new Set(rows).size === rows.length, 'Name each only once.').meta({ uniqueItems: true })
}

export const uuidText = () => z.string().meta({ format: 'uuid' })
export const time = () => z.string().meta({ format: 'date-time', examples: ['2026-09-04T17:20:00.000Z'] })
export const channelName = z.enum(channels).meta({ id: 'Channel', description: 'A network that carries messages.' })

export const pageLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(limits.pageRows)
  .default(50)
  .meta({ description: 'Rows per page.' })
export const pageCursor = word(512).optional().meta({ description: '`pagination.nextCursor` of the page before.' })
export const pagination = z
  .object({ hasMore: z.boolean(), nextCursor: z.string().nullable().meta({ description: 'Null on the last page.' }) })
  .meta({ id: 'Pagination' })

export const listPage = z.object({ limit: pageLimit, cursor: pageCursor })
