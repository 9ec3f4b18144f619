/** Runs the test files that failed once more, alone: what passes then is unsteady, is named, and is a bug to mend. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const filesMax = 4

const [report] = process.argv.slice(2)
if (report === undefined) {
  console.error('Usage: node scripts/once-more.mjs <report that vitest wrote as JSON>')
  process.exit(2)
}
const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
const failed = testResults.filter(({ status }) => status === 'failed')
const files = failed.map(({ name }) => relative(process.cwd(), name))
if (files.length === 0 || files.length > filesMax) {
  console.error(`${files.length} test files failed: not run again.`)
  process.exit(1)
}

console.error(`Once more, alone: ${files.join(', ')}`)
const { status } = spawnSync('npx', ['vitest', 'run', ...files], { stdio: 'inherit' })
if (status !== 0) process.exit(1)
console.error(
  '\nUNSTEADY: these failed among the others and passed alone. Each is a bug, of the test or of the product:',
)
for (const { name, assertionResults } of failed) {
  const titles = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
  for (const title of titles.length > 0 ? titles : ['the file as a whole'])
    console.error(`  ${relative(process.cwd(), name)}: ${title}`)
}
