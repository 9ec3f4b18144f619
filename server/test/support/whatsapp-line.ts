/** A gateway whose customer has a line on the loopback WhatsApp, linked by its phone over the API; and people to write to. */
import { People } from '../../../networks/src/people.ts'
import type { Person } from '../../../networks/src/whatsapp/person.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from './gateway.ts'
import { type Story, tell } from './story.ts'

export interface WhatsappLine {
  gateway: TestGateway
  network: Whatsapp
  people: People
  line: { id: LineId; address: Handle }
  /** Somebody new on WhatsApp. */
  somebody(): { handle: Handle; person: Person }
  tell(): Promise<Story>
  stop(): Promise<void>
}

const address = '+12025550150' as Handle

export async function openWhatsappLine(options: TestGatewayOptions = {}): Promise<WhatsappLine> {
  const people = new People()
  const network = await openWhatsapp({ people, clock: systemClock })
  const gateway = await startTestGateway(options)
  people.set(address, {})
  const line = await gateway.gateway.admin.createLine({
    ...{ name: 'WhatsApp', address, email: null, provider: 'whatsapp', channels: ['whatsapp'] },
    ...{ url: network.lineUrl, password: null, hostType: null, hostInfo: null, providers: {} },
  })
  await gateway.gateway.admin.addNumber(gateway.customer.id, { address, provider: 'whatsapp', line: line.id })
  const stateNow = async () => (await gateway.gateway.admin.line(line.id)).links.whatsapp
  await until(async () => (await stateNow())?.status === 'pairing', 'a code to scan')
  const state = await stateNow()
  if (state?.status !== 'pairing') throw new Error('The line shows no code.')
  await network.phoneOf(address).scan(state.qr)
  await until(async () => (await stateNow())?.status === 'connected', 'the phone to be linked')
  // That it is up is told a moment after it is: in no test's story.
  const told = {
    name: '',
    text: `select from events where type = 'line.status' and data #>> '{state,identity}' like '%@%'`,
  }
  await until(async () => (await gateway.database.db.query(told)).length > 0, 'the news of it')
  let somebodies = 0
  return {
    ...{ gateway, network, people, line: { id: line.id, address } },
    somebody: () => {
      somebodies += 1
      const handle = `+1303777${String(somebodies).padStart(4, '0')}` as Handle
      people.set(handle, { receiptAfterMs: 5 })
      return { handle, person: network.person(handle) }
    },
    tell: () => tell(gateway),
    stop: async () => {
      await gateway.stop()
      await network.stop()
    },
  }
}
