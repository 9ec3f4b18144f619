/** ffmpeg as it is installed on this machine: in a sandbox without network, files or privileges, and within limits. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../lib/clock.ts'
import { type Ended, runChild } from './child.ts'
import { type Outcome, parsed, type Tool } from './tool.ts'

export interface Programs {
  ffmpeg: string
  ffprobe: string
}

export interface NativeOptions {
  programs: Programs
  /** Only the operator, by naming a program, can do without. */
  sandboxed: boolean
  clock: Clock
}

/** What a job may use; its address space, for threads that reserve more than they touch. */
const memoryBytes = 2 * 1024 ** 3
const openFilesMax = 64
/** Threads of an encoder that may run at once. */
const threads = 2
const checkMs = 10_000
const quietly = ['-hide_banner', '-v', 'error', '-protocol_whitelist', 'file,pipe']
const searchPath = '/usr/local/bin:/usr/bin:/bin'
const env = { PATH: searchPath, LC_ALL: 'C' }

export function createNative(options: NativeOptions): Tool {
  const { programs } = options
  return {
    name: 'native',
    preset: 'veryfast',
    async convert({ path, before, after, out, limits }) {
      await (await open(out, 'w', 0o600)).close()
      const args = ['-nostdin', '-y', ...quietly, '-stats', ...before, '-i']
      const job: Job = {
        program: programs.ffmpeg,
        args: (place) => [...args, place.input, '-threads', String(threads), ...after, place.output],
        ...{ input: realpathSync(path), output: realpathSync(out), ...limits },
      }
      const ended = await run(options, job).catch(async (error: unknown) => {
        await rm(out, { force: true })
        throw error
      })
      const outcome = outcomeOf(ended, (await stat(out)).size, limits.bytesMax)
      if (outcome.did !== 'convert') await rm(out, { force: true })
      return outcome
    },
    async describe({ path, before, wallMs }) {
      const args = [...quietly, ...before, '-of', 'json']
      const job: Job = {
        program: programs.ffprobe,
        args: (place) => [...args, place.input],
        ...{ input: realpathSync(path), output: null, wallMs, bytesMax: 0 },
      }
      const ended = await run(options, job)
      return ended.code === 0 ? parsed(ended.stdout) : null
    },
  }
}

function outcomeOf(ended: Ended, bytes: number, bytesMax: number): Outcome {
  const said = ended.stderr
  if (ended.late) return { did: 'run late', said }
  if (ended.stopped || bytes > bytesMax) return { did: 'grow too large', said }
  if (ended.code === 0 && bytes > 0) return { did: 'convert', said }
  // A file that has reached its limit to the byte was cut off there.
  return { did: bytes === bytesMax ? 'grow too large' : 'fail', said }
}

interface Job {
  program: string
  args: (place: { input: string; output: string }) => string[]
  input: string
  output: string | null
  wallMs: number
  bytesMax: number
}

function run({ sandboxed, clock }: NativeOptions, job: Job): Promise<Ended> {
  const { program, input, output, wallMs, bytesMax } = job
  if (!sandboxed) {
    const args = job.args({ input, output: output ?? '' })
    const isSmall = async () => output === null || (await stat(output)).size <= bytesMax
    return runChild({ command: program, args, env, wallMs, mayGoOn: isSmall }, clock)
  }
  const binds = ['--ro-bind', input, '/w/in', ...(output === null ? [] : ['--bind', output, '/w/out'])]
  const args = [
    ...limitsOf(wallMs, bytesMax),
    ...sandboxOf(program, binds),
    ...[program, ...job.args({ input: '/w/in', output: '/w/out' })],
  ]
  return runChild({ command: 'prlimit', args, env, wallMs }, clock)
}

function limitsOf(wallMs: number, bytesMax: number): string[] {
  const cpuSeconds = Math.ceil((wallMs / 1000) * threads)
  return [
    ...[`--cpu=${cpuSeconds}:${cpuSeconds + 5}`, `--as=${memoryBytes}`, `--fsize=${bytesMax}`],
    ...[`--nofile=${openFilesMax}`, '--core=0', 'nice', '-n', '10'],
  ]
}

/** The program sees itself, its libraries and the files it is given; only the output can be written to. */
function sandboxOf(program: string, binds: readonly string[]): string[] {
  return [
    ...[
      'bwrap',
      '--unshare-all',
      '--die-with-parent',
      '--cap-drop',
      'ALL',
      '--clearenv',
      '--setenv',
      'PATH',
      '/usr/bin',
    ],
    ...['--ro-bind', '/usr', '/usr', ...['/lib', '/lib32', '/lib64', '/bin'].flatMap(asItIsHere)],
    ...['/etc/alternatives', '/etc/ld.so.cache'].flatMap((path) => ['--ro-bind-try', path, path]),
    ...withItsFolder(program),
    ...['--dev', '/dev', '--dir', '/w', ...binds, '--chdir', '/w', '--remount-ro', '/'],
  ]
}

/** On some systems a link into /usr, on others a folder of its own. */
function asItIsHere(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return []
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
}

function withItsFolder(program: string): string[] {
  if (program.startsWith('/usr/')) return []
  const folder = dirname(program)
  const libraries = join(folder, '..', 'lib')
  return ['--ro-bind', folder, folder, '--ro-bind-try', libraries, libraries]
}

/** What the conversions need; a build that lacks one of these is of no use. */
const encoders = ['libx264', 'aac', 'libopus', 'mjpeg'] as const

/** Null when the programs run here so; else why they are not to be used. */
export async function whyNot({ programs, sandboxed, clock }: NativeOptions): Promise<string | null> {
  const listed = await tried(programs.ffmpeg, ['-hide_banner', '-encoders'])
  if (listed.code !== 0) return sandboxed ? 'does not run in the sandbox' : 'does not run'
  const lacking = encoders.filter((name) => !listed.stdout.split(/\s+/).includes(name))
  if (lacking.length > 0) return `lacks ${lacking.join(', ')}`
  const probed = await tried(programs.ffprobe, ['-hide_banner', '-version'])
  return probed.code === 0 ? null : 'has no ffprobe that runs beside it'

  function tried(program: string, args: readonly string[]): Promise<Ended> {
    if (!sandboxed) return runChild({ command: program, args, env, wallMs: checkMs }, clock)
    const whole = [...limitsOf(checkMs, 0), ...sandboxOf(program, []), program, ...args]
    return runChild({ command: 'prlimit', args: whole, env, wallMs: checkMs }, clock)
  }
}
