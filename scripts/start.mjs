// Starts the gateway on a Node that runs TypeScript: in this process where possible, else on the Node that npm installed.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const main = join(root, 'server', 'src', 'main.ts')
const watchFlag = '--watch'
// What Node makes of our files is kept: later starts need no compiler of types, which takes time and 30 MB of memory.
const cacheDir = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'switchboard')

const given = process.argv.slice(2)
const watched = given.includes(watchFlag)
const settings = given.filter((argument) => argument !== watchFlag)

// Node strips types by itself from 22.18 on; before 23.6 the 23 line needed a flag.
const runsTypeScript = Boolean(process.features.typescript)
const node = runsTypeScript ? process.execPath : pinnedNode()
const missing = missingPackages()

if (missing.length > 0) refuse(`Not installed: ${missing.join(', ')}; run npm install first.`)
else if (node === null) refuse(`Node ${process.versions.node} cannot run this: install Node 22.18 or newer.`)
else if (watched || !runsTypeScript) runOn(node)
else await runHere()

async function runHere() {
  nodeModule.enableCompileCache?.(cacheDir)
  await import(pathToFileURL(main).href)
  // By itself it is written when the process ends, and never by one that is killed.
  nodeModule.flushCompileCache?.()
}

function pinnedNode() {
  const binary = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  return existsSync(binary) ? binary : null
}

function missingPackages() {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'server', 'package.json'), 'utf8'))
  const places = [join(root, 'node_modules'), join(root, 'server', 'node_modules')]
  return Object.keys(dependencies).filter(
    (name) => !places.some((place) => existsSync(join(place, name, 'package.json'))),
  )
}

function refuse(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exitCode = 1
}

function runOn(binary) {
  const nodeFlags = watched ? [watchFlag, '--watch-preserve-output'] : []
  const env = { ...process.env, NODE_COMPILE_CACHE: cacheDir }
  const child = spawn(binary, [...nodeFlags, main, ...settings], { stdio: 'inherit', env })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to the child as well, and passing it on would count as the second one, which stops at once.
  const fromTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  process.on('SIGINT', () => {
    if (!fromTerminal) child.kill('SIGINT')
  })
  child.on('error', (error) => refuse(`${binary} does not start: ${error.message}`))
  child.on('exit', (code, signal) => endLike(code, signal))
}

function endLike(code, signal) {
  if (signal === null) {
    process.exitCode = code
    return
  }
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
