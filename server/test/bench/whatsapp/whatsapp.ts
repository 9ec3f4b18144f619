/** What WhatsApp takes and does: memory of sessions, their return after a restart, and messages a second. */
import { startChild } from '../child.ts'
import type { Table } from '../report.ts'
import { openFolder, type Settings, type Stand } from '../stand.ts'
import type { SessionsSettings } from './accounts.ts'
import { benchGateway } from './gateway.ts'
import { linkAll } from './linking.ts'
import { benchReturn, benchSessions, numbersOf } from './memory.ts'
import { benchRates } from './rates.ts'

const counts = [10, 100, 500]
const usual = 100

export async function benchWhatsapp(settings: Settings, stand: Stand): Promise<Table[]> {
  const folder = openFolder()
  const network = await startChild('whatsapp/network-process', {})
  const { lineUrl } = await network.ask<{ lineUrl: string }>('place')
  const place: SessionsSettings = { lineUrl, dir: folder.path }
  const some = counts.filter((count) => count <= settings.sessions)
  const numbers = numbersOf(1, Math.max(...some))
  const sessions = await startChild('whatsapp/sessions-process', place)
  await linkAll({ network, sessions }, numbers, settings.say)
  await sessions.ask('keep')
  await sessions.stop()
  const linked = { settings, place, numbers }
  const back = Math.min(usual, numbers.length)
  const tables = [
    await benchSessions(linked, some),
    await benchReturn(linked, back),
    await benchRates(linked, network, [1, back]),
    ...(await benchGateway(settings, stand, network, back)),
  ]
  await network.stop()
  folder.remove()
  return tables
}
