/** A browser plays what a link leads to, and jumps in it without fetching the whole: with Chromium, where there is one. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

let gateway: TestGateway
let story: Story
beforeAll(async () => {
  gateway = await startTestGateway()
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

/** A tone of five minutes: large enough that no player fetches all of it for a jump to its end. */
function longTone(): Buffer {
  const [rate, seconds] = [44_100, 300]
  const wav = Buffer.alloc(44 + rate * seconds * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(wav.length - 8, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(rate, 24)
  wav.writeUInt32LE(rate * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(wav.length - 44, 40)
  for (let at = 44; at < wav.length; at += 2) wav.writeInt16LE(Math.round(8_000 * Math.sin(at / 20)), at)
  return wav
}

async function linkTo(data: Uint8Array, mimeType: string): Promise<string> {
  const person = '+14155550177' as Handle
  gateway.network
    .as(person)
    .says(gateway.customer.line.address, 'whatsapp', null, { attachments: [{ mimeType, data }] })
  const told = async () => (await story.told()).filter(({ type }) => type === 'message.inbound').at(-1)?.data
  const before = (await told())?.messageId
  await expect.poll(async () => (await told())?.messageId).not.toBe(before)
  return (await told()).attachments[0].downloadUrl
}

interface Played {
  duration: number
  at: number
  error: string | null
}

/** Loads it in an element, jumps to nine tenths, and says where it is then. */
async function playedBy(browser: string, kind: 'audio' | 'video', url: string): Promise<Played> {
  const page = `<!doctype html><${kind} id="it" preload="metadata" muted></${kind}><script>
    const it = document.getElementById('it')
    const say = (error) => fetch('/said?' + new URLSearchParams({ duration: it.duration, at: it.currentTime, error }))
    it.onerror = () => say(it.error.message || 'error')
    it.onloadedmetadata = () => { it.currentTime = it.duration * 0.9 }
    it.onseeked = () => say('')
    it.src = ${JSON.stringify(url)}
  </script>`
  const profile = await mkdtemp(join(tmpdir(), 'switchboard-browser-'))
  let hear = (_said: Played) => {}
  const said = new Promise<Played>((resolve) => {
    hear = resolve
  })
  const server = createServer((request, response) => {
    const asked = new URL(request.url ?? '/', 'http://localhost')
    if (asked.pathname === '/said') {
      const { duration, at, error } = Object.fromEntries(asked.searchParams)
      hear({ duration: Number(duration), at: Number(at), error: error || null })
    }
    response.setHeader('content-type', 'text/html').end(asked.pathname === '/' ? page : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
  const child = spawn(browser, [...flags, `--user-data-dir=${profile}`, address], { stdio: 'ignore' })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  try {
    return await said
  } finally {
    child.kill('SIGKILL')
    await gone
    server.closeAllConnections()
    server.close()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

test.skipIf(chromium === undefined)(
  'audio and video are played and jumped in (needs a Chromium on PATH)',
  { timeout: 60_000 },
  async () => {
    const wav = longTone()
    const audio = await playedBy(chromium ?? '', 'audio', await linkTo(wav, 'audio/wav'))
    expect(audio.error).toBeNull()
    expect(audio.duration).toBeCloseTo(300, 1)
    expect(audio.at).toBeCloseTo(270, 0)
    const webm = await readFile(new URL('./samples/film.webm', import.meta.url))
    const video = await playedBy(chromium ?? '', 'video', await linkTo(webm, 'video/webm'))
    expect(video.error).toBeNull()
    expect(video.at).toBeCloseTo(video.duration * 0.9, 1)
  },
)
