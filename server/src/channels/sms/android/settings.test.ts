/** What an operator is told about the settings of a phone. */
import { describe, expect, test } from 'vitest'
import { settingsOf } from './settings.ts'

const at = (url: string | null, secret: string | null = 'pass:key') => settingsOf({ url, secret, address: null })

describe('the settings of a phone', () => {
  test('have defaults', () => {
    expect(at('http://sms@192.168.1.20:8080')).toEqual({
      ok: true,
      value: {
        ...{ sim: null, device: null, perSecond: 0.2, segmentsMax: 8, optOutReplies: 'gateway', ttl: null },
        place: { user: 'sms', origin: 'http://192.168.1.20:8080', basePath: '', isSecure: false },
        ...{ number: null, password: 'pass', signingKey: 'key' },
      },
    })
  })

  test('keep the path of a server', () => {
    const read = at('https://me@sms.example/3rdparty/v1?sim=2&device=d-1&perSecond=0.05&segmentsMax=2&ttl=600')
    expect(read.ok && read.value).toMatchObject({
      ...{ sim: 2, device: 'd-1', perSecond: 0.05, segmentsMax: 2, ttl: 600 },
      place: { origin: 'https://sms.example', basePath: '/3rdparty/v1' },
    })
  })

  test.each([
    ['pass:key', 'pass', 'key'],
    ['pa:ss:key', 'pa:ss', 'key'],
    ['pass:', 'pass', null],
    ['pa:ss:', 'pa:ss', null],
  ])('the secret %s is the password %s and the key %s', (secret, password, signingKey) => {
    const read = at('http://sms@phone:8080', secret)
    expect(read.ok && [read.value.password, read.value.signingKey]).toEqual([password, signingKey])
  })

  test.each([null, '', 'pass', ':key'])('the secret %j is no secret', (secret) => {
    const read = at('http://sms@phone:8080', secret)
    expect(read.ok ? null : read.problem.path).toBe('password')
    expect(read.ok ? null : read.problem.message).toContain('PASSWORD:SIGNING_KEY')
  })

  test.each([
    ['http://phone:8080', 'Before the @ must stand the user name that the app shows.'],
    ['http://sms@phone:8080?sim=4', 'The setting sim must be a whole number from 1 to 3.'],
    [
      'http://sms@phone:8080?signingKey=x',
      'The setting "signingKey" is not known. Known are sim, device, perSecond, segmentsMax, optOutReplies, ttl.',
    ],
  ])('%s: %s', (url, message) => {
    const read = at(url)
    expect(read.ok ? null : read.problem.message).toContain(message)
  })
})
