/** What SMS over SMPP does: one bind by itself, the whole walk of a message, and a long text. */
import type { Table } from '../report.ts'
import type { Settings, Stand } from '../stand.ts'
import { benchSubmits } from './submits.ts'
import { benchTexts } from './texts.ts'
import { benchWalk } from './walk.ts'

export async function benchSms(settings: Settings, stand: Stand): Promise<Table[]> {
  return [await benchSubmits(settings), await benchWalk(settings, stand), await benchTexts()]
}
