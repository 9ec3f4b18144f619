/** Pictures: how large they are, made into JPEG that fits, and sketched small. Nothing here opens one in this process. */
import { rm, stat } from 'node:fs/promises'
import { SendFailure } from '../../model/delivery.ts'
import { createPictureJobs, type Outcome, type PictureJobsOptions } from './picture-jobs.ts'

export interface Pictures {
  /** As it is seen, upright; null for what cannot be read or has more than 50 million pixels. */
  measure(path: string, mimeType: string): Promise<{ width: number; height: number } | null>
  /** The first picture of an animation; as large as fits. Throws a SendFailure, and leaves nothing behind then. */
  jpeg(path: string, mimeType: string, out: string, bytesMax: number): Promise<void>
  /** A JPEG of at most 100 pixels a side and 8 kB; null for what cannot be read. */
  thumbnail(path: string, mimeType: string): Promise<Uint8Array | null>
  /** No process is left once it resolves. */
  stop(): Promise<void>
}

/** HEIC is not among them: the library comes without a decoder for it. */
const readable = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'])

export function createPictures(options: PictureJobsOptions): Pictures {
  const jobs = createPictureJobs(options)
  return {
    async measure(path, mimeType) {
      if (!readable.has(mimeType)) return null
      const outcome = unlessStopped(await jobs.run({ do: 'measure', path }))
      return outcome.ok && 'width' in outcome ? { width: outcome.width, height: outcome.height } : null
    },
    async jpeg(path, mimeType, out, bytesMax) {
      if (!readable.has(mimeType)) throw invalid(`A picture of the type ${mimeType} cannot be read. Send it as JPEG.`)
      const outcome = unlessStopped(await jobs.run({ do: 'jpeg', path, out, bytesMax }))
      const failure = outcome.ok ? await misfit(out, bytesMax) : failureFor(outcome.why, bytesMax)
      if (failure === null) return
      await rm(out, { force: true })
      throw failure
    },
    async thumbnail(path, mimeType) {
      if (!readable.has(mimeType)) return null
      const outcome = unlessStopped(await jobs.run({ do: 'thumbnail', path }))
      return outcome.ok && 'base64' in outcome ? Buffer.from(outcome.base64, 'base64') : null
    },
    stop: () => jobs.stop(),
  }
}

/** What could not be asked is not known to be bad. */
function unlessStopped(outcome: Outcome): Outcome {
  if (outcome.ok || outcome.why !== 'stopped') return outcome
  throw new SendFailure('retryable', 'SERVICE_UNAVAILABLE', 'The gateway stops; the picture waits for the next start.')
}

function failureFor(why: Extract<Outcome, { ok: false }>['why'], bytesMax: number): SendFailure {
  if (why === 'too large') return tooLarge(bytesMax)
  if (why === 'not written') return new SendFailure('retryable', 'INTERNAL_ERROR', 'The picture could not be written.')
  if (why === 'late') return invalid('The picture takes too long to read. Send a smaller one.')
  // Whether the picture did it or the machine was out of memory cannot be told.
  if (why === 'died') return new SendFailure('retryable', 'MEDIA_INVALID', 'Reading the picture broke off.')
  return invalid('The picture is damaged, has more than 50 million pixels, or is not what it seems. Send another.')
}

/** Whoever broke into that process may say anything. */
async function misfit(out: string, bytesMax: number): Promise<SendFailure | null> {
  const bytes = await stat(out).then(
    ({ size }) => size,
    () => 0,
  )
  if (bytes === 0) return invalid('The picture could not be made into JPEG.')
  return bytes > bytesMax ? tooLarge(bytesMax) : null
}

function invalid(detail: string): SendFailure {
  return new SendFailure('refused', 'MEDIA_INVALID', detail)
}

function tooLarge(bytesMax: number): SendFailure {
  return new SendFailure('refused', 'MEDIA_TOO_LARGE', `The picture cannot be made smaller than ${bytesMax} bytes.`)
}
