/** How long the gateway takes to start: with nothing there, with its database stopped, with it left running. */
import { join } from 'node:path'
import { median, ms } from './figures.ts'
import { endDatabase, startProduction } from './production.ts'
import type { Table } from './report.ts'
import { openFolder, type Settings } from './stand.ts'

const starts = 5

export async function benchStart(settings: Settings): Promise<Table> {
  const first: number[] = []
  const warm: number[] = []
  const left: number[] = []
  for (let round = 1; round <= starts; round++) {
    const folder = openFolder()
    const dataDir = join(folder.path, 'data')
    const start = async (times: number[], end: 'SIGTERM' | 'SIGKILL') => {
      const gateway = await startProduction(dataDir, settings.nodeFlags)
      times.push(gateway.readyMs)
      await gateway.end(end)
    }
    await start(first, 'SIGTERM')
    await start(warm, 'SIGKILL')
    await start(left, 'SIGTERM')
    await endDatabase(dataDir)
    folder.remove()
    settings.say(
      `start, round ${round} of ${starts}: first ${ms(first.at(-1) ?? 0)}, warm ${ms(warm.at(-1) ?? 0)}, after kill -9 ${ms(left.at(-1) ?? 0)}`,
    )
  }
  const row = (name: string, times: readonly number[]) => [
    name,
    ms(median(times)),
    ms(Math.min(...times)),
    ms(Math.max(...times)),
  ]
  return {
    title: 'Start',
    columns: ['start', 'median', 'fastest', 'slowest'],
    rows: [
      row('first, with an empty directory', first),
      row('warm', warm),
      row('warm, beside the database that a killed gateway left', left),
    ],
    notes: [`From starting the process (as npm start does) to its first 200 on /health; ${starts} of each.`],
  }
}
