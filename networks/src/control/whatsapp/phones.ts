/** What is asked of phones and accounts: to link devices and to log them out, and what a phone shows. */
import type { Setting } from '../../control.ts'
import type { Whatsapp } from '../../whatsapp/whatsapp.ts'
import { call, optional, possible } from '../call.ts'
import { numberIn } from '../input.ts'
import { count, name, number, oneOf, text, yesNo } from './fields.ts'

const shownMax = 1_000

export function aboutPhones(whatsapp: Whatsapp): Setting[] {
  const { phoneOf, person, faults } = whatsapp
  return [
    call('scan', 'The phone with this number scans what a QR code says.', { number, qr: text }, async (said) => {
      await phoneOf(said.number).scan(said.qr)
      return { linked: { number: said.number } }
    }),
    call(
      'code',
      'The eight characters that a device shows are typed into the phone with this number.',
      { number, code: name },
      async (said) => {
        await phoneOf(said.number).enterCode(said.code)
        return { linked: { number: said.number } }
      },
    ),
    call('unlink', 'The phone with this number logs all its devices out.', { number }, (said) => {
      phoneOf(said.number).unlink()
      return { unlinked: said }
    }),
    call(
      'ban',
      'The account with this number is closed, and its devices are turned away; false opens it again.',
      { number, isOn: optional(yesNo) },
      (said) => {
        faults.ban(said.number, said.isOn)
        return { banned: said }
      },
    ),
    call('cannot-read', 'So many of the next messages cannot be read there.', { number, messages: count }, (said) => {
      person(said.number).cannotRead(said.messages)
      return { cannotRead: said }
    }),
    call(
      'known-by',
      'By what somebody is known: by number, by both number and LID, or by LID alone.',
      { number, knownBy: oneOf('number', 'both', 'lid') },
      (said) => {
        person(said.number).isKnownBy(said.knownBy)
        return { known: said }
      },
    ),
    call(
      'learn-number',
      'The phone with this number learns whose number is behind a LID, and tells its devices.',
      { number, of: number },
      async (said) => {
        await phoneOf(said.number).learnsNumberOf(said.of)
        return { learned: said }
      },
    ),
    {
      method: 'GET',
      name: 'phones/{number}',
      meaning: `What the phone with this number shows: linked devices, groups, and the last ${shownMax} messages, with all their parts.`,
      set: (_body, [segment = '']) => possible(() => phone(whatsapp, numberIn(segment))),
    },
  ]
}

function phone({ phoneOf, person }: Whatsapp, of: string): object {
  const { lid, repeats, isIn, received, heard } = person(of)
  // What is packed as WhatsApp packs it is for programs that import this network.
  const shown = received.slice(-shownMax).map(({ message: _packed, ...one }) => one)
  return { number: of, lid, devices: phoneOf(of).devices, repeats, groups: isIn(), received: shown, heard }
}
