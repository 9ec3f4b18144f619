/** Files of a test: on a disk of its own, with the tools of the product. */
import { join } from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import type { Log } from '../../src/lib/log.ts'
import type { Mint } from '../../src/lib/mint.ts'
import type { MediaOptions } from '../../src/media/room.ts'
import { createSpool } from '../../src/media/spool.ts'
import { createDiskStorage } from '../../src/media/storage/disk.ts'
import { createToolbox, type Toolbox } from '../../src/media/toolbox.ts'

export interface TestMedia extends MediaOptions, Pick<Toolbox, 'jpegOf'> {
  stop(): Promise<void>
}

export function testMedia(options: { home: string; mint: Mint; log: Log; base(): string }): TestMedia {
  const { home, mint, log, base } = options
  // Files are written and tools work in real time: a file is not abandoned, and no tool late, because a test moves its clock.
  const spool = createSpool({ dir: join(home, 'incoming'), mint, clock: systemClock })
  const tools = createToolbox({ ffmpegPath: null, searchPath: process.env.PATH ?? '', spool, clock: systemClock, log })
  return { storage: createDiskStorage(home), spool, ...tools, base, keptMs: 7 * 86_400_000 }
}
