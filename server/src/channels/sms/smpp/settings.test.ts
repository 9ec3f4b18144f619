/** The settings of an SMPP line: what they are when nobody says, and that whatever is wrong with them is said in words. */
import { describe, expect, test } from 'vitest'
import type { Handle } from '../../../model/ids.ts'
import { problemWith, readSettings } from './settings.ts'

const line = (url: string | null, secret: string | null = 'secret', address: string | null = '+12025550100') => ({
  ...{ url, secret },
  address: address as Handle | null,
})
const place = 'smpp://gateway@smsc.example.com:2775'

function settingsOf(url: string, address = '+12025550100') {
  const read = readSettings(line(url, 'secret', address))
  if (!read.ok) throw new Error(read.problem.message)
  return read.value
}

describe('settings', () => {
  test('are complete when only the place is given', () => {
    expect(settingsOf('smpp://gateway@smsc.example.com')).toEqual({
      ...{ host: 'smsc.example.com', port: 2775, secure: false, systemId: 'gateway', password: 'secret' },
      ...{ systemType: '', source: { ton: 1, npi: 1, digits: '12025550100' } },
      ...{ destinationTon: null, destinationNpi: null, window: 10, bind: 'transceiver', concat: 'udh' },
      ...{ perSecond: 10, segmentsMax: 10, idFormat: 'as-is', enquireEveryMs: 30_000, optOutReplies: 'gateway' },
    })
  })

  test('are what the operator says', () => {
    const query =
      'window=50&bind=pair&concat=sar&systemType=VMA&sourceTon=5&sourceNpi=0&destinationTon=0&destinationNpi=8&perSecond=0.5&segmentsMax=3&idFormat=receipt-hex&enquireEvery=60&optOutReplies=provider'
    expect(settingsOf(`smpps://a%40b@[::1]:9000?${query}`)).toEqual({
      ...{ host: '::1', port: 9000, secure: true, systemId: 'a@b', password: 'secret', systemType: 'VMA' },
      ...{ source: { ton: 5, npi: 0, digits: '12025550100' }, destinationTon: 0, destinationNpi: 8, window: 50 },
      ...{
        bind: 'pair',
        concat: 'sar',
        perSecond: 0.5,
        segmentsMax: 3,
        idFormat: 'receipt-hex',
        enquireEveryMs: 60_000,
        optOutReplies: 'provider',
      },
    })
    expect(settingsOf('smpps://gateway@smsc.example.com').port).toBe(3550)
  })

  test.each([
    ['32665', { ton: 3, npi: 0, digits: '32665' }],
    ['Example', { ton: 5, npi: 0, digits: 'Example' }],
  ])('take %s for a sender', (address, source) => {
    expect(settingsOf(place, address).source).toEqual(source)
  })

  test.each([
    [null, 'Give the SMSC as a URL such as smpp://system-id@smsc.example.com:2775, with smpps:// for TLS.'],
    ['not a url', 'Give the SMSC as a URL such as smpp://system-id@smsc.example.com:2775, with smpps:// for TLS.'],
    [
      'https://gateway@example.com',
      'Give the SMSC as a URL such as smpp://system-id@smsc.example.com:2775, with smpps:// for TLS.',
    ],
    ['smpp://gateway:secret@smsc.example.com', 'Leave the password out of the URL; it has a field of its own.'],
    [
      'smpp://gateway@smsc.example.com:0',
      'Name the host and the port of the SMSC, as in smpp://system-id@smsc.example.com:2775.',
    ],
    [
      'smpp://gateway@smsc.example.com/path',
      'Leave out what stands behind the port: smpp://system-id@smsc.example.com:2775.',
    ],
    [
      'smpp://smsc.example.com',
      'Put the system id before the host, as in smpp://system-id@smsc.example.com:2775; it has 1 to 15 visible characters.',
    ],
    [
      'smpp://sixteen-letters1@smsc.example.com',
      'Put the system id before the host, as in smpp://system-id@smsc.example.com:2775; it has 1 to 15 visible characters.',
    ],
    [
      'smpp://%zz@smsc.example.com',
      'Put the system id before the host, as in smpp://system-id@smsc.example.com:2775; it has 1 to 15 visible characters.',
    ],
    [`${place}?window=0`, 'The setting window must be a whole number from 1 to 1000.'],
    [`${place}?window=10.5`, 'The setting window must be a whole number from 1 to 1000.'],
    [`${place}?bind=both`, 'The setting bind must be one of transceiver, pair.'],
    [`${place}?concat=UDH`, 'The setting concat must be one of udh, sar, payload.'],
    [`${place}?perSecond=0`, 'The setting perSecond must be a number from 0.001 to 10000.'],
    [`${place}?segmentsMax=256`, 'The setting segmentsMax must be a whole number from 1 to 255.'],
    [`${place}?idFormat=hex`, 'The setting idFormat must be one of as-is, response-hex, receipt-hex.'],
    [`${place}?enquireEvery=`, 'The setting enquireEvery must be a whole number from 1 to 3600.'],
    [`${place}?sourceTon=256`, 'The setting sourceTon must be a whole number from 0 to 255.'],
    [`${place}?systemType=thirteen-chars`, 'The setting systemType must have at most 12 visible characters.'],
    [`${place}?window=1&window=2`, 'The setting window is given twice; keep one.'],
    [
      `${place}?windows=1`,
      'The setting "windows" is not known. Known are window, bind, concat, systemType, sourceTon, sourceNpi, destinationTon, destinationNpi, perSecond, segmentsMax, idFormat, optOutReplies, enquireEvery.',
    ],
  ])('that are wrong are worded: %s', (url, message) => {
    expect(problemWith(line(url))).toEqual({ path: 'url', message })
  })

  test('without a password or a sender say so', () => {
    for (const secret of [null, '', 'new\nline', 'x'.repeat(65)])
      expect(problemWith(line(place, secret))).toMatchObject({ path: 'password' })
    for (const address of [null, 'somebody@example.com', 'a name that is too long'])
      expect(problemWith(line(place, 'secret', address))).toMatchObject({ path: 'phoneNumber' })
    expect(problemWith(line(place))).toBeNull()
  })
})
