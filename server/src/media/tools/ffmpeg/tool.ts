/** What runs ffmpeg and ffprobe, wherever they come from; and who may run them at the same time. */

export interface Limits {
  /** After so long the whole job is killed. */
  wallMs: number
  /** What comes out is at most so large. */
  bytesMax: number
}

export interface Conversion {
  /** A file on this machine. */
  path: string
  /** Options of the input; among them the demuxer, which is never left to guessing. */
  before: readonly string[]
  /** Options of the output; among them its container. */
  after: readonly string[]
  /** Made anew. When the conversion does not succeed nothing is left there. */
  out: string
  limits: Limits
}

export interface Outcome {
  did: 'convert' | 'fail' | 'run late' | 'grow too large'
  /** The end of what the tool said. */
  said: string
}

export interface Question {
  path: string
  before: readonly string[]
  wallMs: number
}

export interface Tool {
  readonly name: 'native' | 'wasm'
  /** How hard x264 may try here. */
  readonly preset: 'veryfast' | 'ultrafast'
  convert(conversion: Conversion): Promise<Outcome>
  /** What ffprobe answers, read as JSON; null when it does not. */
  describe(question: Question): Promise<unknown>
}

export interface Places {
  /** In the order of asking; of long work there is one at a time, so that a place is left for short work. */
  run<Result>(work: () => Promise<Result>, long?: boolean): Promise<Result>
}

export function createPlaces(count: number): Places {
  const waiting: { long: boolean; start: () => void }[] = []
  let taken = 0
  let takenByLong = 0

  const fill = () => {
    while (taken < count) {
      const next = waiting.findIndex(({ long }) => !long || count === 1 || takenByLong === 0)
      const [one] = next === -1 ? [] : waiting.splice(next, 1)
      if (one === undefined) return
      taken += 1
      if (one.long) takenByLong += 1
      one.start()
    }
  }

  return {
    async run(work, long = false) {
      await new Promise<void>((resolve) => {
        waiting.push({ long, start: resolve })
        fill()
      })
      try {
        return await work()
      } finally {
        taken -= 1
        if (long) takenByLong -= 1
        fill()
      }
    },
  }
}

const longWorkMs = 120_000

/** The same tool, for as many jobs at once as there are places. */
export function inPlaces(tool: Tool, places: Places): Tool {
  return {
    name: tool.name,
    preset: tool.preset,
    convert: (conversion) => places.run(() => tool.convert(conversion), conversion.limits.wallMs > longWorkMs),
    describe: (question) => places.run(() => tool.describe(question)),
  }
}

/** Null for what is no JSON, or is cut off. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
