/** A gateway to be killed: the real one, mostly with the network outside in the place of its networks. It waits to be told what to run. */
import { flushCompileCache } from 'node:module'
import { compose, type Running } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { type Boundary, createBoundary, crossingDb } from './boundary.ts'
import { createOutsideConnectors } from './connector.ts'
import type { Command, Orders, Report } from './orders.ts'

let running: Running | null = null
let boundary: Boundary | null = null

async function start(settings: readonly string[], { port, dedupes, plan, real = false }: Orders): Promise<Report> {
  const config = readConfig(settings, {})
  if (!('port' in config)) throw new Error('Settings are wanted, not help.')
  const fresh = createBoundary(plan)
  boundary = fresh
  running = await compose(config, {
    ...(real ? {} : { connectors: createOutsideConnectors({ port, dedupes, cross: fresh.cross }) }),
    wrapDb: (db) => crossingDb(db, fresh),
  })
  // One that is killed would keep what it has compiled to itself.
  flushCompileCache()
  return { ready: running.url }
}

async function stop(): Promise<Report> {
  await running?.stop()
  running = null
  return { stopped: true }
}

async function obey(command: Command): Promise<Report> {
  if (command.do === 'start') return start(command.settings, command.orders)
  if (command.do === 'stop') return stop()
  return { counts: boundary?.counts() ?? {} }
}

process.on('message', (command: Command) => {
  void obey(command).then((report) => process.send?.(report))
})
// A gateway whose starter is gone would run for ever.
process.on('disconnect', () => process.exit(1))
