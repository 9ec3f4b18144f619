/** The process that opens pictures: a file made to break the library that reads it breaks this process and not the gateway. */
import { writeFile } from 'node:fs/promises'
import sharp, { type Sharp, type SharpOptions } from 'sharp'

export type Job =
  | { do: 'measure'; path: string }
  | { do: 'jpeg'; path: string; out: string; bytesMax: number }
  | { do: 'thumbnail'; path: string }

export type Answer = { rssBytes: number } & (
  | { ok: true; width: number; height: number }
  | { ok: true; base64: string }
  | { ok: true }
  | { ok: false; why: 'unreadable' | 'too large' | 'not written' }
)

const pixelsMax = 50_000_000
const sideMax = 4096
const strict: SharpOptions = { limitInputPixels: pixelsMax, failOn: 'error', sequentialRead: true }
/** A sketch of half a picture is better than none. */
const lenient: SharpOptions = { ...strict, failOn: 'none' }

/** From the best down: the first that fits is taken. */
const sides = [4096, 3264, 2560, 2048, 1600, 1280, 960, 720, 540, 400, 320]
const qualities = [85, 75, 65]
/** A quality saves less than this; so much larger, only a smaller side helps. */
const savedByQuality = 2

const thumbnail = { side: 100, bytesMax: 8 * 1024, qualities: [70, 50, 30] }

sharp.cache(false)
sharp.concurrency(1)
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: [
    ...['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'],
    'VipsForeignLoadHeif',
  ],
})

process.on('message', (job: Job) => {
  void answer(job).then((outcome) => process.send?.({ ...outcome, rssBytes: process.memoryUsage.rss() }))
})
// The gateway is gone, however it went.
process.on('disconnect', () => process.exit())

type Outcome = Answer extends infer One ? (One extends unknown ? Omit<One, 'rssBytes'> : never) : never

async function answer(job: Job): Promise<Outcome> {
  try {
    if (job.do === 'measure') return { ok: true, ...(await measured(job.path)) }
    if (job.do === 'thumbnail') return await sketched(job.path)
    const jpeg = await fitting(job.path, job.bytesMax)
    if (jpeg === null) return { ok: false, why: 'too large' }
    return await written(job.out, jpeg)
  } catch {
    return { ok: false, why: 'unreadable' }
  }
}

/** As it is seen, not as it lies in the file. */
async function measured(path: string): Promise<{ width: number; height: number }> {
  const { autoOrient } = await sharp(path, strict).metadata()
  return autoOrient
}

/** Upright, its transparent parts white. What else is in the file, where it was taken among it, stays behind. */
function seen(path: string, options: SharpOptions, side: number): Sharp {
  return sharp(path, options)
    .autoOrient()
    .resize(side, side, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
}

/** Read once: taking the file apart costs more than putting it together. Sides that are far too large are passed over. */
async function fitting(path: string, bytesMax: number): Promise<Buffer | null> {
  const { data, info } = await seen(path, strict, sideMax).raw().toBuffer({ resolveWithObject: true })
  const raw = { width: info.width, height: info.height, channels: info.channels }
  const longest = Math.max(info.width, info.height)
  let bytesPerArea = 0
  for (const side of [longest, ...sides.filter((one) => one < longest)]) {
    if (bytesPerArea * side ** 2 > bytesMax * savedByQuality ** 2) continue
    for (const quality of qualities) {
      const resized = sharp(data, { raw }).resize(side, side, { fit: 'inside', withoutEnlargement: true })
      const jpeg = await resized.jpeg({ quality }).toBuffer()
      if (jpeg.length <= bytesMax) return jpeg
      bytesPerArea = jpeg.length / side ** 2
      if (jpeg.length > bytesMax * savedByQuality) break
    }
  }
  return null
}

async function sketched(path: string): Promise<Outcome> {
  for (const quality of thumbnail.qualities) {
    const jpeg = await seen(path, lenient, thumbnail.side).jpeg({ quality }).toBuffer()
    if (jpeg.length <= thumbnail.bytesMax) return { ok: true, base64: jpeg.toString('base64') }
  }
  return { ok: false, why: 'too large' }
}

async function written(path: string, jpeg: Buffer): Promise<Outcome> {
  try {
    await writeFile(path, jpeg, { mode: 0o600 })
    return { ok: true }
  } catch {
    return { ok: false, why: 'not written' }
  }
}
