/** In the gateway's process: lines on the loopback WhatsApp, the codes they show, and how many are linked. */
import type { Running } from '../../../src/compose.ts'
import type { CustomerId, Handle } from '../../../src/model/ids.ts'
import type { Sender } from '../traffic.ts'
import { lineNumber } from './accounts.ts'

export interface WhatsappOrder {
  senders: readonly Sender[]
  lineUrl: string
  /** Which of the lines are made now. */
  from: number
  until: number
}

const set = 5

/** Shared out among the customers in turn. */
export async function furnishWhatsapp({ gateway }: Running, order: WhatsappOrder): Promise<Sender[]> {
  const { senders, lineUrl, from, until } = order
  const furnished = senders.map((sender) => ({ ...sender, lines: [] as { id: string; address: string }[] }))
  for (let nth = from; nth < until; nth++) {
    const sender = furnished[nth % furnished.length]
    if (sender === undefined) throw new Error('There is nobody to give a line to.')
    const address = lineNumber(set, nth) as Handle
    const { id } = await gateway.admin.createLine({
      ...{ name: address, address, email: null, provider: 'whatsapp', channels: ['whatsapp'], url: lineUrl },
      ...{ password: null, providers: {}, hostType: null, hostInfo: null },
    })
    await gateway.admin.addNumber(sender.customerId as CustomerId, { address, provider: 'whatsapp', line: id })
    sender.lines.push({ id, address })
  }
  return furnished
}

/** Which number shows which code now. */
export async function codesOf(running: Running): Promise<[string, string][]> {
  const links = await whatsappLinks(running)
  return links.flatMap(({ address, state }) => (state?.status === 'pairing' ? [[address, state.qr]] : []))
}

export async function countLinked(running: Running): Promise<number> {
  return (await whatsappLinks(running)).filter(({ state }) => state?.status === 'connected').length
}

async function whatsappLinks({ gateway }: Running) {
  const { rows } = await gateway.admin.lines({ limit: 1_000, after: null })
  return rows
    .filter(({ provider }) => provider === 'whatsapp')
    .map(({ address, links }) => ({ address: address ?? '', state: links.whatsapp }))
}
