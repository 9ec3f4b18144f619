/** A gateway whose customer has a line over a pretended Mac, set up as an operator does; SMS of the same line if wanted. */
import { type ImessageNetwork, type ImessageOptions, openImessage } from '../../../networks/src/imessage/imessage.ts'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { People } from '../../../networks/src/people.ts'
import { openSmsc, type Smsc } from '../../../networks/src/sms/smsc.ts'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from './gateway.ts'

export interface ImessageLineOptions extends Partial<Pick<ImessageOptions, 'mac' | 'quirks' | 'waits'>> {
  gateway?: TestGatewayOptions
  /** Null: it has an e-mail address alone. */
  phone?: Handle | null
  email?: string | null
  /** What goes into its URL besides that it is fast. */
  settings?: Readonly<Record<string, string | number>>
  /** Whoever stands between us and the Mac: where they are, by where it is. */
  between?(url: string): Promise<string>
  /** SMS under the same number, over a loopback SMSC. */
  sms?: boolean
}

export interface ImessageLine {
  gateway: TestGateway
  ask: Ask
  network: ImessageNetwork
  smsc: Smsc | null
  people: People
  line: { id: LineId; address: Handle }
  /** Somebody new with a phone of Apple's, by number or by the address that is given. */
  somebody(address?: string): Person
  /** How the operator sees the line. */
  health(): Promise<{ healthStatus: string; warnings: string[] }>
  stop(): Promise<void>
}

export const linePhone = '+12025550150' as Handle

export async function openImessageLine(options: ImessageLineOptions = {}): Promise<ImessageLine> {
  const { phone = linePhone, email = null, settings = {}, sms = false, mac = {}, quirks = {}, waits = {} } = options
  const address = phone ?? (email as Handle)
  const gateway = await startTestGateway(options.gateway)
  const ask = await askerOf(gateway)
  const people = new People()
  const { clock } = gateway
  const network = await openImessage({
    ...{ people, clock, quirks, waits: { lockMs: 2, rowMs: 1, watchMs: 1, ...waits } },
    mac: { aliases: [address], ...mac },
  })
  const smsc = sms ? await openSmsc({ people, clock }) : null
  const url = (await options.between?.(network.url)) ?? network.url
  const query = new URLSearchParams({ perSecond: '100', newPerDay: '0' })
  for (const [name, value] of Object.entries(settings)) query.set(name, String(value))
  const made = await ask('POST /v1/admin/instances', {
    ...{ name: 'iMessage', provider: 'bluebubbles', url: `${url}?${query}`, password: network.password },
    channels: smsc === null ? ['imessage'] : ['imessage', 'sms'],
    ...(phone !== null && { phoneNumber: phone }),
    ...(email !== null && { icloudEmail: email }),
    ...(smsc !== null && {
      providers: { sms: { provider: 'smpp', url: `smpp://gateway@127.0.0.1:${smsc.port}`, password: 'secret' } },
    }),
  })
  if (made.status !== 201) throw new Error(`The line could not be made: ${made.text}`)
  const id: LineId = made.body.data.id
  const given = await ask(`POST /v1/admin/customers/${gateway.customer.id}/numbers`, {
    ...{ phoneNumber: address, instanceId: id },
  })
  if (given.status !== 201) throw new Error(`The line could not be given to the customer: ${given.text}`)
  // What is asked of nobody's line in particular is asked of this one.
  const isDefault = await ask(`PUT /v1/admin/customers/${gateway.customer.id}/numbers/${id}/default`)
  if (isDefault.status !== 200) throw new Error(`The line could not be made the default: ${isDefault.text}`)
  const health = async () => {
    const { data } = (await ask('GET /v1/admin/instances/health')).body
    return data.instances.find((one: { id: string }) => one.id === id)
  }
  await until(async () => ['healthy', 'degraded'].includes((await health()).healthStatus), 'the line to be connected')
  await until(async () => network.webhooks().length > 0 || settings.webhook === 'off', 'the Mac to know where to call')
  let somebodies = 0
  return {
    ...{ gateway, ask, network, smsc, people, line: { id, address }, health },
    somebody(given) {
      somebodies += 1
      const one = given ?? `+1303777${String(somebodies).padStart(4, '0')}`
      people.set(one, { receiptAfterMs: 5 })
      return network.person(one)
    },
    async stop() {
      await gateway.stop()
      await network.stop()
      await smsc?.stop()
    },
  }
}
