/** How many submits a second go through one bind, beside the bare round trips of the same codec over the same kind of socket. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { memoryVault } from '../../../src/channels/conformance-stage.ts'
import type { Connection, Host, LineSettings, Outgoing } from '../../../src/channels/connector.ts'
import { encode, FrameReader } from '../../../src/channels/sms/smpp/pdu.ts'
import { createSmppConnector } from '../../../src/channels/sms/smpp/provider.ts'
import { seededChance } from '../../../src/lib/chance.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { ClientRef, Handle, LineId } from '../../../src/model/ids.ts'
import { type Child, startChild } from '../child.ts'
import { median, rate, share } from '../figures.ts'
import { machineMs } from '../machine-clock.ts'
import { cpuSecondsOf } from '../processes.ts'
import type { Table } from '../report.ts'
import type { Settings } from '../stand.ts'
import type { Arrivals, SmscSettings } from './smsc-process.ts'

const window = 10
/** Some wait for room in the window, so that it is always full. */
const callers = 4 * window
const warmMs = 1_000
const silent = '+14156009999'

interface Trips {
  perSecond: number
  /** Processor time of each, in µs. */
  cpu: { own: number; smsc: number }
}

interface Submitted extends Trips, Arrivals {
  accepted: number
}

export async function benchSubmits(settings: Settings): Promise<Table> {
  const smsc = await startChild('sms/smsc-process', { silent } satisfies SmscSettings)
  const { port } = await smsc.ask<{ port: number }>('place')
  const bare: Trips[] = []
  const submitted: Submitted[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    bare.push(await bareRound(smsc, port, settings.seconds * 1_000))
    submitted.push(await submitRound(smsc, port, settings.seconds * 1_000))
    settings.say(
      `sms, round ${round} of ${settings.rounds}: ${rate(submitted.at(-1)?.perSecond ?? 0)} submits/s, ${rate(bare.at(-1)?.perSecond ?? 0)} bare round trips/s`,
    )
  }
  await smsc.stop()
  const perSecond = (trips: readonly Trips[]) => median(trips.map((one) => one.perSecond))
  const cpu = (trips: readonly Trips[]) =>
    (['own', 'smsc'] as const).map((whose) => `${median(trips.map((one) => one.cpu[whose])).toFixed(1)} µs`)
  const sum = (of: (one: Submitted) => number) => String(submitted.reduce((all, one) => all + of(one), 0))
  const counts = [sum((one) => one.accepted), sum((one) => one.accepted - one.arrived), sum((one) => one.doubled)]
  return {
    title: 'Submits through one SMPP bind',
    columns: ['subject', 'per second', 'of bare', 'CPU', 'CPU of SMSC', 'accepted', 'lost', 'doubled'],
    rows: [
      [
        'submit_sm by the connector',
        rate(perSecond(submitted)),
        share(perSecond(submitted), perSecond(bare)),
        ...cpu(submitted),
        ...counts,
      ],
      ['enquire_link by the same codec, nothing else', rate(perSecond(bare)), '', ...cpu(bare), '', '', ''],
    ],
    notes: [
      `Window ${window} for both; medians of ${settings.rounds} interleaved rounds, counts of all. The SMSC is a process of its own with the codec of the package smpp, and asks for nothing else.`,
    ],
  }
}

/** As soon as one is answered the next is asked. */
async function bareRound(smsc: Child, port: number, forMs: number): Promise<Trips> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const reader = new FrameReader()
  const from = machineMs() + warmMs
  const until = from + forMs
  let sequence = 0
  let answered = 0
  const spent = spentBy(smsc)
  const ask = () => {
    sequence += 1
    socket.write(encode({ command: 'enquire_link', sequence }))
  }
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      const now = machineMs()
      for (const frame of reader.push(chunk)) {
        if (!('pdu' in frame)) return reject(new Error('The SMSC answered with what is no PDU.'))
        if (now >= from && now < until) answered += 1
        if (now < until) ask()
      }
      if (now >= until) resolve()
    })
    for (let place = 0; place < window; place++) ask()
  })
  socket.destroy()
  return { perSecond: (answered * 1_000) / forMs, cpu: spent(sequence) }
}

/** Over the whole of a run, warming up included. */
function spentBy(smsc: Child): (trips: number) => Trips['cpu'] {
  const read = () => ({ own: cpuSecondsOf([process.pid]), smsc: cpuSecondsOf([smsc.pid]) })
  const before = read()
  return (trips) => {
    const after = read()
    return { own: ((after.own - before.own) * 1e6) / trips, smsc: ((after.smsc - before.smsc) * 1e6) / trips }
  }
}

async function submitRound(smsc: Child, port: number, forMs: number): Promise<Submitted> {
  await smsc.ask('forget')
  const connection = await bound(port)
  const from = machineMs() + warmMs
  const until = from + forMs
  const { signal } = new AbortController()
  let number = 0
  let accepted = 0
  let counted = 0
  const spent = spentBy(smsc)
  const submit = async () => {
    while (machineMs() < until) {
      await connection.send(outgoing(number++), signal)
      accepted += 1
      const now = machineMs()
      if (now >= from && now < until) counted += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, submit))
  const cpu = spent(accepted)
  await connection.stop()
  return { perSecond: (counted * 1_000) / forMs, cpu, accepted, ...(await smsc.ask<Arrivals>('seen')) }
}

async function bound(port: number): Promise<Connection> {
  const chance = seededChance(1)
  const connector = createSmppConnector({ clock: systemClock, chance: chance.next })
  const line: LineSettings = {
    id: 'bench' as LineId,
    address: '+15550200001' as Handle,
    url: `smpp://bench@127.0.0.1:${port}?window=${window}&perSecond=10000`,
    secret: 'secret',
  }
  let isBound = false
  const nothing = () => {}
  const host: Host = {
    receive: async () => {},
    setState: ({ status }) => {
      isBound = status === 'connected'
    },
    adopt: async () => true,
    vault: memoryVault(),
    log: { info: nothing, warn: nothing, error: nothing },
    callbackUrl: (topic) => topic,
  }
  const connection = connector.open(line, host)
  await connection.start()
  if (!isBound) throw new Error('The SMSC did not let us bind.')
  return connection
}

function outgoing(number: number): Outgoing {
  return {
    ref: `bench${number}` as ClientRef,
    to: { handle: silent as Handle },
    text: `${number} Your parcel has left the depot and arrives today.`,
    ...{ attachments: [], replyTo: null, mentions: [], effect: null, location: null },
  }
}
