/** multipart/form-data with at most one file in it, streamed: nothing of the file is held in memory. */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { RequestStream } from '../../../lib/egress/exchange.ts'

export interface Form {
  fields: Readonly<Record<string, string>>
  file: { field: string; name: string; mimeType: string; bytes: number; open(): Promise<Readable> }
}

export function encodedForm({ fields, file }: Form): { type: string; body: RequestStream } {
  const boundary = `form-${randomUUID()}`
  const named = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const type = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(file.mimeType) ? file.mimeType : 'application/octet-stream'
  const disposition = `form-data; name="${file.field}"; filename="${safeName(file.name)}"`
  const begin = `--${boundary}\r\ncontent-disposition: ${disposition}\r\ncontent-type: ${type}\r\n\r\n`
  const head = Buffer.from(`${named.join('')}${begin}`)
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const bytes = head.length + file.bytes + tail.length
  const open = async () => {
    const source = await file.open()
    // Whoever reads it learns of it; nobody may have begun to.
    source.on('error', () => {})
    const whole = Readable.from(between(head, source, tail), { objectMode: false })
    return whole.once('close', () => source.destroy())
  }
  return { type: `multipart/form-data; boundary=${boundary}`, body: { bytes, open } }
}

async function* between(head: Buffer, source: Readable, tail: Buffer): AsyncGenerator<Buffer> {
  yield head
  for await (const piece of source) yield Buffer.from(piece)
  yield tail
}

const lengthMax = 100

/**
 * A name that can be a file on the Mac and nothing more: the server puts it into a path and, with some files, into the
 * command of a shell.
 */
export function safeName(name: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? ''
  const plain = base
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._ -]+/g, '_')
    .replace(/^[.\- ]+/, '')
    .replace(/[. ]+$/, '')
  if (plain === '') return 'file'
  if (plain.length <= lengthMax) return plain
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(plain)?.[0] ?? ''
  return `${plain.slice(0, lengthMax - extension.length)}${extension}`
}
