/** What webhooks cost a gateway under full load: how many messages a second it takes through with them and without. */
import { startChild } from '../child.ts'
import { median, rate, share } from '../figures.ts'
import { windowedLoop } from '../load.ts'
import type { Table } from '../report.ts'
import { allRoles, emptyStand, type Settings, type Stand, startGateway } from '../stand.ts'
import { requestsOf } from '../traffic.ts'
import { addHooks } from './hooks.ts'
import type { ReceiverPlace, Taken } from './receiver-process.ts'

const connections = 128
const windowMax = 1_500
const warmMs = 3_000

interface Walk {
  messages: number
  deliveries: number
}

export async function benchWalk(settings: Settings, stand: Stand): Promise<Table> {
  const rounds: Record<'without' | 'with', Walk[]> = { without: [], with: [] }
  for (let round = 1; round <= settings.rounds; round++) {
    for (const subject of ['without', 'with'] as const) {
      const walk = await walkRound(settings, stand, { name: `w${round}-${subject}`, told: subject === 'with' })
      rounds[subject].push(walk)
      settings.say(
        `webhooks, round ${round}, ${subject} webhooks: ${rate(walk.messages)} messages/s, ${rate(walk.deliveries)} deliveries/s`,
      )
    }
  }
  const of = (subject: keyof typeof rounds, what: keyof Walk) => median(rounds[subject].map((walk) => walk[what]))
  return {
    title: 'The whole walk of a message, with webhooks and without',
    columns: ['subject', 'messages per second', 'of without', 'deliveries per second'],
    rows: [
      ['without any webhook', rate(of('without', 'messages')), '', ''],
      [
        'one webhook for all events at each customer',
        rate(of('with', 'messages')),
        share(of('with', 'messages'), of('without', 'messages')),
        rate(of('with', 'deliveries')),
      ],
    ],
    notes: [
      `At most ${windowMax} messages are under way: accepted, sent, echoed, delivered, and with webhooks told to the receiver. All roles in one process; medians of ${settings.rounds} interleaved rounds.`,
    ],
  }
}

async function walkRound(settings: Settings, stand: Stand, run: { name: string; told: boolean }): Promise<Walk> {
  await emptyStand(stand)
  const receiver = await startChild('webhooks/receiver-process', { silent: 0 })
  const { child, port } = await startGateway(settings, stand, { roles: allRoles, stamps: true })
  await child.ask('linked')
  if (run.told) {
    const place = await receiver.ask<ReceiverPlace>('place')
    const url = (number: number) => `http://127.0.0.1:${place.port}/hooks/${number}`
    const listeners = stand.senders.map((sender, number) => ({ sender, url: url(number), events: ['*'] }))
    await addHooks(port, listeners)
  }
  const finished = async () =>
    run.told
      ? (await receiver.ask<Taken>('taken')).delivered
      : (await child.ask<{ delivered: number }>('seen')).delivered
  const request = requestsOf(stand.senders, run.name)
  const window = { warmMs, ms: settings.seconds * 1_000, windowMax, finished }
  const before = await receiver.ask<Taken>('taken')
  const messages = await windowedLoop({ port, connections, request, expected: 202 }, window)
  const after = await receiver.ask<Taken>('taken')
  await child.stop()
  await receiver.stop()
  return { messages, deliveries: ((after.all - before.all) * 1_000) / (after.at - before.at) }
}
