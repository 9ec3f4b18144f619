/** What ffprobe found, in our words: only what can be true is believed. */

export interface RecordingFacts {
  codecs: string[]
  durationMs: number | null
  width: number | null
  height: number | null
}

/** Longer than a week is a wrong claim; so is a side of more than this. */
const durationMsMax = 7 * 24 * 3_600_000
const sideMax = 16_384

/** Null when there is nothing to be heard or seen in it. */
export function factsFrom(answer: unknown): RecordingFacts | null {
  const streams = listOf(fieldOf(answer, 'streams')).filter(isTrack)
  const codecs = streams.map((stream) => codecName(String(fieldOf(stream, 'codec_name') ?? 'unknown')))
  if (codecs.length === 0) return null
  const video = streams.find((stream) => fieldOf(stream, 'codec_type') === 'video')
  const lengths = [fieldOf(fieldOf(answer, 'format'), 'duration'), ...streams.map((one) => fieldOf(one, 'duration'))]
  return {
    codecs: [...new Set(codecs)],
    durationMs: lengths.map(durationOf).find((ms) => ms !== null) ?? null,
    ...sizeOf(video),
  }
}

function fieldOf(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The picture of an album is none, nor are tracks of data, nor sound without a rate: garbage that was taken for sound. */
function isTrack(stream: unknown): boolean {
  if (fieldOf(fieldOf(stream, 'disposition'), 'attached_pic') === 1) return false
  const type = fieldOf(stream, 'codec_type')
  if (type === 'audio') return Number(fieldOf(stream, 'sample_rate')) > 0 && Number(fieldOf(stream, 'channels')) > 0
  return type === 'video' && Number(fieldOf(stream, 'width')) > 0
}

function codecName(name: string): string {
  return name.startsWith('pcm_') ? 'pcm' : name.slice(0, 40)
}

function durationOf(value: unknown): number | null {
  const ms = Math.round(Number(value) * 1000)
  return Number.isFinite(ms) && ms > 0 && ms <= durationMsMax ? ms : null
}

/** As it is shown: a telephone held upright writes it lying down, with a turn. */
function sizeOf(video: unknown): { width: number | null; height: number | null } {
  const [width, height] = [sideOf(fieldOf(video, 'width')), sideOf(fieldOf(video, 'height'))]
  if (width === null || height === null) return { width: null, height: null }
  const turns = listOf(fieldOf(video, 'side_data_list')).map((data) => Number(fieldOf(data, 'rotation') ?? 0))
  return turns.some((turn) => Math.abs(turn) % 180 === 90) ? { width: height, height: width } : { width, height }
}

function sideOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= sideMax ? value : null
}
