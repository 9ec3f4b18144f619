/** The files of one message, made ready for one channel: fetched, looked at, made into what it takes, within its limits. */
import type { Clock } from '../lib/clock.ts'
import { type Capabilities, type Form, mediaKindOf } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import type { CustomerId, MessageId } from '../model/ids.ts'
import type { KeptFile, OutgoingFile } from '../model/media/file.ts'
import { planFor, sendable } from '../model/media/plan.ts'
import type { Attachment } from '../model/message.ts'
import type { FileStore, FormFacts } from '../store/media/files.ts'
import { type Fetching, fetchFile } from './fetching.ts'
import type { Library } from './library.ts'
import type { Links } from './links.ts'
import type { Maker, Sketch } from './making.ts'

export interface Preparing {
  /** Throws a SendFailure that says what is wrong with which file. */
  prepare(
    message: { customerId: CustomerId; id: MessageId },
    files: readonly Attachment[],
    capabilities: Capabilities,
  ): Promise<OutgoingFile[]>
}

export interface PreparingOptions {
  store: Pick<FileStore, 'form' | 'addForm' | 'fetched' | 'addFetched'>
  library: Library
  fetching: Fetching
  maker: Maker
  links: Links
  clock: Clock
}

/** So many files of one customer may be fetched and made at a time; whoever needs another makes way meanwhile. */
const filesPerCustomer = 16

/** Not now: this customer's files take all the room they may. */
export class MediaBusy extends Error {
  override readonly name = 'MediaBusy'
}

export function createPreparing(options: PreparingOptions): Preparing {
  const working: Working = { ...options, slowly: createSlowWork() }
  return {
    async prepare(message, files, capabilities) {
      if (files.length === 0) return []
      const known = files.some(hasUrl) ? await options.store.fetched(message) : new Map<string, KeptFile>()
      const ready: OutgoingFile[] = []
      for (const attachment of files) {
        const kept = known.get(attachment.id) ?? (await keptOf(working, message, attachment))
        ready.push(await readyOf(working, { attachment, kept }, capabilities))
      }
      return ready
    },
  }
}

type Working = PreparingOptions & { slowly: SlowWork }

/** What many messages of a customer ask for in the same moment is done once for all of them. */
type SlowWork = <Result>(
  customerId: CustomerId,
  name: readonly unknown[],
  work: () => Promise<Result>,
) => Promise<Result>

function createSlowWork(): SlowWork {
  const underWay = new Map<CustomerId, Map<string, Promise<unknown>>>()
  return <Result>(customerId: CustomerId, named: readonly unknown[], work: () => Promise<Result>) => {
    const name = JSON.stringify(named)
    const theirs = underWay.get(customerId) ?? new Map<string, Promise<unknown>>()
    const known = theirs.get(name) as Promise<Result> | undefined
    if (known !== undefined) return known
    if (theirs.size >= filesPerCustomer) return Promise.reject(new MediaBusy())
    const begun = work().finally(() => {
      theirs.delete(name)
      if (theirs.size === 0) underWay.delete(customerId)
    })
    underWay.set(customerId, theirs.set(name, begun))
    return begun
  }
}

function hasUrl({ source }: Attachment): boolean {
  return source !== null && 'url' in source
}

async function keptOf(
  options: Working,
  message: { customerId: CustomerId; id: MessageId },
  attachment: Attachment,
): Promise<KeptFile> {
  const { source, mimeType, filename, id } = attachment
  if (source === null) throw gone(attachment)
  if ('blob' in source) {
    const kept = await options.library.find(message.customerId, source.blob)
    if (kept === null) throw gone(attachment)
    return kept
  }
  const { customerId } = message
  const kept = await options.slowly(customerId, ['fetch', source.url, mimeType, filename], async () => {
    const fetched = await fetchFile(options.fetching, source.url)
    const said = { mimeType: mimeType ?? fetched.mimeType, filename: filename ?? fetched.filename }
    return options.library.keep(customerId, fetched.spooled, said)
  })
  await options.store.addFetched(message, id, kept.hash)
  return kept
}

function gone({ filename }: Attachment): SendFailure {
  return new SendFailure(
    'refused',
    'MEDIA_GONE',
    `The file ${filename === null ? '' : `${filename} `}is not kept any more. Send it again.`,
  )
}

interface Chosen {
  attachment: Attachment
  kept: KeptFile
}

async function readyOf(options: Working, chosen: Chosen, capabilities: Capabilities): Promise<OutgoingFile> {
  const { attachment, kept } = chosen
  const first = planFor(kept, attachment.voiceNote, capabilities)
  if (first.do === 'refuse') throw new SendFailure('refused', first.code, first.detail)
  const made = first.do === 'make' ? await madeOf(options, kept, first) : kept
  const last = first.do === 'make' ? sendable(made, first, capabilities) : first
  if (last.do === 'refuse') throw new SendFailure('refused', last.code, last.detail)
  return outgoing(options, {
    attachment,
    file: made,
    step: last,
    sketch: await sketchOf(options, made, last.voiceNote),
  })
}

/** Once for all who are sent it. */
async function madeOf(
  { store, library, maker, slowly }: Working,
  kept: KeptFile,
  { form, bytesMax }: { form: Form; bytesMax: number },
): Promise<KeptFile> {
  const name = `${form}/${bytesMax}`
  const before = await store.form(kept, name)
  if (before !== null) return before.file
  return slowly(kept.customerId, ['make', kept.hash, name], async () => {
    const spooled = await library.withPath(kept, (path) => maker.make({ path, file: kept, form, bytesMax }))
    if (spooled === null)
      throw new SendFailure('refused', 'MEDIA_GONE', 'The file is not kept any more. Send it again.')
    const made = await library.keep(kept.customerId, spooled)
    await store.addForm(kept, name, made.hash, {})
    return made
  })
}

/** What a network wants to show before the file is there. A file that cannot be sketched is sent without. */
async function sketchOf(options: Working, file: KeptFile, voice: boolean): Promise<Sketch> {
  const { store, library, maker, slowly } = options
  const name = voice ? 'sketch/voice' : 'sketch'
  if (mediaKindOf(file.mimeType) === 'document') return nothingToSee
  const before = await store.form(file, name)
  if (before !== null) return sketchFrom(before.facts)
  return slowly(file.customerId, ['sketch', file.hash, name], async () => {
    const sketch = await library.withPath(file, (path) => maker.sketch({ path, file, voice }))
    if (sketch === null) return nothingToSee
    const { waveform, thumbnail } = sketch
    const facts = { waveform, thumbnail: thumbnail === null ? null : Buffer.from(thumbnail).toString('base64') }
    await store.addForm(file, name, file.hash, facts)
    return sketch
  })
}

const nothingToSee: Sketch = { waveform: null, thumbnail: null }

function sketchFrom({ waveform, thumbnail }: FormFacts): Sketch {
  return {
    waveform: Array.isArray(waveform) ? waveform : null,
    thumbnail: typeof thumbnail === 'string' ? Buffer.from(thumbnail, 'base64') : null,
  }
}

interface Prepared {
  attachment: Attachment
  file: KeptFile
  step: { kind: OutgoingFile['kind']; voiceNote: boolean }
  sketch: Sketch
}

function outgoing({ library, links, clock }: PreparingOptions, prepared: Prepared): OutgoingFile {
  const { attachment, file, step, sketch } = prepared
  const { mimeType, bytes, durationMs, width, height, customerId, hash } = file
  const filename = renamed(nameOf(attachment), mimeType)
  return {
    ...{ id: attachment.id, mimeType, filename, bytes, durationMs, width, height, ...step, ...sketch },
    async open() {
      const stream = await library.open(file)
      if (stream === null)
        throw new SendFailure('refused', 'MEDIA_GONE', 'The file is not kept any more. Send it again.')
      return stream
    },
    linkFor: (ms) => links.urlOf({ customerId, hash, mimeType, filename }, clock.now() + ms),
  }
}

/** As its sender called it, or as its URL does. */
function nameOf({ filename, source }: Attachment): string | null {
  if (filename !== null || source === null || !('url' in source)) return filename
  const last = URL.parse(source.url)?.pathname.split('/').at(-1) ?? ''
  return /^[\w.~-]+\.[A-Za-z0-9]{1,8}$/.test(last) ? last : null
}

const extensions: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'video/mp4': 'mp4',
  'audio/ogg': 'ogg',
  'audio/x-caf': 'caf',
}

/** A file that was made into something else must not go by the old ending. */
function renamed(filename: string | null, mimeType: string): string | null {
  const extension = extensions[mimeType]
  if (filename === null || extension === undefined) return filename
  const ending = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase()
  if (!filename.includes('.') || ending === extension || aliases[extension]?.includes(ending)) return filename
  return `${filename.slice(0, filename.lastIndexOf('.'))}.${extension}`
}

const aliases: Readonly<Record<string, readonly string[]>> = {
  jpg: ['jpeg', 'jpe', 'jfif'],
  mp4: ['m4v'],
  ogg: ['oga', 'opus'],
}
