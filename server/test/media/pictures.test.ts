/** Real pictures, and files made to do harm, given to the process that opens them. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Color } from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Log } from '../../src/lib/log.ts'
import { createPictures, type Pictures } from '../../src/media/tools/pictures.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { createTestClock, type TestClock } from '../support/test-clock.ts'

let dir = ''
let clock: TestClock
let pictures: Pictures
let started: number[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pictures-'))
})
afterAll(() => rm(dir, { recursive: true }))

beforeEach(() => {
  started = []
  clock = createTestClock()
  const log: Log = {
    info: (fields) => void ('pid' in fields && typeof fields.pid === 'number' && started.push(fields.pid)),
    warn: () => undefined,
    error: () => undefined,
  }
  pictures = createPictures({ clock, log })
})
afterEach(async () => {
  await pictures.stop()
  expect(started.filter(isAlive)).toEqual([])
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, bytes)
  return path
}

const out = () => join(dir, 'out.jpg')

async function jpegOf(path: string, mimeType: string, bytesMax = 5_000_000) {
  await rm(out(), { force: true })
  await pictures.jpeg(path, mimeType, out(), bytesMax)
  const bytes = await readFile(out())
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number) => [
    ...data.subarray((y * info.width + x) * info.channels).subarray(0, info.channels),
  ]
  return { bytes, at, ...(await sharp(bytes).metadata()) }
}

const flat = (width: number, height: number, background: Color, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background } })

/** Does not shrink: what a photograph is to a JPEG, and worse. */
const noise = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  })

/** Left half red, right half blue, then laid on its side as cameras do: upright it is 20 wide and 40 high. */
async function onItsSide(): Promise<Buffer> {
  const red = await flat(20, 20, '#f00').png().toBuffer()
  const both = flat(40, 20, '#00f').composite([{ input: red, left: 0, top: 0 }])
  return both
    .withExif({ IFD0: { Copyright: 'somebody' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
}

/** A PNG that says it has so many pixels, all of them black. */
function blackPng(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
  head.writeUInt32BE(side, 0)
  head.writeUInt32BE(side, 4)
  const lines = deflateSync(Buffer.alloc((Math.ceil(side / 8) + 1) * side), { level: 9 })
  const start = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([start, chunk('IHDR', head), chunk('IDAT', lines), chunk('IEND', Buffer.alloc(0))])
}

describe('what is made', () => {
  test('a photograph is upright, and says neither where nor by whom it was taken', async () => {
    const source = await onItsSide()
    expect(source.includes('somebody')).toBe(true)
    const path = await file('side.jpg', source)
    expect(await pictures.measure(path, 'image/jpeg')).toEqual({ width: 20, height: 40 })
    const made = await jpegOf(path, 'image/jpeg')
    expect(made).toMatchObject({ format: 'jpeg', width: 20, height: 40, space: 'srgb' })
    expect([made.exif, made.icc, made.xmp, made.orientation]).toEqual([undefined, undefined, undefined, undefined])
    expect(made.at(10, 5)[0]).toBeGreaterThan(200)
    expect(made.at(10, 35)[2]).toBeGreaterThan(200)
  })

  test('what is transparent comes out white', async () => {
    const path = await file('alpha.png', await flat(8, 8, { r: 0, g: 0, b: 0, alpha: 0 }, 4).png().toBuffer())
    const made = await jpegOf(path, 'image/png')
    expect(made.channels).toBe(3)
    expect(Math.min(...made.at(4, 4))).toBeGreaterThan(250)
  })

  test('colours of another space become those of sRGB', async () => {
    const wide = await flat(16, 16, '#0c0').withIccProfile('p3').jpeg({ quality: 100 }).toBuffer()
    expect((await sharp(wide).metadata()).icc).toBeDefined()
    const made = await jpegOf(await file('p3.jpg', wide), 'image/jpeg')
    expect(made.icc).toBeUndefined()
    const [red = 255, green = 0] = made.at(8, 8)
    expect([red < 40, green > 180]).toEqual([true, true])
    const print = await flat(16, 16, '#c00').toColourspace('cmyk').jpeg().toBuffer()
    expect(await jpegOf(await file('cmyk.jpg', print), 'image/jpeg')).toMatchObject({ space: 'srgb', channels: 3 })
  })

  test.each(['webp', 'avif', 'png'] as const)('%s can be read', async (format) => {
    const path = await file(`a.${format}`, await flat(30, 20, '#0a0').toFormat(format).toBuffer())
    expect(await pictures.measure(path, `image/${format}`)).toEqual({ width: 30, height: 20 })
    expect(await jpegOf(path, `image/${format}`)).toMatchObject({ format: 'jpeg', width: 30, height: 20 })
  })

  test('an animation shows its first picture', async () => {
    const frames = await Promise.all(['#f00', '#0f0', '#00f'].map((colour) => flat(12, 10, colour).png().toBuffer()))
    const path = await file(
      'moves.gif',
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    )
    expect((await sharp(path, { animated: true }).metadata()).pages).toBe(3)
    expect(await pictures.measure(path, 'image/gif')).toEqual({ width: 12, height: 10 })
    const made = await jpegOf(path, 'image/gif')
    expect(made).toMatchObject({ width: 12, height: 10 })
    expect(made.at(5, 5)[0]).toBeGreaterThan(200)
  })

  test('is as large as fits', async () => {
    const path = await file('noise.jpg', await noise(1500, 1000).jpeg({ quality: 95 }).toBuffer())
    const widths: number[] = []
    for (const bytesMax of [20_000_000, 150_000, 20_000]) {
      const made = await jpegOf(path, 'image/jpeg', bytesMax)
      expect(made.bytes.length).toBeLessThanOrEqual(bytesMax)
      expect(made.bytes.length).toBeGreaterThan(Math.min(bytesMax, 500_000) / 4)
      widths.push(made.width)
    }
    expect(widths[0]).toBe(1500)
    expect(widths).toEqual([...new Set(widths)].sort((a, b) => b - a))
  })

  test('has at most 4096 pixels a side', async () => {
    const path = await file('wide.png', await flat(6000, 300, '#888').png().toBuffer())
    expect(await jpegOf(path, 'image/png')).toMatchObject({ width: 4096, height: 205 })
  })

  test('a sketch has at most 100 pixels a side and 8 kB', async () => {
    const path = await file('sketch.jpg', await noise(600, 1200).jpeg().toBuffer())
    const sketch = await pictures.thumbnail(path, 'image/jpeg')
    expect(sketch?.length).toBeLessThanOrEqual(8 * 1024)
    expect(await sharp(sketch ?? undefined).metadata()).toMatchObject({ format: 'jpeg', width: 50, height: 100 })
  })
})

describe('what cannot be made', () => {
  const invalid = { name: 'SendFailure', kind: 'refused', code: 'MEDIA_INVALID' }
  const refused = async (path: string, mimeType: string, bytesMax = 1_000_000) => {
    const failure: unknown = await pictures.jpeg(path, mimeType, out(), bytesMax).catch((error: unknown) => error)
    await expect(stat(out())).rejects.toMatchObject({ code: 'ENOENT' })
    return failure
  }
  beforeEach(() => rm(out(), { force: true }))

  test('a picture of 900 million pixels in 110 kB', async () => {
    const bomb = blackPng(30_000)
    expect(bomb.length).toBeLessThan(200_000)
    const path = await file('bomb.png', bomb)
    expect(await pictures.measure(path, 'image/png')).toBeNull()
    expect(await refused(path, 'image/png')).toMatchObject(invalid)
    expect(await pictures.thumbnail(path, 'image/png')).toBeNull()
    expect(await pictures.measure(await file('fine.png', blackPng(7_000)), 'image/png')).toMatchObject({ width: 7_000 })
  })

  test('half a photograph; it is measured and sketched all the same', async () => {
    const whole = await noise(400, 300).jpeg().toBuffer()
    const path = await file('half.jpg', whole.subarray(0, whole.length / 2))
    expect(await pictures.measure(path, 'image/jpeg')).toEqual({ width: 400, height: 300 })
    expect(await refused(path, 'image/jpeg')).toMatchObject(invalid)
    expect(await pictures.thumbnail(path, 'image/jpeg')).not.toBeNull()
  })

  test.each(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])(
    'drawings, other formats and noise that go by %s',
    async (mimeType) => {
      const svg = Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
      )
      const tiff = await flat(9, 9, '#888').tiff().toBuffer()
      const random = Buffer.from(Array.from({ length: 5_000 }, (_, place) => (place * 7919 + 13) % 251))
      for (const bytes of [svg, tiff, random, Buffer.alloc(0)]) {
        const path = await file('other', bytes)
        expect(await pictures.measure(path, mimeType)).toBeNull()
        expect(await refused(path, mimeType)).toMatchObject(invalid)
        expect(await pictures.thumbnail(path, mimeType)).toBeNull()
      }
    },
  )

  test.each(['image/heic', 'image/tiff', 'image/svg+xml'])('%s, for which no process is started', async (mimeType) => {
    const path = await file('other', Buffer.from('x'))
    expect(await pictures.measure(path, mimeType)).toBeNull()
    expect(await pictures.thumbnail(path, mimeType)).toBeNull()
    expect(await refused(path, mimeType)).toMatchObject({ ...invalid, message: expect.stringContaining('as JPEG') })
    expect(started).toEqual([])
  })

  test('what does not fit however small it is made', async () => {
    const path = await file('noise.png', await noise(500, 500).png().toBuffer())
    const tooLarge = { kind: 'refused', code: 'MEDIA_TOO_LARGE' }
    expect(await refused(path, 'image/png', 1_000)).toMatchObject(tooLarge)
  })

  test('what is not there', async () => {
    expect(await pictures.measure(join(dir, 'nowhere'), 'image/png')).toBeNull()
    expect(await refused(join(dir, 'nowhere'), 'image/png')).toMatchObject(invalid)
  })
})

describe('the process that opens them', () => {
  let large = ''
  let small = ''
  const smallIs = { width: 30, height: 20 }
  beforeAll(async () => {
    large = await file('large.jpg', await noise(2000, 2000).jpeg().toBuffer())
    small = await file('small.png', await flat(30, 20, '#888').png().toBuffer())
  })

  test('killed in the middle of a job: the job fails, the next one works', async () => {
    await pictures.measure(small, 'image/png')
    const [first = 0] = started
    const broken = pictures.jpeg(large, 'image/jpeg', out(), 5_000_000)
    const next = pictures.measure(small, 'image/png')
    broken.catch(() => undefined)
    await turn()
    process.kill(first, 'SIGKILL')
    await expect(broken).rejects.toMatchObject({ kind: 'retryable', code: 'MEDIA_INVALID' })
    expect(await next).toEqual(smallIs)
    expect(started).toHaveLength(2)
  })

  test('killed between two jobs, nobody notices', async () => {
    await pictures.measure(small, 'image/png')
    process.kill(started[0] ?? 0, 'SIGKILL')
    await expect.poll(() => started.some(isAlive)).toBe(false)
    expect(await pictures.measure(small, 'image/png')).toEqual(smallIs)
  })

  test('late with a job: it is killed after 10 s, and the next job gets another', async () => {
    await pictures.measure(small, 'image/png')
    const [first = 0] = started
    process.kill(first, 'SIGSTOP')
    const late = pictures.jpeg(small, 'image/png', out(), 5_000_000)
    const next = pictures.measure(small, 'image/png')
    late.catch(() => undefined)
    await turn()
    clock.advance(5_000)
    await turn()
    expect(isAlive(first)).toBe(true)
    clock.advance(5_000)
    await expect(late).rejects.toMatchObject({ kind: 'refused', code: 'MEDIA_INVALID' })
    expect(await next).toEqual(smallIs)
    expect([isAlive(first), started.length]).toEqual([false, 2])
  })

  test('is one, whatever is asked for at once, and is gone after 30 s of nothing to do', async () => {
    const asked = Array.from({ length: 8 }, () => pictures.measure(small, 'image/png'))
    expect(await Promise.all(asked)).toEqual(asked.map(() => smallIs))
    expect(started).toHaveLength(1)
    clock.advance(20_000)
    expect(await pictures.measure(small, 'image/png')).toEqual(smallIs)
    clock.advance(20_000)
    expect(await pictures.measure(small, 'image/png')).toEqual(smallIs)
    expect(started).toHaveLength(1)
    clock.advance(30_000)
    await expect.poll(() => started.some(isAlive)).toBe(false)
    expect(await pictures.measure(small, 'image/png')).toEqual(smallIs)
    expect(started).toHaveLength(2)
  })

  test('is replaced after 500 jobs', async () => {
    for (let job = 0; job < 500; job += 1) await pictures.measure(small, 'image/png')
    expect(started).toHaveLength(1)
    await pictures.measure(small, 'image/png')
    expect(started).toHaveLength(2)
  })

  test('knows nothing of our environment', async () => {
    process.env.CANARY = 'secret of the gateway'
    await pictures.measure(small, 'image/png')
    delete process.env.CANARY
    if (!existsSync('/proc/self/environ')) return
    const known = readFileSync(`/proc/${started[0]}/environ`, 'latin1').split('\0').filter(Boolean)
    expect(known.map((one) => one.split('=')[0]?.replace(/^NODE_CHANNEL_.*/, 'NODE_CHANNEL'))).toEqual(
      known.map(() => 'NODE_CHANNEL'),
    )
  })

  test('ends with the gateway, however that ends', async () => {
    const at = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
    const script = `
      import { createPictures } from ${at('media/tools/pictures.ts')}
      import { systemClock } from ${at('lib/clock.ts')}
      const say = (fields) => fields.pid && console.log(fields.pid)
      const pictures = createPictures({ clock: systemClock, log: { info: say, warn() {}, error() {} } })
      await pictures.measure(${JSON.stringify(small)}, 'image/png')
      console.log('ready')
      await pictures.jpeg(${JSON.stringify(large)}, 'image/jpeg', ${JSON.stringify(out())}, 60_000)`
    const gateway = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const text of gateway.stdout) {
      said += String(text)
      if (said.includes('ready')) break
    }
    const pid = Number.parseInt(said, 10)
    const state = `/proc/${pid}/stat`
    expect(isAlive(pid)).toBe(true)
    gateway.kill('SIGKILL')
    // Where nobody collects what has ended, it stays as a name without a process.
    const isGone = () => !isAlive(pid) || (existsSync(state) && / Z /.test(readFileSync(state, 'latin1')))
    await expect.poll(isGone, { timeout: 5_000 }).toBe(true)
  })

  test('leaves no timer behind when it is stopped', async () => {
    const still = createHandClock()
    const own = createPictures({
      clock: still,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    })
    await own.measure(small, 'image/png')
    expect(still.sleepers).toBe(1)
    await own.stop()
    expect(still.sleepers).toBe(0)
  })

  test('stopped in the middle of a job, and nothing is started after', async () => {
    await pictures.measure(small, 'image/png')
    const waiting = [pictures.jpeg(large, 'image/jpeg', out(), 5_000_000), pictures.measure(small, 'image/png')]
    const outcomes = Promise.allSettled(waiting)
    await pictures.stop()
    const stopped = { status: 'rejected', reason: { kind: 'retryable', code: 'SERVICE_UNAVAILABLE' } }
    expect(await outcomes).toMatchObject([stopped, stopped])
    await expect(pictures.measure(small, 'image/png')).rejects.toMatchObject(stopped.reason)
    expect([started.length, started.some(isAlive)]).toEqual([1, false])
  })
})
