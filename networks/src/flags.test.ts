/** Flags name ports; whatever else is said is refused in words. */
import { expect, test } from 'vitest'
import { readFlags } from './flags.ts'

test('nothing said means the usual ports', () => {
  expect(readFlags([])).toEqual({
    ports: { control: 7_091, smpp: 2_775, twilio: 7_092, android: 7_093, whatsapp: 7_094, bluebubbles: 7_095 },
  })
})

test('each port has a flag', () => {
  const sms = ['--port', '0', '--smpp-port=1', '--twilio-port', '65535', '--android-port=08']
  expect(readFlags([...sms, '--whatsapp-port=9', '--imessage-port=10'])).toEqual({
    ports: { control: 0, smpp: 1, twilio: 65_535, android: 8, whatsapp: 9, bluebubbles: 10 },
  })
})

test('what WhatsApp knows is kept in a file that is named', () => {
  expect(readFlags(['--whatsapp-state', 'data/whatsapp.json'])).toMatchObject({ whatsappState: 'data/whatsapp.json' })
})

test.each([['--help'], ['-h', '--port', '1']])('%s explains every flag with its default', (...args) => {
  const told = readFlags(args.filter((one) => typeof one === 'string'))
  const names = ['--port', '--smpp-port', '--twilio-port', '--android-port', '--whatsapp-port', '--imessage-port']
  for (const part of [...names, '--whatsapp-state', '7091', '2775', '7092', '7093', '7094', '7095'])
    expect('help' in told && told.help).toContain(part)
})

test.each([
  [['--port', '65536'], '--port must be a port'],
  [['--smpp-port', 'x'], '--smpp-port must be a port'],
  [['--smpp-port='], '--smpp-port must be a port'],
  [['--android-port', '-1'], '--android-port'],
  [['--twilio-port'], '--twilio-port'],
  [['--whatsapp-state='], '--whatsapp-state must be a file'],
  [['--prot', '1'], '--prot'],
  [['7091'], '7091'],
])('%j is refused', (args, words) => {
  const told = readFlags(args)
  expect('problem' in told && told.problem).toContain(words)
})
