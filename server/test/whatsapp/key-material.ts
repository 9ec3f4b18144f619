/** What must never be seen outside the vault: all keys in it, and where any of them shows in some text, however it is written. */
import { BufferJSON } from 'baileys'
import type { Db } from '../../src/store/db.ts'

/** Each under what it is, such as `credentials noiseKey private`. */
export type Secrets = Map<string, Buffer>

const secretMin = 16
const keptBytes = 30
const base64 = /^[A-Za-z0-9+/]{22,}={0,2}$/
/** Halves that are told to others anyway, and signatures under them. */
const publicNames = /^(?:public|pubKey|signature|baseKey|remoteIdentityKey|lastRemoteEphemeralKey|identifierKey)$/
/** There are 812 of them, one like the other. */
const mostPreKeys = /^keys\/pre-key\/\d*(?!20)\d\d$/

/** `entries` are opened entries of a vault; texts of messages are kept there as well, and are no keys. */
export function secretsIn(entries: ReadonlyMap<string, Uint8Array>): Secrets {
  const found: Secrets = new Map()
  for (const [place, bytes] of entries) {
    if ((!place.startsWith('keys/') && place !== 'credentials') || mostPreKeys.test(place)) continue
    collect(JSON.parse(Buffer.from(bytes).toString(), BufferJSON.reviver), place, found)
  }
  return found
}

function collect(value: unknown, place: string, found: Secrets): void {
  const bytes = bytesIn(value)
  if (bytes !== null) {
    const inner = parsed(bytes)
    if (inner !== null) collect(inner, place, found)
    else if (bytes.length >= secretMin) found.set(place, bytes)
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, part] of Object.entries(value)) {
    // A session keeps its chains under what the others have shown.
    if (!publicNames.test(name)) collect(part, `${place} ${base64.test(name) ? name.slice(0, 6) : name}`, found)
  }
}

function bytesIn(value: unknown): Buffer | null {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (typeof value === 'string') return base64.test(value) ? Buffer.from(value, 'base64') : null
  const isList = Array.isArray(value) && value.length >= secretMin && value.every((one) => Number.isInteger(one))
  return isList ? Buffer.from(value) : null
}

/** Sender keys are JSON within JSON. Null for a key, which may begin with a bracket by chance. */
function parsed(bytes: Buffer): unknown {
  if (bytes[0] !== 0x5b && bytes[0] !== 0x7b) return null
  try {
    return JSON.parse(bytes.toString(), BufferJSON.reviver)
  } catch {
    return null
  }
}

const forms: Readonly<Record<string, (key: Buffer) => string>> = {
  hex: (key) => key.toString('hex'),
  base64: (key) => key.toString('base64'),
  base64url: (key) => key.toString('base64url'),
  numbers: (key) => [...key].join(','),
  bytes: (key) => key.toString('latin1'),
}

/** A text with what it takes to look through it: without gaps, since numbers are printed in columns, and in small letters for hex. */
export function searchable(text: string) {
  const dense = text.replace(/\s+/g, '')
  const texts: Readonly<Record<string, string>> = { hex: dense.toLowerCase(), bytes: text }
  return {
    /** In which forms it stands there. What is printed of a long one is cut off: its beginning tells. */
    formsOf(key: Buffer): string[] {
      const start = key.subarray(0, keptBytes)
      return Object.entries(forms).flatMap(([form, written]) =>
        (texts[form] ?? dense).includes(written(start)) ? [form] : [],
      )
    },
    has: (words: string) => text.includes(words),
  }
}

/** Everything that a dump of the database holds, with what lies in it as bytes also as bytes. */
export async function dumpOf(db: Db): Promise<string> {
  const tables = await db.query<{ name: string }>({
    name: '',
    text: `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`,
  })
  const parts: string[] = []
  for (const { name } of tables) {
    const rows = await db.query<{ row: string }>({ name: '', text: `select t::text as row from ${name} t` })
    parts.push(name, ...rows.map(({ row }) => row))
  }
  const text = parts.join('\n')
  const bytes = [...text.matchAll(/\\x((?:[0-9a-f]{2})+)/g)].map(([, hex = '']) =>
    Buffer.from(hex, 'hex').toString('latin1'),
  )
  return [text, ...bytes].join('\n')
}
