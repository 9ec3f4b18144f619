/** Reads multipart/form-data: every byte is looked at once, and files are not copied. */

export interface SentFile {
  name: string
  type: string
  bytes: Buffer
}

export interface Form {
  fields: Record<string, string>
  files: Map<string, SentFile>
}

const headEnd = Buffer.from('\r\n\r\n')

/** Null: it is not what its header says it is. */
export function readForm(body: Buffer, contentType: string): Form | null {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)
  const name = boundary?.[1] ?? boundary?.[2]
  if (name === undefined) return null
  const line = Buffer.from(`--${name}`)
  const end = Buffer.from(`\r\n--${name}`)
  const form: Form = { fields: {}, files: new Map() }
  let at = body.indexOf(line)
  if (at < 0) return null
  at += line.length
  while (body.subarray(at, at + 2).toString('latin1') !== '--') {
    const start = body.indexOf(headEnd, at)
    const stop = start < 0 ? -1 : body.indexOf(end, start + headEnd.length - 2)
    if (stop < 0) return null
    take(form, body.subarray(at, start).toString(), body.subarray(start + headEnd.length, stop))
    at = stop + end.length
  }
  return form
}

function take({ fields, files }: Form, head: string, bytes: Buffer): void {
  const name = quoted(/[;\s]name="([^"]*)"/i.exec(head)?.[1] ?? '')
  const file = /filename="([^"]*)"/i.exec(head)?.[1]
  const type = /^content-type:\s*(\S+)/im.exec(head)?.[1] ?? 'application/octet-stream'
  if (file === undefined) fields[name] = bytes.toString()
  else files.set(name, { name: quoted(file), type, bytes })
}

/** What browsers write for characters that would end the name. */
function quoted(name: string): string {
  return name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n')
}
