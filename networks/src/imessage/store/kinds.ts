/** What a file is by the end of its name, in the words of HTTP and of Apple. */

const known: Readonly<Record<string, readonly [mimeType: string, uti: string]>> = {
  jpg: ['image/jpeg', 'public.jpeg'],
  jpeg: ['image/jpeg', 'public.jpeg'],
  png: ['image/png', 'public.png'],
  gif: ['image/gif', 'com.compuserve.gif'],
  webp: ['image/webp', 'org.webmproject.webp'],
  heic: ['image/heic', 'public.heic'],
  heif: ['image/heif', 'public.heif'],
  tiff: ['image/tiff', 'public.tiff'],
  tif: ['image/tiff', 'public.tiff'],
  mov: ['video/quicktime', 'com.apple.quicktime-movie'],
  mp4: ['video/mp4', 'public.mpeg-4'],
  mp3: ['audio/mpeg', 'public.mp3'],
  m4a: ['audio/x-m4a', 'com.apple.m4a-audio'],
  caf: ['audio/x-caf', 'com.apple.coreaudio-format'],
  amr: ['audio/amr', 'org.3gpp.adaptive-multi-rate-audio'],
  pdf: ['application/pdf', 'com.adobe.pdf'],
  txt: ['text/plain', 'public.plain-text'],
  vcf: ['text/vcard', 'public.vcard'],
}

export function kindOf(name: string): { mimeType: string; uti: string } {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const [mimeType, uti] = known[ending] ?? ['application/octet-stream', 'public.data']
  return { mimeType, uti }
}

/** What the server makes of a file on its own account; null: it leaves it alone. */
export function convertedOf(file: { name: string; mimeType: string; uti: string }): ConvertedFile | null {
  const image = (['heic', 'heif', 'tiff'] as const).find(
    (ending) => file.uti === `public.${ending}` || file.mimeType.startsWith(`image/${ending}`),
  )
  if (image !== undefined)
    return { name: renamed(file.name, 'jpeg', new RegExp(`\\.${image}$`), '.jpeg'), mimeType: 'image/jpeg' }
  if (file.uti === 'com.apple.coreaudio-format' || file.mimeType === 'audio/x-caf')
    return { name: renamed(file.name, 'mp3', '.caf', '.mp3'), mimeType: 'audio/mp3' }
  return null
}

export interface ConvertedFile {
  name: string
  mimeType: string
}

/** The new ending is put behind the old one before that is replaced: `a.caf` becomes `a.mp3.mp3`. */
function renamed(name: string, ending: string, old: RegExp | string, by: string): string {
  const appended = name.endsWith(`.${ending}`) ? name : `${name}.${ending}`
  return appended.replace(old, by)
}
