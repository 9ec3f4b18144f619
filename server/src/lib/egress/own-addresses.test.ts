/** A listener is recognised by every address that leads to it, and by its port. */
import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { isOwn } from './own-addresses.ts'

const cards = Object.values(networkInterfaces()).flatMap((card) => card ?? [])

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['127.0.0.1', '10.0.0.1', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3', '::ffff:10.1.2.3', true],
  ['[::1]', '::1', true],
  ['::1', '127.0.0.1', false],
  ['0.0.0.0', '127.0.0.1', true],
  ['0.0.0.0', '127.3.3.3', true],
  ['::', '::1', true],
  ['::', '127.0.0.1', true],
  ['localhost', '::1', true],
  ['gateway.example.com', '127.0.0.1', true],
  ['0.0.0.0', '8.8.8.8', false],
])('a listener on %s is at %s: %s', (host, address, expected) => {
  expect(isOwn([{ host, port: 8080 }], address, 8080)).toBe(expected)
  expect(isOwn([{ host, port: 8080 }], address, 8081)).toBe(false)
})

test('a listener on all addresses is at every address of this machine', () => {
  expect(cards.length).toBeGreaterThan(0)
  for (const { address } of cards) {
    expect(isOwn([{ host: '0.0.0.0', port: 80 }], address, 80)).toBe(true)
    expect(isOwn([{ host: '::', port: 80 }], address, 80)).toBe(true)
  }
})
