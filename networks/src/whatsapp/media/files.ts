/** The files that lie at the host, by path, the oldest forgotten first; and those it has lost, which phones still have. */
import { randomInt } from 'node:crypto'
import { sha256 } from './sealing.ts'

const keptBytesMax = 512 * 1_024 * 1_024

export class Files {
  host = ''
  readonly #kept = new Map<string, Buffer>()
  readonly #lost = new Map<string, Buffer | null>()
  #bytes = 0

  put(sealed: Buffer): { url: string; directPath: string } {
    return this.#putAt(`/v/t62.7118-24/${sha256(sealed).toString('base64url')}.enc`, sealed)
  }

  get(path: string): Buffer | undefined {
    return this.#kept.get(path)
  }

  isLost(path: string): boolean {
    return this.#lost.has(path)
  }

  /** False when it is not there. For good: the phones have not got it any more either. */
  lose(path: string, isForGood: boolean): boolean {
    const sealed = this.#kept.get(path)
    if (sealed === undefined) return false
    this.#kept.delete(path)
    this.#bytes -= sealed.length
    this.#lost.set(path, isForGood ? null : sealed)
    return true
  }

  /** A phone puts it there once more, under another path. Null: no phone has it. */
  renew(path: string): string | null {
    const sealed = this.#kept.get(path) ?? this.#lost.get(path)
    if (!sealed) return null
    return this.#putAt(path.replace(/(?:-\d+)?\.enc$/, `-${randomInt(2 ** 40)}.enc`), sealed).directPath
  }

  #putAt(directPath: string, sealed: Buffer): { url: string; directPath: string } {
    if (!this.#kept.has(directPath)) this.#bytes += sealed.length
    this.#kept.set(directPath, sealed)
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= keptBytesMax) break
      this.#kept.delete(oldest)
      this.#bytes -= length
    }
    return { url: `https://${this.host}${directPath}`, directPath }
  }
}
