/**
 * What files are called on the Mac. The server makes a path of the name, and of some names a shell command
 * (BlueBubbles 1.9.9, voice notes), so that only harmless letters get there.
 */
import type { OutgoingFile } from '../../../model/media/file.ts'

const lengthMax = 100
const extensionMax = 16

/** One for each file, all different. */
export function namesFor(
  files: readonly Pick<OutgoingFile, 'filename' | 'kind' | 'mimeType' | 'voiceNote'>[],
): string[] {
  const taken = new Set<string>()
  return files.map((file) => {
    const safe = file.voiceNote ? `${split(safeName(file.filename ?? 'Audio Message')).stem}.caf` : nameOfFile(file)
    const name = freeName(safe, taken)
    taken.add(name.toLowerCase())
    return name
  })
}

/** The last part of what may be a path, in harmless letters; never empty, never beginning with a dot or a dash. */
export function safeName(text: string): string {
  const last = text.split(/[/\\]/).findLast((part) => part.trim() !== '') ?? ''
  const { stem, extension } = split(last.normalize('NFKD').replaceAll(/\p{M}/gu, ''))
  const ending = plain(extension)
  const name = plain(stem) || 'file'
  return shortened(ending === '' ? name : `${name}.${ending}`, lengthMax)
}

function plain(text: string): string {
  const letters = text
    .replaceAll(/[^A-Za-z0-9._ -]+/g, '_')
    .replaceAll(/\.{2,}/g, '.')
    .replaceAll(/ {2,}/g, ' ')
  return letters.replace(/^[. _-]+/, '').replace(/[. ]+$/, '')
}

function nameOfFile({ filename, kind, mimeType }: Pick<OutgoingFile, 'filename' | 'kind' | 'mimeType'>): string {
  const name = safeName(filename ?? kind)
  if (split(name).extension !== '') return name
  const extension = extensions[mimeType.split(';')[0]?.trim() ?? '']
  return extension === undefined ? name : `${shortened(name, lengthMax - extension.length - 1)}.${extension}`
}

/** By it the Mac knows what to show. */
const extensions: Readonly<Record<string, string>> = {
  ...{ 'image/jpeg': 'jpg', 'image/png': 'png', 'image/gif': 'gif', 'image/webp': 'webp', 'image/heic': 'heic' },
  ...{ 'video/mp4': 'mp4', 'video/quicktime': 'mov', 'video/x-m4v': 'm4v' },
  ...{ 'audio/mpeg': 'mp3', 'audio/mp4': 'm4a', 'audio/aac': 'aac', 'audio/wav': 'wav', 'audio/ogg': 'ogg' },
  ...{ 'audio/x-caf': 'caf', 'application/pdf': 'pdf', 'text/plain': 'txt', 'text/vcard': 'vcf' },
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  const { stem, extension } = split(name)
  const end = extension === '' ? '' : `.${extension}`
  let free = name
  for (let number = 2; taken.has(free.toLowerCase()); number += 1) {
    const more = ` ${number}${end}`
    free = `${stem.slice(0, lengthMax - more.length)}${more}`
  }
  return free
}

function shortened(name: string, most: number): string {
  if (name.length <= most) return name
  const { stem, extension } = split(name)
  const end = extension === '' ? '' : `.${extension}`
  return `${stem.slice(0, most - end.length)}${end}`
}

/** Behind the last dot, unless that is too much for an extension. */
function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.')
  const extension = dot <= 0 ? '' : name.slice(dot + 1)
  if (extension === '' || extension.length > extensionMax || extension.includes(' '))
    return { stem: name, extension: '' }
  return { stem: name.slice(0, dot), extension }
}
