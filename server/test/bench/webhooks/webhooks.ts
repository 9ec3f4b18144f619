/** What webhooks do: deliveries a second, the way from a request to a receiver, and neighbours that never answer. */
import type { Table } from '../report.ts'
import type { Settings, Stand } from '../stand.ts'
import { benchDrain } from './drain.ts'
import { benchNeighbours } from './neighbours.ts'
import { benchWalk } from './walk.ts'

export async function benchWebhooks(settings: Settings, stand: Stand): Promise<Table[]> {
  return [await benchDrain(settings, stand), await benchNeighbours(settings, stand), await benchWalk(settings, stand)]
}
