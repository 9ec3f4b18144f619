/** Makes another form of a file, and a sketch of it, with whatever does that here for its kind. */
import { rm } from 'node:fs/promises'
import { SendFailure } from '../../model/delivery.ts'
import type { Maker } from '../making.ts'
import { type Spool, TooLarge } from '../spool.ts'
import type { Pictures } from './pictures.ts'
import type { Recordings } from './recordings.ts'

export interface MakerOptions {
  recordings: Recordings
  pictures: Pictures
  spool: Spool
}

export function createMaker({ recordings, pictures, spool }: MakerOptions): Maker {
  const pictureOf = async (path: string, mimeType: string): Promise<Uint8Array | null> => {
    if (mimeType.startsWith('image/')) return pictures.thumbnail(path, mimeType)
    if (!mimeType.startsWith('video/')) return null
    const still = await spool.path()
    try {
      return (await recordings.frame(path, mimeType, still)) ? await pictures.thumbnail(still, 'image/jpeg') : null
    } finally {
      await rm(still, { force: true })
    }
  }

  return {
    async make({ path, file, form, bytesMax }) {
      const out = await spool.path()
      try {
        if (form === 'jpeg') await pictures.jpeg(path, file.mimeType, out, bytesMax)
        else await recordings.make({ form, path, file, out, bytesMax })
        return await spool.adopt(out, bytesMax)
      } catch (error) {
        await rm(out, { force: true })
        if (error instanceof TooLarge)
          throw new SendFailure('refused', 'MEDIA_TOO_LARGE', `Converted, the file is larger than ${bytesMax} bytes.`)
        throw error
      }
    },
    async sketch({ path, file, voice }) {
      if (voice) return { waveform: await recordings.loudness(path, file.mimeType).catch(nothing), thumbnail: null }
      return { waveform: null, thumbnail: await pictureOf(path, file.mimeType).catch(nothing) }
    },
  }
}

/** Neither the file's fault nor the machine's keeps a message from being sent without its sketch. */
function nothing(): null {
  return null
}
