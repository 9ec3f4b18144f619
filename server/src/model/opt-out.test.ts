/** Which texts opt somebody out or in, and which channels are left then. */
import { expect, test } from 'vitest'
import { choiceIn, routeWithout } from './opt-out.ts'

test.each([
  ...['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT', 'OPT-OUT', 'OPT OUT'],
  ...[
    ' stop\n',
    'Stop',
    'quit',
    'Stop.',
    'STOP!!!',
    '"STOP"',
    '\u201cStop\u201d',
    '*stop*',
    '(stop)',
    '- stop -',
    '\u00bfStop?',
  ],
  ...['\u200eSTOP', 'stop \n all', 'Stop\tAll.', 'opt-out.', 'Opt Out', '\u00a0end\u00a0'],
])('%j opts out', (text) => expect(choiceIn(text)).toBe('out'))

test.each(['START', 'YES', 'UNSTOP', 'yes', '\tStart ', 'Yes!', 'start.', '\u201cUnstop\u201d'])('%j opts in', (text) =>
  expect(choiceIn(text)).toBe('in'),
)

test.each([
  ...[
    null,
    '',
    ' ',
    '...',
    'STOP it',
    'STOP please',
    'please stop',
    'STOP STOP',
    'STOP.ALL',
    'STOP-ALL',
    'S.T.O.P',
    'STOP 2',
  ],
  ...[
    'yess',
    'yes please',
    'y',
    'stopp',
    'unstop all',
    'opt',
    'out',
    'optin',
    'HELP',
    'INFO',
    'constructor',
    '__proto__',
  ],
  `STOP${' '.repeat(200)}`,
])('%j says nothing about it', (text) => expect(choiceIn(text)).toBeNull())

test.each([
  [['imessage', 'sms'], ['sms'], ['imessage']],
  [['sms', 'whatsapp'], ['sms'], ['whatsapp']],
  [['sms'], ['sms'], null],
  [['imessage', 'sms'], [], ['imessage', 'sms']],
  [['imessage', 'whatsapp'], ['sms'], ['imessage', 'whatsapp']],
] as const)('of %j without %j is left %j', (route, closed, left) => expect(routeWithout(route, closed)).toEqual(left))
