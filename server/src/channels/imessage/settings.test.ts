/** What an operator is told about the settings of a line over a Mac. */
import { describe, expect, test } from 'vitest'
import { settingsOf } from './settings.ts'

const at = (url: string | null, secret: string | null = 'secret') => settingsOf({ url, secret, address: null })

describe('the settings of a Mac', () => {
  test('have defaults', () => {
    expect(at('http://192.168.1.20:1234')).toEqual({
      ok: true,
      value: {
        ...{ perSecond: 1, newPerDay: 40, pollEvery: 30, lostAfter: 210, groupOpener: null, webhook: 'on' },
        place: { origin: 'http://192.168.1.20:1234', basePath: '', password: 'secret' },
      },
    })
  })

  test('are as they are written', () => {
    const read = at(
      'https://mac.example/base/?perSecond=0.5&newPerDay=0&pollEvery=600&groupOpener=Hello%20there%2C%20ünited%20👋&webhook=off',
    )
    expect(read.ok && read.value).toEqual({
      ...{
        perSecond: 0.5,
        newPerDay: 0,
        pollEvery: 600,
        lostAfter: 210,
        groupOpener: 'Hello there, ünited 👋',
        webhook: 'off',
      },
      place: { origin: 'https://mac.example', basePath: '/base', password: 'secret' },
    })
  })

  test.each(['http://mac:1234/', 'http://mac:1234/api', 'http://mac:1234/api/v1', 'http://mac:1234/api/v1/'])(
    '%s is where the server is',
    (url) => {
      const read = at(url)
      expect(read.ok && read.value.place).toMatchObject({ origin: 'http://mac:1234', basePath: '' })
    },
  )

  test.each([
    [null, 'The URL of the BlueBubbles server is missing or not a URL. Write it like http://192.168.1.20:1234.'],
    ['192.168.1.20', 'missing or not a URL'],
    ['mac.local:1234', 'The URL must begin with http:// or https://. Write it like http://'],
    ['ftp://mac:1234', 'The URL must begin with http:// or https://.'],
    ['http://me@mac:1234', 'No user name or password may stand in the URL.'],
    ['http://:word@mac:1234', 'No user name or password may stand in the URL.'],
    ['http://mac:1234?password=word', 'The password must not stand in the URL: put it into the password of the line.'],
    ['http://mac:1234?guid=word', 'The password must not stand in the URL'],
    ['http://mac:1234#here', 'The URL must not contain a #.'],
    ['http://mac:1234?perSecond=101', 'The setting perSecond must be a number from 0.01 to 100.'],
    ['http://mac:1234?newPerDay=-1', 'The setting newPerDay must be a whole number from 0 to 10000.'],
    ['http://mac:1234?pollEvery=0', 'The setting pollEvery must be a whole number from 1 to 600.'],
    ['http://mac:1234?groupOpener=%20', 'The setting groupOpener must be a text of up to 200 characters.'],
    ['http://mac:1234?webhook=maybe', 'The setting webhook must be one of on, off.'],
    [
      'http://mac:1234?speed=1',
      'The setting "speed" is not known. Known are perSecond, newPerDay, pollEvery, lostAfter,',
    ],
  ])('%s: %s', (url, message) => {
    const read = at(url)
    expect(read.ok ? null : read.problem.path).toBe('url')
    expect(read.ok ? null : read.problem.message).toContain(message)
    expect(read.ok ? null : read.problem.message).not.toContain('word@')
  })

  test.each([null, '', 'two\nlines', 'x'.repeat(257)])('the secret %j is none', (secret) => {
    const read = at('http://mac:1234', secret)
    expect(read.ok ? null : read.problem).toEqual({
      path: 'password',
      message: 'Put the password of the BlueBubbles server into the password of the line.',
    })
  })

  test.each(['a', 'with spaces & signs?', 'pässwörd', '🔑'])('the secret %s is one', (secret) => {
    const read = at('http://mac:1234', secret)
    expect(read.ok && read.value.place.password).toBe(secret)
  })
})
