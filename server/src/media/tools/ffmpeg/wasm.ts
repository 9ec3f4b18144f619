/** ffmpeg as it came with npm, compiled to WebAssembly: each job in a process of its own that may touch nothing but its files. */
import { existsSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../lib/clock.ts'
import { type Ended, runChild } from './child.ts'
import { parsed, type Tool } from './tool.ts'

export interface Core {
  code: string
  binary: string
}

/** Given to the process as its only argument; the files are its descriptors 3 and 4. */
export interface WasmJob {
  core: Core
  program: 'ffmpeg' | 'ffprobe'
  args: readonly string[]
  wallMs: number
  heapMax: number
  bytesMax: number
}

/** What the process answers on its standard output. */
export interface WasmAnswer {
  code: number
  stdout: string
  stderr: string
  tooLarge: boolean
}

/** Null where it was not installed: it is an optional dependency. */
export function findCore(): Core | null {
  try {
    // The glue for `require` takes its file from the browser's page; the other one can be told where it lies.
    const dist = join(dirname(createRequire(import.meta.url).resolve('@ffmpeg/core')), '..', 'esm')
    const core = { code: join(dist, 'ffmpeg-core.js'), binary: join(dist, 'ffmpeg-core.wasm') }
    return existsSync(core.code) && existsSync(core.binary) ? core : null
  } catch {
    return null
  }
}

const program = fileURLToPath(new URL('./wasm-process.ts', import.meta.url))
const heapMax = 512 * 1024 * 1024

export function createWasm({ core, clock }: { core: Core; clock: Clock }): Tool {
  const ask = async (job: Omit<WasmJob, 'core' | 'heapMax'>, files: readonly FileHandle[]) => {
    const whole: WasmJob = { ...job, core, heapMax }
    const permissions = ['--permission', `--allow-fs-read=${program}`, `--allow-fs-read=${dirname(core.code)}`]
    const sizes = ['--max-old-space-size=96', '--disallow-code-generation-from-strings', '--no-warnings']
    const args = [...permissions, ...sizes, program, JSON.stringify(whole)]
    const fds = files.map(({ fd }) => fd)
    const [command = process.execPath, ...before] = [...withCpuLimit(job.wallMs), process.execPath]
    const child = { command, args: [...before, ...args], env: {}, files: fds, wallMs: job.wallMs }
    const ended = await runChild(child, clock)
    return { late: ended.late, answer: answerOf(ended) }
  }

  return {
    name: 'wasm',
    preset: 'ultrafast',
    async convert({ path, before, after, out, limits }) {
      const { wallMs, bytesMax } = limits
      const args = ['-nostdin', '-y', ...quietly, '-stats', ...before, '-i', 'in', ...after, 'out']
      let succeeded = false
      try {
        return await withFiles(
          [
            { path, flags: 'r' },
            { path: out, flags: 'w+' },
          ],
          async (files) => {
            const { late, answer } = await ask({ program: 'ffmpeg', args, wallMs, bytesMax }, files)
            const said = answer?.stderr ?? ''
            if (late) return { did: 'run late', said }
            if (answer?.tooLarge) return { did: 'grow too large', said }
            succeeded = answer?.code === 0 && (await files[1]?.stat())?.size !== 0
            return { did: succeeded ? 'convert' : 'fail', said }
          },
        )
      } finally {
        if (!succeeded) await rm(out, { force: true })
      }
    },
    async describe({ path, before, wallMs }) {
      const args = [...quietly, ...before, '-of', 'json', 'in']
      return withFiles([{ path, flags: 'r' }], async (files) => {
        // Its code says nothing: it fails after it has answered.
        const { answer } = await ask({ program: 'ffprobe', args, wallMs, bytesMax: 0 }, files)
        return answer === null ? null : parsed(answer.stdout)
      })
    },
  }
}

const prlimit = '/usr/bin/prlimit'

/** Should the gateway be killed, nobody else ends a job that has gone astray. */
function withCpuLimit(wallMs: number): string[] {
  // It compiles in threads of its own.
  const seconds = Math.ceil((wallMs / 1000) * 2)
  return existsSync(prlimit) ? [prlimit, `--cpu=${seconds}`, '--core=0'] : []
}

const quietly = ['-hide_banner', '-v', 'error', '-protocol_whitelist', 'file']

async function withFiles<Result>(
  wanted: readonly { path: string; flags: 'r' | 'w+' }[],
  work: (files: readonly FileHandle[]) => Promise<Result>,
): Promise<Result> {
  const files: FileHandle[] = []
  try {
    for (const { path, flags } of wanted) files.push(await open(path, flags, 0o600))
    return await work(files)
  } finally {
    for (const file of files) await file.close()
  }
}

function answerOf({ stdout }: Ended): WasmAnswer | null {
  const answer = parsed(stdout)
  const isAnswer = typeof answer === 'object' && answer !== null && 'code' in answer && 'tooLarge' in answer
  return isAnswer ? (answer as WasmAnswer) : null
}
