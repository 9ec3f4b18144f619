#!/usr/bin/env node
/** Holds package.json files and the lockfile against security/denied-packages.json; needs no network. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dependencyProblems } from '../server/test/house/dependencies.ts'
import { printed } from '../server/test/house/source.ts'

const root = join(import.meta.dirname, '..')
const text = (path) => readFileSync(join(root, path), 'utf8')
const json = (path) => JSON.parse(text(path))

const own = json('package.json')
const manifests = { '': own }
for (const workspace of own.workspaces) manifests[workspace] = json(`${workspace}/package.json`)

const problems = dependencyProblems({
  manifests,
  lock: json('package-lock.json'),
  npmrc: text('.npmrc'),
  policy: json('security/denied-packages.json'),
})
if (problems.length > 0) {
  process.stdout.write(`${printed(problems)}\n`)
  process.exitCode = 1
}
