/** The body of a webhook in this surface's words: the same envelope as on the stream, as bytes. */
import type { GatewayEvent } from '../../../model/event.ts'
import type { Worded, Wording } from '../../../webhooks/wording.ts'
import type { LinkTo } from '../../downloads.ts'
import { wordEvent } from '../dialect.ts'

function bytes(envelope: { id: string; type: string }): Worded {
  return { id: envelope.id, type: envelope.type, body: Buffer.from(JSON.stringify(envelope)) }
}

function inOurWords(event: GatewayEvent, linkTo: LinkTo): Worded | null {
  const worded = wordEvent(event, linkTo)
  return worded === null ? null : bytes(worded)
}

/** The standard dialect differs by its headers only. The other surface brings words of its own. */
export const textbubblesWording = (linkTo: LinkTo): Wording => ({
  event: (dialect, event) => (dialect === 'whatsbridge' ? null : inOurWords(event, linkTo)),
  test(_dialect, { id: eventId, webhookId, customerId, at }) {
    const id = `evt_test_${eventId}`
    const data = { message: 'This is a test of your webhook.', webhookId, customerId }
    return bytes({ id, type: 'webhook.test', timestamp: at.toISOString(), data, eventId: id } as {
      id: string
      type: string
    })
  },
})
