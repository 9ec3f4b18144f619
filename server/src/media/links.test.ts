/** Links are the permission: what we wrote opens its file until its time, and nothing else opens anything. */
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { seededChance } from '../lib/chance.ts'
import { createSealedBox } from '../lib/sealed-box.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId } from '../model/ids.ts'
import { createLinks } from './links.ts'

const { sign } = createSealedBox(Buffer.alloc(32, 7))
const links = createLinks({ base: () => 'https://gateway.test', sign })
const file = {
  customerId: '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650' as CustomerId,
  hash: 'ab'.repeat(32),
  mimeType: 'image/jpeg',
  filename: 'Käse "1".jpg',
}
const untilMs = Date.UTC(2026, 0, 1)
const prefix = 'https://gateway.test/v1/attachments/'
const tokenOf = (url: string) => url.slice(prefix.length)
const token = tokenOf(links.urlOf(file, untilMs))
const codeOf = (text: string, nowMs = untilMs - 1) => {
  try {
    links.read(text, nowMs)
    return null
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

test('a link opens its file until its time and not a millisecond longer', () => {
  expect(links.urlOf(file, untilMs)).toMatch(/^https:\/\/gateway\.test\/v1\/attachments\/[\w-]+\.[\w-]+$/)
  expect(links.read(token, untilMs - 1)).toEqual(file)
  expect(links.read(tokenOf(links.urlOf({ ...file, filename: null }, untilMs)), 0).filename).toBeNull()
  expect(codeOf(token, untilMs)).toBe('URL_EXPIRED')
  expect(codeOf(token, untilMs + 1e12)).toBe('URL_EXPIRED')
})

describe('nothing else opens anything', () => {
  test('100,000 tokens with one bit flipped, or letters swapped, cut, added and mixed', () => {
    const chance = seededChance('links')
    const other = tokenOf(links.urlOf({ ...file, hash: 'cd'.repeat(32) }, untilMs + 1e9))
    const [body = '', proof = ''] = token.split('.')
    const [otherBody = '', otherProof = ''] = other.split('.')
    const at = (length: number) => Math.floor(chance.next() * length)
    const forgeries: (() => string)[] = [
      () => {
        const bytes = Buffer.from(token)
        const place = at(bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ (1 << at(8))
        return bytes.toString('latin1')
      },
      () => {
        const bytes = Buffer.from(body, 'base64url')
        const place = at(bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ (1 << at(8))
        return `${bytes.toString('base64url')}.${proof}`
      },
      () => {
        const bytes = Buffer.from(proof, 'base64url')
        const place = at(bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ (1 << at(8))
        return `${body}.${bytes.toString('base64url')}`
      },
      () => token.slice(0, at(token.length)),
      () => `${token}${'.A_-='.charAt(at(5))}`,
      () => `${body}.${randomBytes(32).toString('base64url')}`,
      () => [`${body}.${otherProof}`, `${otherBody}.${proof}`, `${body}`, `.${proof}`, `${body}.`, ''][at(6)] ?? '',
      () => {
        const later = JSON.stringify({
          ...JSON.parse(Buffer.from(body, 'base64url').toString()),
          e: untilMs + 1 + at(1e9),
        })
        return `${Buffer.from(later).toString('base64url')}.${proof}`
      },
    ]
    let passed = 0
    for (let count = 0; count < 100_000; count += 1) {
      const forged = forgeries[count % forgeries.length]?.() ?? ''
      if (forged !== token && codeOf(forged) !== 'INVALID_SIGNATURE') passed += 1
    }
    expect(passed).toBe(0)
  })

  test('another spelling of the same bytes, another key, or a token of any length', () => {
    const [body = '', proof = ''] = token.split('.')
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const bytes = Buffer.from(proof, 'base64url')
    const spellings = [...letters].map((letter) => proof.slice(0, -1) + letter)
    const same = spellings.filter((one) => one !== proof && Buffer.from(one, 'base64url').equals(bytes))
    expect(same.length).toBeGreaterThan(0)
    for (const one of [...same, `${proof}=`]) expect(codeOf(`${body}.${one}`)).toBe('INVALID_SIGNATURE')
    const strangers = createLinks({ base: () => '', sign: createSealedBox(Buffer.alloc(32, 8)).sign })
    expect(codeOf(strangers.urlOf(file, untilMs).slice('/v1/attachments/'.length))).toBe('INVALID_SIGNATURE')
    expect(codeOf('A'.repeat(1_000_000))).toBe('INVALID_SIGNATURE')
  })
})
