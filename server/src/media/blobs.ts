/** Bytes on disk, named by their own hash: written once, durable before their name is used. */
import { createHash } from 'node:crypto'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mint } from '../lib/mint.ts'

export interface Blobs {
  /** The name of the bytes; the same bytes have the same name. */
  put(bytes: Uint8Array): Promise<string>
}

export function createDiskBlobs(dir: string, mint: Mint): Blobs {
  return {
    async put(bytes) {
      const name = createHash('sha256').update(bytes).digest('hex')
      const folder = join(dir, name.slice(0, 2))
      const path = join(folder, name)
      if (await exists(path)) return name
      await mkdir(folder, { recursive: true, mode: 0o700 })
      // A crash leaves at most a file with a temporary name, which nothing refers to.
      const temporary = join(folder, `.${mint()}`)
      const file = await open(temporary, 'wx', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      return name
    },
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
