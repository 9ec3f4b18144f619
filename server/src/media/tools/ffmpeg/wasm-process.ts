/** The process in which WebAssembly runs: one job from its argument, its files as descriptors 3 and 4, one answer, and out. */
import { fstatSync, ftruncateSync, readFileSync, readSync, writeSync } from 'node:fs'
import { setPriority } from 'node:os'
import { pathToFileURL } from 'node:url'
import type { WasmAnswer, WasmJob } from './wasm.ts'

/** As much of Emscripten's file system as is touched here. */
interface StreamPlace {
  position: number
}
type Attributes = { size: number }
interface WasmFile {
  node_ops: Record<string, (...args: never[]) => unknown> & {
    getattr: (node: unknown) => Attributes
    setattr: (node: unknown, attributes: Partial<Attributes>) => void
  }
  stream_ops: object
}
interface FileSystem {
  writeFile(path: string, content: Uint8Array): void
  lookupPath(path: string): { node: WasmFile }
  ErrnoError: new (errno: number) => Error
}
interface Core {
  FS: FileSystem
  exec(...args: string[]): number
  ffprobe(...args: string[]): number
  setTimeout(ms: number): void
  _malloc(bytes: number): number
  asm: Record<string, (...args: number[]) => number>
  setLogger(logger: (line: { type: string; message: string }) => void): void
}
type Create = (options: object) => Promise<Core>
type Imports = Record<string, Record<string, (size: number) => number>>
/** Node has it; the types of Node do not. */
declare const WebAssembly: {
  compile(binary: Uint8Array): Promise<object>
  instantiate(module: object, imports: Imports): Promise<object>
}

const errno = { notPermitted: 63, invalid: 28, tooLarge: 22 }
const [inputFd, outputFd] = [3, 4]
const stdoutMax = 1024 * 1024
const linesMax = 40
const stackBytes = 8 * 1024 * 1024

const job = JSON.parse(process.argv[2] ?? '') as WasmJob
const said: string[] = []
const answer: WasmAnswer = { code: -1, stdout: '', stderr: '', tooLarge: false }

function keep({ type, message }: { type: string; message: string }): void {
  if (type === 'stdout') {
    if (answer.stdout.length < stdoutMax) answer.stdout += `${message}\n`
    return
  }
  said.push(message.slice(0, 500))
  if (said.length > linesMax) said.shift()
}

/** The glue was written for a browser's worker: it asks where it lies, and could reach out. */
function prepareGlobals(): void {
  Object.assign(globalThis, { self: globalThis, location: { href: pathToFileURL(job.core.binary).href } })
  for (const name of ['WebSocket', 'XMLHttpRequest', 'EventSource', 'fetch']) Reflect.deleteProperty(globalThis, name)
}

/** Growth of its memory passes through here, and ends at the limit. */
function limitHeap(imports: Imports): void {
  const grows = Object.values(imports).flatMap((group) =>
    Object.entries(group).flatMap(([name, run]) =>
      run.name === '_emscripten_resize_heap' ? [{ group, name, run }] : [],
    ),
  )
  if (grows.length !== 1) throw new Error('Its memory cannot be limited.')
  for (const { group, name, run } of grows) group[name] = (size) => (size >>> 0 > job.heapMax ? 0 : run(size))
}

async function loadCore(): Promise<Core> {
  const { default: create } = (await import(pathToFileURL(job.core.code).href)) as { default: Create }
  const module = await WebAssembly.compile(readFileSync(job.core.binary))
  return create({
    mainScriptUrlOrBlob: `core#${btoa(JSON.stringify({ wasmURL: 'core.wasm', workerURL: '' }))}`,
    instantiateWasm(imports: Imports, done: (instance: object, module: object) => void) {
      limitHeap(imports)
      WebAssembly.instantiate(module, imports).then((instance) => done(instance, module), fail)
      return {}
    },
  })
}

/**
 * It was linked with a stack of 64 kB that grows down into its data: writing a JPEG needs more, and then it crashes or
 * never ends (ffmpegwasm/ffmpeg.wasm issues 768 and 823). It gets a larger one elsewhere, without its knowing.
 */
function enlargeStack(core: Core): void {
  const glue = readFileSync(job.core.code, 'utf8')
  const exported = (name: string) =>
    core.asm[new RegExp(`${name}=Module\\["asm"\\]\\["(\\w+)"\\]`).exec(glue)?.[1] ?? '']
  const [save, restore] = [exported('stackSave'), exported('stackRestore')]
  const floor = core._malloc(stackBytes)
  const top = floor + stackBytes - (floor % 16)
  restore?.(top)
  if (floor === 0 || save?.() !== top) throw new Error('Its stack cannot be enlarged.')
}

/** Makes a name inside stand for an open file outside, without ever holding all of it. */
function mapFile({ FS }: Core, name: string, file: { fd: number; writable: boolean }): void {
  FS.writeFile(`/${name}`, new Uint8Array(0))
  const { node } = FS.lookupPath(`/${name}`)
  let size = file.writable ? 0 : fstatSync(file.fd).size
  const { getattr } = node.node_ops
  node.node_ops = {
    ...node.node_ops,
    getattr: (of) => ({ ...getattr(of), size }),
    setattr(_, attributes) {
      if (!file.writable || attributes.size === undefined) return
      ftruncateSync(file.fd, attributes.size)
      size = attributes.size
    },
  }
  node.stream_ops = {
    llseek(stream: StreamPlace, offset: number, whence: number) {
      const place = whence === 1 ? offset + stream.position : whence === 2 ? offset + size : offset
      if (place < 0) throw new FS.ErrnoError(errno.invalid)
      return place
    },
    read(_: StreamPlace, into: Uint8Array, ...[at, length, place]: [number, number, number]) {
      if (place >= size || length === 0) return 0
      return readSync(file.fd, into, at, Math.min(length, size - place), place)
    },
    write(_: StreamPlace, from: Uint8Array, ...[at, length, place]: [number, number, number]) {
      if (!file.writable) throw new FS.ErrnoError(errno.notPermitted)
      if (place + length > job.bytesMax) {
        answer.tooLarge = true
        throw new FS.ErrnoError(errno.tooLarge)
      }
      const written = writeSync(file.fd, from, at, length, place)
      size = Math.max(size, place + written)
      return written
    },
  }
}

async function run(): Promise<void> {
  setPriority(10)
  prepareGlobals()
  const core = await loadCore()
  enlargeStack(core)
  core.setLogger(keep)
  core.setTimeout(job.wallMs)
  mapFile(core, 'in', { fd: inputFd, writable: false })
  if (job.program === 'ffmpeg') mapFile(core, 'out', { fd: outputFd, writable: true })
  answer.code = job.program === 'ffmpeg' ? core.exec(...job.args) : core.ffprobe(...job.args)
}

function fail(error: unknown): void {
  said.push(String(error).slice(0, 500))
  finish()
}

function finish(): never {
  answer.stderr = said.join('\n')
  writeSync(1, JSON.stringify(answer))
  process.exit(0)
}

run().then(finish, fail)
