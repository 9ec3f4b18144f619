/** What an operator is told about the settings of a line at Twilio or SignalWire. */
import { describe, expect, test } from 'vitest'
import type { Handle } from '../../../model/ids.ts'
import { settingsOf } from './settings.ts'

const address = '+12025550100' as Handle
const at = (url: string | null, secret: string | null = 'token') => settingsOf('twilio', { url, secret, address })

describe('the settings of a line', () => {
  test('have defaults', () => {
    expect(at('https://AC0123@api.twilio.com')).toEqual({
      ok: true,
      value: {
        ...{
          service: null,
          perSecond: 1,
          segmentsMax: 10,
          validity: null,
          callbacks: 'on',
          optOutReplies: 'provider',
          pollEvery: 300,
        },
        place: { user: 'AC0123', origin: 'https://api.twilio.com', basePath: '', isSecure: true },
        ...{ number: address, token: 'token' },
      },
    })
  })

  test('are read from the query, and the path is kept', () => {
    const query = 'service=MG1&perSecond=0.5&segmentsMax=3&validity=60&callbacks=off&optOutReplies=gateway&pollEvery=0'
    const read = settingsOf('signalwire', {
      url: `https://p-1@x.signalwire.com:444/api/laml/?${query}`,
      secret: 's',
      address,
    })
    expect(read.ok && read.value).toEqual({
      ...{
        service: 'MG1',
        perSecond: 0.5,
        segmentsMax: 3,
        validity: 60,
        callbacks: 'off',
        optOutReplies: 'gateway',
        pollEvery: 0,
      },
      place: { user: 'p-1', origin: 'https://x.signalwire.com:444', basePath: '/api/laml', isSecure: true },
      ...{ number: address, token: 's' },
    })
  })

  test.each([
    [
      'https://AC1@api.twilio.com?speed=1',
      'url',
      'The setting "speed" is not known. Known are service, perSecond, segmentsMax, validity, callbacks, optOutReplies, pollEvery.',
    ],
    ['https://AC1@api.twilio.com?__proto__=1', 'url', 'The setting "__proto__" is not known.'],
    ['https://AC1@api.twilio.com?validity=0', 'url', 'The setting validity must be a whole number from 1 to 36000.'],
    ['https://AC1@api.twilio.com?perSecond=0', 'url', 'The setting perSecond must be a number from 0.01 to 1000.'],
    ['https://AC1@api.twilio.com?callbacks=maybe', 'url', 'The setting callbacks must be one of on, off.'],
    ['https://AC1@api.twilio.com?pollEvery=1&pollEvery=2', 'url', 'The setting pollEvery is given twice; keep one.'],
    [
      'https://api.twilio.com',
      'url',
      'Before the @ must stand the account SID. Write it like https://ACCOUNT_SID@api.twilio.com.',
    ],
    ['https://AC1:token@api.twilio.com', 'url', 'A secret must not stand in the URL: put it into the password.'],
    ['ftp://AC1@api.twilio.com', 'url', 'The URL must begin with https:// or http://.'],
    ['http://AC1@api.twilio.com', 'url', 'The URL must begin with https://, or the token could be read on the way.'],
    ['nonsense', 'url', 'The URL of the provider is missing or not a URL.'],
    [null, 'url', 'The URL of the provider is missing or not a URL.'],
  ])('%s: %s', (url, path, message) => {
    const read = at(url)
    expect(read.ok ? null : read.problem.path).toBe(path)
    expect(read.ok ? null : read.problem.message).toContain(message)
  })

  test('need a token and a number', () => {
    const noToken = at('https://AC1@api.twilio.com', null)
    expect(noToken.ok ? null : noToken.problem.path).toBe('password')
    const noNumber = settingsOf('twilio', { url: 'https://AC1@api.twilio.com', secret: 't', address: null })
    expect(noNumber.ok ? null : noNumber.problem.path).toBe('phoneNumber')
  })

  test('may use http inside a network', () => {
    for (const host of ['127.0.0.1:7092', 'localhost', 'networks:7092', '[::1]:80', 'proxy.internal'])
      expect(at(`http://AC1@${host}`).ok, host).toBe(true)
  })
})
