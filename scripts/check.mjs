#!/usr/bin/env node
/** `npm run check`: everything about the code that can be told without running the product. */
import { spawn } from 'node:child_process'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')
const tool = (name) => join(root, 'node_modules/.bin', name)

/** The longest first, so that two at a time end together. */
const steps = [
  {
    name: 'house',
    command: [tool('vitest'), 'run', '--project=house', '--reporter=dot'],
    todo: 'Each finding above says where and what to do; the rules and their reasons are in server/test/house.',
  },
  {
    name: 'unused',
    command: [tool('knip'), '--no-progress', '--no-config-hints'],
    todo: 'Delete what nothing uses, or stop exporting what only its own file uses.',
  },
  {
    name: 'types',
    command: [tool('tsc'), '--project', 'tsconfig.json'],
    todo: 'Mend the types; going around them is caught as well.',
  },
  {
    name: 'lint',
    command: [tool('biome'), 'check', '--max-diagnostics=20', '.'],
    fix: [tool('biome'), 'check', '--write', '--max-diagnostics=20', '.'],
    todo: 'npm run check -- --fix mends the format and much of the rest.',
  },
  {
    name: 'dependencies',
    command: [process.execPath, join(root, 'scripts/check-dependencies.mjs')],
    todo: 'The rules are in security/denied-packages.json.',
  },
]

const help = `npm run check [-- --fix] [-- --help]

Checks the code without running the product. Needs no network and no database.

${steps.map(({ name, command }) => `  ${name.padEnd(13)} ${told(command)}`).join('\n')}

  --fix    lets biome mend format and lint first, then checks
  --help   prints this

Prints a line per step with its time, and for a step that fails its output and what to do.
Ends with 0 when all is well, 1 when a step failed, 2 when it was called wrongly.
`

function told([file, ...args]) {
  const program = file === process.execPath ? 'node' : basename(file)
  return [program, ...args.map((part) => part.replace(`${root}/`, ''))].join(' ')
}

function say(text) {
  process.stdout.write(text)
}

/** Runs one step to its end and says how it went; true when all is well. */
async function run({ name, todo }, command) {
  const start = performance.now()
  const { code, output } = await ended(command)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  say(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(13)} ${seconds} s\n`)
  if (code !== 0) say(`\n${told(command)}\n\n${output.trimEnd()}\n\n→ ${todo}\n\n`)
  return code === 0
}

function ended([file, ...args]) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}\nRun npm install first.` }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** Two at a time: most of the tools use more than one core themselves. */
async function runAll(waiting) {
  const results = []
  const worker = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) results.push(await run(step, step.command))
  }
  await Promise.all([worker(), worker()])
  return results.every(Boolean)
}

function options() {
  try {
    return parseArgs({ options: { fix: { type: 'boolean' }, help: { type: 'boolean' } } }).values
  } catch (error) {
    return { problem: error.message }
  }
}

async function main() {
  const { fix, help: wanted, problem } = options()
  if (problem) {
    say(`${problem}\n\n${help}`)
    return 2
  }
  if (wanted) {
    say(help)
    return 0
  }
  const lint = steps.find((step) => step.fix)
  const mended = !fix || (await run(lint, lint.fix))
  const rest = steps.filter((step) => !(fix && step === lint))
  return (await runAll(rest)) && mended ? 0 : 1
}

process.exitCode = await main()
