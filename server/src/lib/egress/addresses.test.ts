/** Every special range is known by its first and last address, and its neighbours outside are not mistaken for it. */
import { describe, expect, test } from 'vitest'
import { isLoopback, isPublic, isSameAddress, isUnspecified, reachOf } from './addresses.ts'

describe('never reached, whatever is allowed', () => {
  test.each([
    ['this network', '0.0.0.0', '0.255.255.255'],
    ['link-local, with the metadata of clouds', '169.254.0.0', '169.254.255.255'],
    ['protocol assignments', '192.0.0.0', '192.0.0.255'],
    ['documentation 1', '192.0.2.0', '192.0.2.255'],
    ['6to4 relays', '192.88.99.0', '192.88.99.255'],
    ['documentation 2', '198.51.100.0', '198.51.100.255'],
    ['documentation 3', '203.0.113.0', '203.0.113.255'],
    ['multicast', '224.0.0.0', '239.255.255.255'],
    ['reserved', '240.0.0.0', '255.255.255.254'],
    ['broadcast', '255.255.255.255', '255.255.255.255'],
    ['metadata of Alibaba', '100.100.100.200', '100.100.100.200'],
    ['platform of Azure', '168.63.129.16', '168.63.129.16'],
    ['metadata of Amazon', 'fd00:ec2::254', 'fd00:ec2::253'],
    ['metadata of Google', 'fd20:ce::254', 'fd20:ce::254'],
    ['unspecified', '::', '0:0:0:0:0:0:0:0'],
    ['IPv4-compatible', '::2', '::255.255.255.255'],
    ['IPv4-mapped', '::ffff:0:0', '::ffff:255.255.255.255'],
    ['NAT64', '64:ff9b::', '64:ff9b::255.255.255.255'],
    ['local NAT64', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
    ['discard', '100::', '100::ffff:ffff:ffff:ffff'],
    ['Teredo', '2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['benchmarking and ORCHID', '2001:2::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['documentation', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['6to4', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['more documentation', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['segment routing', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['link-local', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['site-local', 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['multicast of IPv6', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['not given out yet', '4000::', 'efff::1'],
    ['not given out yet, below', '200::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s', (_, first, last) => {
    expect([reachOf(first), reachOf(last)]).toEqual(['never', 'never'])
  })

  test.each([
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '127.0.0.01',
    '1.2.3.4.5',
    '[::1]',
    'fe80::1%lo',
    '2606::1%1',
    '1::2::3',
  ])('what is no address: %j', (text) => {
    expect(reachOf(text)).toBe('never')
  })
})

describe('private', () => {
  test.each([
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s to %s', (first, last) => {
    expect([reachOf(first), reachOf(last)]).toEqual(['private', 'private'])
  })
})

test('loopback', () => {
  for (const address of ['127.0.0.0', '127.0.0.1', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1']) {
    expect([address, isLoopback(address), isPublic(address)]).toEqual([address, true, false])
  }
  for (const address of ['126.255.255.255', '128.0.0.0', '::2', '::ffff:127.0.0.1']) {
    expect([address, isLoopback(address)]).toEqual([address, false])
  }
})

test('the neighbours of the special ranges are public', () => {
  const neighbours = [
    ...['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'],
    ...['168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0'],
    ...['191.255.255.255', '192.0.1.0', '192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255', '192.169.0.0'],
    ...['198.17.255.255', '198.20.0.0', '198.51.99.255', '198.51.101.0', '203.0.112.255', '203.0.114.0'],
    ...['223.255.255.255', '8.8.8.8', '2000::', '2001:200::', '2001:db7:ffff::', '2001:db9::', '2003::'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::1', '3ffe:ffff::', '3fff:1000::'],
  ]
  expect(neighbours.filter((address) => !isPublic(address))).toEqual([])
})

test.each([
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['::1', '0:0:0:0:0:0:0:1', true],
  ['2001:DB8::1', '2001:db8:0:0::1', true],
  ['::ffff:a00:1', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.2', false],
  ['10.0.0.1', '::10.0.0.1', false],
  ['::1', '0.0.0.1', false],
  ['localhost', 'localhost', false],
])('%s and %s are the same: %s', (one, other, same) => {
  expect(isSameAddress(one, other)).toBe(same)
})

test('unspecified', () => {
  expect(['0.0.0.0', '::', '::0', '::ffff:0.0.0.0'].map(isUnspecified)).toEqual([true, true, true, true])
  expect(['127.0.0.1', '::1', 'localhost', ''].map(isUnspecified)).toEqual([false, false, false, false])
})
