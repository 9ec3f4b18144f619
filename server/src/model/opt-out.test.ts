/** Which texts opt somebody out or in, and which channels are left then. */
import { expect, test } from 'vitest'
import { choiceIn, routeWithout } from './opt-out.ts'

test.each(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', ' stop\n', 'Stop', 'quit'])(
  '%j opts out',
  (text) => expect(choiceIn(text)).toBe('out'),
)

test.each(['START', 'YES', 'UNSTOP', 'yes', '\tStart '])('%j opts in', (text) => expect(choiceIn(text)).toBe('in'))

test.each([
  null,
  '',
  ' ',
  'STOP it',
  'STOP.',
  'please stop',
  'STOP STOP',
  'yess',
  'constructor',
  `STOP${' '.repeat(200)}`,
])('%j says nothing about it', (text) => expect(choiceIn(text)).toBeNull())

test.each([
  [['imessage', 'sms'], ['sms'], ['imessage']],
  [['sms', 'whatsapp'], ['sms'], ['whatsapp']],
  [['sms'], ['sms'], null],
  [['imessage', 'sms'], [], ['imessage', 'sms']],
  [['imessage', 'whatsapp'], ['sms'], ['imessage', 'whatsapp']],
] as const)('of %j without %j is left %j', (route, closed, left) => expect(routeWithout(route, closed)).toEqual(left))
