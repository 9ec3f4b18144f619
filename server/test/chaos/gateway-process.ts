/** A gateway to be killed while it tells webhooks: the real one, the network outside in the place of its networks. */
import { flushCompileCache } from 'node:module'
import { compose, type Running } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { createOutsideConnectors } from '../crash/connector.ts'
import type { Command, Orders, Report } from '../crash/orders.ts'

let running: Running | null = null

/** The settings of its own command line add to those it is told. */
async function start(settings: readonly string[], { port, dedupes }: Orders): Promise<Report> {
  const config = readConfig([...settings, ...process.argv.slice(2)], {})
  if (!('port' in config)) throw new Error('Settings are wanted, not help.')
  const connectors = createOutsideConnectors({ port, dedupes, cross: (_name, work) => work() })
  running = await compose(config, { connectors })
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
  return command.do === 'stop' ? stop() : { counts: {} }
}

process.on('message', (command: Command) => {
  void obey(command).then((report) => process.send?.(report))
})
// A gateway whose starter is gone would run for ever.
process.on('disconnect', () => process.exit(1))
