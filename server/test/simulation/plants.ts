/** Faults that can be planted in the model, to see that the promises catch them. */

export const plants = {
  'begin-without-fence':
    'an attempt begins on a lane whose lease has passed to somebody else, and on a row that is taken',
  'settle-on-anything': 'a change locks nothing, and is written whatever happened since it was read',
  'resend-uncertain': 'a send that may have gone out is repeated where the network cannot tell a repeat',
  'open-is-no': 'a network that does not know yet what became of a send is taken to say that nothing did',
  'accept-without-key': 'an idempotency key is stored and never looked at',
  'inbound-without-key': 'what the network brings twice is stored twice',
  'finish-without-look': 'a lane is given back without looking for what came in meanwhile',
  'receipt-forgotten': 'a receipt that comes before its message is known is dropped',
  'event-apart': 'an event is written after the change it tells of, and not always',
} as const

export type Plant = keyof typeof plants

export function isPlant(name: string): name is Plant {
  return name in plants
}
