/** `npm run bench`: measures this machine's gateway and prints figures beside what they are to be compared with. */
import { parseArgs } from 'node:util'
import { benchAccept } from './accept.ts'
import { benchChats } from './chats.ts'
import { endChildren } from './child.ts'
import { benchGrowth } from './growth.ts'
import { benchKeys } from './keys.ts'
import { benchLatency } from './latency.ts'
import { benchMedia } from './media/media.ts'
import { benchMemory } from './memory.ts'
import { machineLine, markdown, plainTable, type Table } from './report.ts'
import { benchSms } from './sms/sms.ts'
import { removeFolders, type Settings, withStand } from './stand.ts'
import { benchStart } from './start.ts'
import { benchWebhooks } from './webhooks/webhooks.ts'
import { benchWhatsapp } from './whatsapp/whatsapp.ts'

const parts = [
  ...(['accept', 'latency', 'webhooks', 'start', 'memory', 'keys', 'growth', 'chats', 'media', 'sms'] as const),
  'whatsapp',
] as const
type Part = (typeof parts)[number]

const help = `npm run bench [-- PART...] [-- --seconds N] [-- --help]

Measures, prints tables, and at the end Markdown for docs/benchmarks.md. Figures of a busy machine are worth nothing.

  accept    durable accepts a second, beside the framework alone and the database alone
  latency   from request to answer and to network, at parts of the load that can be sustained
  webhooks  deliveries a second, from request to receiver, and beside endpoints that never answer
  start     first start, warm start, and start beside a database that a killed gateway left
  memory    of the gateway's process and of its database, idle
  keys      what checking a key and reading a body cost
  growth    what becomes of each operation with 10 thousand, 1 million and, with --to, more messages
  chats     groups of a thousand, and a chat with a million messages
  media     large files in and out beside a plain copy, and the memory that ten at once take
  sms       submits through one SMPP bind, the way from a request to an SMSC, and a long text
  whatsapp  memory of sessions, their return after a restart, messages a second out and in
  all       all of these (the default)

  --seconds N       how long each single measurement takes (5)
  --rounds N        how often each is repeated, interleaved with the others (3)
  --to N            the most messages that growth fills (1000000)
  --sessions N      the most sessions that whatsapp links: 10, 100 or 500 (500)
  --node-flags="…"  flags for the Node of the gateway's process, such as --cpu-prof
  --help            prints this
`

function say(text: string): void {
  console.error(`· ${text}`)
}

async function run(wanted: ReadonlySet<Part>, settings: Settings): Promise<void> {
  const tables: Table[] = []
  let database = ''
  const show = (found: readonly Table[]) => {
    tables.push(...found)
    for (const table of found) console.log(plainTable(table))
  }
  if (['accept', 'latency', 'webhooks', 'media', 'sms', 'whatsapp'].some((part) => wanted.has(part as Part))) {
    await withStand(settings, async (stand) => {
      database = stand.database
      const accept = wanted.has('accept') ? await benchAccept(settings, stand) : null
      if (accept !== null) show(accept.tables)
      if (wanted.has('latency')) show(await benchLatency(settings, stand, accept?.perSecond ?? null))
      if (wanted.has('webhooks')) show(await benchWebhooks(settings, stand))
      if (wanted.has('media')) show(await benchMedia(settings, stand))
      // The last: they leave lines behind whose networks are gone.
      if (wanted.has('whatsapp')) show(await benchWhatsapp(settings, stand))
      if (wanted.has('sms')) show(await benchSms(settings, stand))
    })
  }
  if (wanted.has('start')) show([await benchStart(settings)])
  if (wanted.has('memory')) show([await benchMemory(settings)])
  if (wanted.has('keys')) show([await benchKeys(settings)])
  if (wanted.has('growth')) show(await benchGrowth(settings))
  if (wanted.has('chats')) show(await benchChats(settings))
  const machine = machineLine(database)
  console.log(`${machine}\n\n${markdown(tables, machine, new Date().toISOString().slice(0, 10))}\n`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      to: { type: 'string', default: '1000000' },
      sessions: { type: 'string', default: '500' },
      'node-flags': { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(help)
  const unknown = positionals.filter((name) => name !== 'all' && !parts.includes(name as Part))
  if (unknown.length > 0) throw new Error(`There is no part "${unknown[0]}".\n\n${help}`)
  const all = positionals.length === 0 || positionals.includes('all')
  const wanted = new Set<Part>(all ? parts : (positionals as Part[]))
  const nodeFlags = values['node-flags'].split(' ').filter((flag) => flag !== '')
  await run(wanted, {
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    to: Number(values.to),
    sessions: Number(values.sessions),
    nodeFlags,
    say,
  })
}

async function cleanUp(): Promise<void> {
  await endChildren()
  removeFolders()
}

// Thrown where nobody waits, such as in a socket: what was started must end all the same.
process.once('uncaughtException', (error) => {
  console.error(error.message)
  void cleanUp().then(() => process.exit(1))
})
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(1)))
try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await cleanUp()
}
