/** Large files in and out, beside a plain copy of the same file; and what ten at once cost in memory. */
import { execFileSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream, createWriteStream, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../src/lib/clock.ts'
import { createSafeFetch } from '../../../src/lib/egress/safe-fetch.ts'
import { createMint } from '../../../src/lib/mint.ts'
import { fetchFile } from '../../../src/media/fetching.ts'
import { createLibrary } from '../../../src/media/library.ts'
import { createSpool } from '../../../src/media/spool.ts'
import { createDiskStorage } from '../../../src/media/storage/disk.ts'
import type { CustomerId } from '../../../src/model/ids.ts'
import { type Child, startChild } from '../child.ts'
import { median, megabytes, share } from '../figures.ts'
import { residentBytes } from '../processes.ts'
import type { Table } from '../report.ts'
import { allRoles, openFolder, type Settings, type Stand, startGateway } from '../stand.ts'

const fileBytes = 100 * 1024 * 1024
const filesAtOnce = 10
const idleMs = 5_000

interface Field {
  settings: Settings
  folder: string
  /** A file of its own for each, so that nothing is known already. */
  files: readonly { path: string; url: string; hash: string }[]
}

/** A gateway that runs, and somebody who may use it. */
interface Door {
  gateway: Child
  port: number
  sender: Stand['senders'][number]
}

export async function benchMedia(settings: Settings, stand: Stand): Promise<Table[]> {
  const folder = openFolder()
  const server = await startChild('media/file-server-process', { folder: folder.path })
  try {
    const port = await server.ask<number>('port')
    const files = Array.from({ length: filesAtOnce }, (_, number) => writeFile(folder.path, number, port))
    const field = { settings, folder: folder.path, files }
    const { child: gateway, port: ours } = await startGateway(settings, stand, { roles: allRoles, stamps: true })
    await gateway.ask('linked')
    const [sender] = stand.senders
    if (sender === undefined) throw new Error('There is nobody to send as.')
    const door: Door = { gateway, port: ours, sender }
    const memory = await benchMemory(field, door)
    const throughput = await benchThroughput(field, door)
    await gateway.stop()
    return [throughput, memory]
  } finally {
    await server.stop()
    folder.remove()
  }
}

function writeFile(folder: string, number: number, port: number): Field['files'][number] {
  const name = `file-${number}`
  const file = openSync(join(folder, name), 'wx')
  const piece = Buffer.alloc(1024 * 1024)
  const hash = createHash('sha256')
  for (let bytes = 0; bytes < fileBytes; bytes += piece.length) {
    randomFillSync(piece)
    hash.update(piece)
    writeSync(file, piece)
  }
  return { path: join(folder, name), url: `http://127.0.0.1:${port}/${name}`, hash: hash.digest('hex') }
}

async function benchThroughput(field: Field, door: Door): Promise<Table> {
  const { settings, folder, files } = field
  const [file] = files
  if (file === undefined) throw new Error('There is no file.')
  const intake = openIntake(folder)
  const ways: Record<string, () => Promise<unknown>> = {
    'plain copy (stream.pipeline)': () =>
      pipeline(createReadStream(file.path), createWriteStream(join(folder, 'copy'))),
    'plain copy, then on the disk for certain (fsync)': () =>
      pipeline(createReadStream(file.path), createWriteStream(join(folder, 'copy'), { flush: true })),
    'intake of a stream': () => intake.stream(file.path),
    'intake by URL over loopback': () => intake.url(file.url),
    'download from the gateway': async () => drain(await linkTo(door, file.hash)),
    'plain fetch of that URL into a file': async () => {
      const { body } = await fetch(file.url)
      if (body !== null) await pipeline(body, createWriteStream(join(folder, 'copy'), { flush: true }))
    },
  }
  const taken = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]))
  for (let round = 0; round < settings.rounds + 1; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      rmSync(join(folder, 'copy'), { force: true })
      // Else whoever waits for the disk waits for what the one before has left in its cache.
      execFileSync('sync')
      const startedAt = performance.now()
      await way()
      // The first round warms caches and code.
      if (round > 0) taken.get(name)?.push(fileBytes / (performance.now() - startedAt) / 1_000)
    }
    settings.say(`media, round ${round} of ${settings.rounds}`)
  }
  await intake.close()
  const [copy = 0, flushed = 0] = [...taken.values()].map(median)
  return {
    title: 'A file of 100 MB, in and out',
    columns: ['way', 'MB/s', 'of a plain copy', 'of one with fsync'],
    rows: [...taken].map(([name, rates]) => {
      const rate = median(rates)
      return [name, rate.toFixed(0), share(rate, copy), share(rate, flushed)]
    }),
    notes: [
      'One file in the page cache, one after the other, interleaved, everything written before on the disk; the median of the rounds. Intake hashes, writes, waits for the disk and renames. Its rows in the database are left out.',
    ],
  }
}

function openIntake(folder: string) {
  const clock = systemClock
  const spool = createSpool({ dir: join(folder, 'incoming'), mint: createMint(clock), clock })
  const library = createLibrary({
    store: { keep: async () => true, get: async () => null, takeOld: async () => [], forget: async () => {} },
    storage: createDiskStorage(join(folder, 'kept')),
    spool,
    look: async ({ bytes }) => ({
      ...{ mimeType: 'application/zip', bytes },
      ...{ codecs: null, durationMs: null, width: null, height: null },
    }),
    clock,
    keptMs: 60_000,
  })
  const egress = createSafeFetch({ clock, policy: 'loopback', own: () => [] })
  const customer = '00000000-0000-7000-8000-000000000000' as CustomerId
  return {
    stream: async (path: string) => library.keep(customer, await spool.take(createReadStream(path), fileBytes)),
    url: async (url: string) => library.keep(customer, (await fetchFile({ egress, spool }, url)).spooled),
    close: () => egress.close(),
  }
}

function linkTo({ gateway, sender }: Door, hash: string): Promise<string> {
  return gateway.ask<string>('link', { customerId: sender.customerId, hash })
}

async function benchMemory({ files }: Field, door: Door): Promise<Table> {
  const { gateway, port, sender } = door
  // A message first, so that the code is there.
  await send(port, sender.apiKey, { content: { text: 'First' } }, 0)
  await sleep(idleMs)
  const idle = residentBytes(gateway.pid)
  const rows: string[][] = [['idle', megabytes(idle), '', '']]
  const row = (name: string, watched: Watched) =>
    rows.push([name, megabytes(watched.most), megabytes(watched.most - idle), `${watched.perSecond.toFixed(0)} MB/s`])
  row(
    `${filesAtOnce} files of 100 MB by URL, until all arrived at the network`,
    await watching(gateway, async () => {
      await Promise.all(
        files.map(({ url }, number) => send(port, sender.apiKey, { attachments: [{ type: 'url', url }] }, number + 1)),
      )
      const arrived = async () => (await gateway.ask<{ arrived: number }>('seen')).arrived
      while ((await arrived()) < files.length + 1) await sleep(50)
    }),
  )
  const links = await Promise.all(files.map(({ hash }) => linkTo(door, hash)))
  row(
    `${filesAtOnce} downloads of them at once`,
    await watching(gateway, async () => {
      await Promise.all(links.map(drain))
    }),
  )
  return {
    title: 'Ten files of 100 MB at once',
    columns: ['what', 'RSS at most', 'above idle', 'throughput'],
    rows,
    notes: [
      'The gateway as in production, in a process of its own, with an in-memory network that reads every file to its end.',
    ],
  }
}

async function send(port: number, apiKey: string, what: object, number: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      to: `+1415557${String(number).padStart(4, '0')}`,
      routing: { preference: ['whatsapp'] },
      ...what,
    }),
  })
  if (answer.status !== 202) throw new Error(`A message was answered with ${answer.status}: ${await answer.text()}`)
}

async function drain(url: string): Promise<void> {
  const { status, body } = await fetch(url)
  if (status !== 200 || body === null) throw new Error(`A download was answered with ${status}.`)
  let bytes = 0
  for await (const piece of body) bytes += piece.length
  if (bytes !== fileBytes) throw new Error(`A download gave ${bytes} bytes.`)
}

interface Watched {
  most: number
  perSecond: number
}

async function watching(gateway: Child, work: () => Promise<void>): Promise<Watched> {
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, residentBytes(gateway.pid))
  }, 20)
  const startedAt = performance.now()
  try {
    await work()
  } finally {
    clearInterval(look)
  }
  return { most, perSecond: (filesAtOnce * fileBytes) / (performance.now() - startedAt) / 1_000 }
}
