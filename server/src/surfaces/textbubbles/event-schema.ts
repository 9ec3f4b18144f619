/** The names of events, and the shapes of the stream that tells them. */
import { z } from 'zod'
import type { EventType as InsideEvent } from '../../model/event.ts'
import { word } from './schema.ts'

const toldEvents = [
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.fallback',
  'message.inbound',
  'message.reaction',
  'message.audio_kept',
  'message.unsent',
  'message.edited',
  'message.edit_failed',
  'message.deleted',
  'message.scheduled',
  'message.schedule_cancelled',
  'typing.indicator',
  'chat.participant.added',
  'chat.participant.left',
  'chat.title.changed',
  'chat.photo.changed',
  'facetime.incoming',
  'facetime.status_changed',
  'contact.opted_out',
  'contact.opted_in',
  'whatsapp.status',
  'webhook.deactivated',
] as const
/** Known to callers, and never in the log: payments are not made here, and a test goes to the webhook it tests alone. */
const silentEvents = [
  'payment.request.created',
  'payment.request.paid',
  'payment.request.cancelled',
  'payment.request.expired',
  'webhook.test',
] as const

export type WireEventType = (typeof toldEvents)[number]
/** What webhooks subscribe to and streams are filtered by. No webhook is ever told of `whatsapp.status`. */
export const subscribableEvents = [...toldEvents, ...silentEvents, '*'] as const
const askable: ReadonlySet<string> = new Set(subscribableEvents)
const told: ReadonlySet<string> = new Set(toldEvents)

/** Null: all of them. */
function eventFilter(list: string): InsideEvent[] | null {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length === 0 || names.includes('*')) return null
  return [...new Set(names)]
    .filter((name) => told.has(name))
    .map((name) => (name === 'whatsapp.status' ? 'line.status' : name) as InsideEvent)
}

export const streamQuery = z.object({
  events: word(2_048)
    .or(z.literal(''))
    .default('')
    .refine(
      (list) => list.split(',').every((name) => name.trim() === '' || askable.has(name.trim())),
      'It names an event that does not exist.',
    )
    .transform(eventFilter)
    .meta({
      description: `Event types separated by commas; all when empty or \`*\`. They are ${[...toldEvents, ...silentEvents].join(', ')}.`,
      examples: ['message.inbound,message.failed'],
    }),
  lastEventId: word(64).optional().meta({ description: 'For clients that cannot set the header `Last-Event-ID`.' }),
})

export const streamHeaders = z.object({
  'last-event-id': word(64)
    .optional()
    .meta({
      description: 'The `id` of the last event you saw. The stream goes on right after it.',
      examples: ['evt_0199a2c4-7b21-7c02-9a4f-5d0be2a81c33'],
    }),
})

export const eventStream = z.string().meta({
  description: 'Frames of `id`, `event` and one line of `data`; a comment every 15 seconds while nothing happens.',
})
