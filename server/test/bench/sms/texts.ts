/** What cutting a text into parts and writing them as octets costs, beside writing the text as UTF-8. */
import { piecesOf } from '../../../src/channels/sms/smpp/content.ts'
import { smsTextOf } from '../../../src/model/sms-text.ts'
import { microsOf } from '../keys.ts'
import type { Table } from '../report.ts'

const length = 1_600
const words = {
  'in the alphabet of GSM': 'Your parcel has left the depot, and arrives today for £5. ',
  'in UTF-16': 'Ваша посылка покинула склад и прибудет сегодня 🙂. ',
}

export async function benchTexts(): Promise<Table> {
  const rows: string[][] = []
  for (const [name, some] of Object.entries(words)) {
    const text = some.repeat(length).slice(0, length)
    const { parts } = smsTextOf(text)
    const cut = await microsOf(1_000, () => smsTextOf(text))
    const whole = await microsOf(1_000, () => piecesOf(smsTextOf(text), 'udh', 1))
    const bare = await microsOf(100_000, () => Buffer.from(text))
    const factor = `${Math.round(whole / bare)} x`
    rows.push([name, String(parts.length), ...[cut, whole, bare].map((micros) => `${micros.toFixed(1)} µs`), factor])
  }
  return {
    title: `A text of ${length} characters`,
    columns: ['text', 'parts', 'cut', 'cut and encoded', 'Buffer.from(text)', 'of Buffer.from'],
    rows,
    notes: ['Medians of seven slices, one call after the other.'],
  }
}
