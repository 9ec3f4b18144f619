/** Which URLs may be asked for, under each of the three policies, and what is said about the others. */
import { describe, expect, test } from 'vitest'
import { checkDestination, type NetworkPolicy, permitsAddress, urlCharactersMax } from './destination.ts'

const policies: readonly NetworkPolicy[] = ['refused', 'loopback', 'allowed']

/** The policies under which a URL passes, by their first letters. */
function passes(url: string): string {
  return policies.filter((policy) => checkDestination(url, policy).ok).join(' ')
}

const problem = (url: string, policy: NetworkPolicy = 'refused') => {
  const checked = checkDestination(url, policy)
  return checked.ok ? null : checked.problem
}

test.each([
  ['https://example.com/hook', 'refused loopback allowed'],
  ['https://example.com:8443/hook?a=1', 'refused loopback allowed'],
  ['https://example.com:80/', 'refused loopback allowed'],
  ['https://8.8.8.8/', 'refused loopback allowed'],
  ['https://[2606:4700:4700::1111]/', 'refused loopback allowed'],
  ['http://example.com/', 'allowed'],
  ['http://8.8.8.8/', 'allowed'],
  ['http://127.0.0.1/', 'loopback allowed'],
  ['http://127.9.9.9:8080/', 'loopback allowed'],
  ['http://[::1]:8080/', 'loopback allowed'],
  ['http://localhost:3000/', 'loopback allowed'],
  ['http://LOCALHOST.:3000/', 'loopback allowed'],
  ['http://app.localhost:3000/', 'loopback allowed'],
  ['https://localhost/', 'loopback allowed'],
  ['http://notlocalhost/', 'allowed'],
  ['http://localhost.example.com/', 'allowed'],
  ['https://10.0.0.1/', 'allowed'],
  ['http://192.168.1.20:1234/', 'allowed'],
  ['https://[fd12:3456::1]/', 'allowed'],
  ['https://receiver/', 'allowed'],
  ['https://receiver.internal/', 'allowed'],
  ['https://printer.local./', 'allowed'],
  ['https://nas.home.arpa/', 'allowed'],
  ['https://example.onion/', 'allowed'],
  ['https://example.com:5432/', 'loopback allowed'],
  ['https://example.com:22/', ''],
  ['https://example.com:0/', ''],
  ['https://169.254.169.254/', ''],
  ['https://0.0.0.0/', ''],
  ['https://[::]/', ''],
  ['https://224.0.0.1/', ''],
  ['https://255.255.255.255/', ''],
  ['https://[fe80::1]/', ''],
  ['https://[::ffff:127.0.0.1]/', ''],
  ['https://[::ffff:10.0.0.1]/', ''],
  ['https://[64:ff9b::8.8.8.8]/', ''],
  ['https://user@example.com/', ''],
  ['https://:password@example.com/', ''],
  ['https://@example.com/', ''],
  ['https://example.com\\@evil.example/', ''],
  ['https://exam\tple.com/', ''],
  ['https://example.com/\r\nHost: a', ''],
  ['https://example..com/', ''],
  ['https://example.com../', ''],
  ['https://exa$mple.com/', ''],
  [`https://${'a'.repeat(64)}.com/`, ''],
  ['ftp://example.com/', ''],
  ['file:///etc/passwd', ''],
  ['javascript:alert(1)', ''],
  ['example.com/hook', ''],
  ['https://', ''],
  ['', ''],
])('%s passes under: %s', (url, expected) => {
  expect(passes(url)).toBe(expected)
})

test('a URL of the greatest length passes, one character more does not', () => {
  const longest = `https://example.com/${'a'.repeat(urlCharactersMax - 20)}`
  expect(problem(longest)).toBeNull()
  expect(problem(`${longest}a`)).toBe('The URL is too long. Use at most 2048 characters.')
})

test('the URL comes back as it will be used: without the last dot and the fragment', () => {
  const checked = checkDestination('https://Example.COM.:443/a/../b?c=d#e', 'refused')
  expect(checked.ok && checked.url.href).toBe('https://example.com/b?c=d')
})

describe('what is said', () => {
  test.each([
    ['http://example.com/', 'The URL must begin with https://, not http://.'],
    ['ftp://example.com/', 'The URL must begin with https://.'],
    ['nonsense', 'This is not a URL. Write it like https://example.com/path.'],
    [
      'https://a:b@example.com/',
      'The URL contains a user name or password. Remove it, and use a secret header or a secret path instead.',
    ],
    [
      'https://example.com:6379/',
      'Port 6379 is not allowed. Use 443, 80, or one from 1024 that no other well-known service uses.',
    ],
    ['https://exa$mple.com/', 'The host name is not valid. Write it like example.com.'],
  ])('%s', (url, words) => {
    expect(problem(url)).toBe(words)
  })

  test('about an address, nothing that tells where it leads', () => {
    const said = ['https://10.0.0.1/', 'https://169.254.169.254/', 'https://[::1]/', 'https://db.internal/'].map(
      (url) => problem(url),
    )
    expect(new Set(said)).toEqual(
      new Set(['This destination is not allowed. Use one that can be reached from the public internet.']),
    )
  })

  test('http to elsewhere, where this machine is allowed', () => {
    expect(problem('http://example.com/', 'loopback')).toBe(
      'The URL must begin with https://; http:// is for this machine only.',
    )
  })
})

describe('the address behind a name', () => {
  const permits = (url: string, address: string) =>
    policies.filter((policy) => permitsAddress(new URL(url), address, policy)).join(' ')

  test.each([
    ['https://example.com', '8.8.8.8', 'refused loopback allowed'],
    ['https://example.com', '127.0.0.1', 'loopback allowed'],
    ['https://example.com', '10.0.0.1', 'allowed'],
    ['https://example.com', '169.254.169.254', ''],
    ['https://example.com', '', ''],
    ['http://localhost', '127.0.0.1', 'loopback allowed'],
  ])('%s at %s is fine under: %s', (url, address, expected) => {
    expect(permits(url, address)).toBe(expected)
  })

  test('where only this machine may be asked by http, no name leads elsewhere', () => {
    expect(permitsAddress(new URL('http://localhost'), '8.8.8.8', 'loopback')).toBe(false)
    expect(permitsAddress(new URL('https://app.localhost'), '8.8.8.8', 'loopback')).toBe(false)
  })
})
