/** Files on the disk of this machine, or on one that all processes mount. */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Range, Storage } from './storage.ts'
import { passed } from './stream-garbage.ts'

/** Fewer trips through the thread pool than with Node's 64 kB. */
const readBytes = 128 * 1024

export function createDiskStorage(dir: string): Storage {
  const pathOf = (name: string) => join(dir, name)
  return {
    async place(name, { path }) {
      const folder = dirname(pathOf(name))
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rename(path, pathOf(name))
      await syncFolder(folder)
    },
    async open(name, range) {
      const file = await open(pathOf(name), 'r').catch(noneThere)
      return file === null ? null : new FilePieces(file, range)
    },
    remove: (name) => rm(pathOf(name), { force: true }),
    pathOf,
    async check() {
      await mkdir(dir, { recursive: true, mode: 0o700 })
    },
  }
}

/** The bytes are on the disk before; without this their name might not be after a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Closes its file however it ends, also before anybody has read from it. */
class FilePieces extends Readable {
  readonly #file: FileHandle
  readonly #end: number
  #at: number

  constructor(file: FileHandle, range: Range | null) {
    super({ highWaterMark: readBytes })
    this.#file = file
    this.#at = range?.start ?? 0
    this.#end = range === null ? Number.MAX_SAFE_INTEGER : range.end + 1
  }

  override _read(): void {
    const most = Math.min(readBytes, this.#end - this.#at)
    this.#file.read(Buffer.allocUnsafe(most), 0, most, this.#at).then(({ bytesRead, buffer }) => {
      passed(bytesRead)
      this.#at += bytesRead
      this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead))
    }, this.destroy.bind(this))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#file.close().then(
      () => done(error),
      (closing: Error) => done(error ?? closing),
    )
  }
}

function noneThere(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
