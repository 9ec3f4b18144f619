/** One PostgreSQL for the whole test run, with a migrated template that each test copies. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startServer } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { host: string; port: number; user: string; database: string }
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'switchboard-test-'))
  const server = await startServer(join(home, 'postgres'))
  project.provide('postgres', server.address)
  return async () => {
    await server.stop()
    rmSync(home, { recursive: true, force: true })
  }
}
