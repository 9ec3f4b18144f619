/** What ffmpeg and ffprobe are told, as data: how to read a type, how to make a form, and how long that may take. */

/** The one demuxer for what the bytes were recognised as. A playlist or a script has none, whatever it calls itself. */
const demuxers: Readonly<Record<string, string>> = {
  ...types('mov', 'audio/mp4 audio/x-m4a audio/m4a video/mp4 video/x-m4v video/quicktime'),
  ...types('mov', 'video/3gpp video/3gpp2 audio/3gpp audio/3gpp2'),
  ...types('mp3', 'audio/mpeg audio/mp3'),
  ...types('aac', 'audio/aac audio/x-aac'),
  ...types('wav', 'audio/wav audio/x-wav audio/vnd.wave audio/wave'),
  ...types('ogg', 'audio/ogg video/ogg application/ogg audio/opus'),
  ...types('caf', 'audio/x-caf audio/caf'),
  ...types('amr', 'audio/amr audio/amr-wb'),
  ...types('flac', 'audio/flac audio/x-flac'),
  ...types('aiff', 'audio/aiff audio/x-aiff'),
  ...types('matroska', 'video/webm audio/webm video/matroska video/x-matroska audio/matroska audio/x-matroska'),
  ...types('avi', 'video/avi video/x-msvideo video/vnd.avi'),
  ...types('mpegts', 'video/mp2t'),
  ...types('mpeg', 'video/mpeg video/mp1s video/mp2p'),
  ...types('flv', 'video/x-flv'),
  ...types('asf', 'video/x-ms-asf audio/x-ms-asf video/x-ms-wmv audio/x-ms-wma application/vnd.ms-asf'),
}

function types(demuxer: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, demuxer]))
}

export function demuxerOf(mimeType: string): string | null {
  const [type = ''] = mimeType.toLowerCase().split(';')
  return Object.hasOwn(demuxers, type.trim()) ? (demuxers[type.trim()] ?? null) : null
}

/** These say in one place how long they are, so that one that was cut off shows. */
export function saysItsLength(mimeType: string): boolean {
  return ['mov', 'matroska', 'wav', 'caf'].includes(demuxerOf(mimeType) ?? '')
}

/** 8192 × 4320 and less: a picture that claims to be larger is not decoded. */
const pixelsMax = 36_000_000

/** Options of the input. */
export function reading(demuxer: string): string[] {
  return ['-max_pixels', String(pixelsMax), '-f', demuxer]
}

/** Options of ffprobe: exactly what `probe` reads. */
export const asking = [
  '-show_entries',
  'format=duration:stream=codec_type,codec_name,width,height,sample_rate,channels,duration:stream_disposition=attached_pic:stream_side_data=rotation',
]

/** Where somebody was and what they used goes to nobody; nor do subtitles, chapters and tracks of data. */
const bare = ['-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1']
/** The same recording gives the same bytes. */
const repeatable = ['-fflags', '+bitexact']
/** Pictures of an album are no video. */
const movie = ['-map', '0:V:0?', '-map', '0:a:0?', ...bare, ...repeatable]
const mp4 = ['-movflags', '+faststart', '-f', 'mp4']

export const copiedToMp4 = [...movie, '-c', 'copy', ...mp4]

export function transcodedToMp4(preset: string): string[] {
  const size = 'min(1280,iw):min(1280,ih):force_original_aspect_ratio=decrease:force_divisible_by=2'
  return [
    ...movie,
    ...['-vf', `scale=${size.replaceAll(',', '\\,')},format=yuv420p`],
    ...['-c:v', 'libx264', '-preset', preset, '-crf', '26', '-maxrate', '4M', '-bufsize', '8M', '-pix_fmt', 'yuv420p'],
    ...['-c:a', 'aac', '-b:a', '128k', '-ac', '2', '-ar', '48000'],
    ...mp4,
  ]
}

const sound = ['-map', '0:a:0', '-vn', ...bare, ...repeatable]

export const voiceInOgg = [
  ...[...sound, '-ac', '1', '-ar', '48000', '-flags:a', '+bitexact'],
  ...['-c:a', 'libopus', '-b:a', '32k', '-application', 'voip', '-frame_duration', '20', '-f', 'ogg'],
]

export const plainSamples = [...sound, '-ac', '1', '-ar', '8000', '-c:a', 'pcm_s16le', '-f', 's16le']

export const onePicture = [
  ...['-map', '0:V:0', '-an', ...bare, '-frames:v', '1'],
  ...['-vf', 'scale=min(640\\,iw):-2', '-pix_fmt', 'yuvj420p', '-c:v', 'mjpeg', '-q:v', '4', '-f', 'mjpeg'],
]

export const wallMs = {
  probe: 15_000,
  copy: 60_000,
  voice: 120_000,
  transcode: 300_000,
  samples: 60_000,
  picture: 30_000,
}
