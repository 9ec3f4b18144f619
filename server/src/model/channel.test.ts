/** Channels by name, and kinds of media by their type. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { channels, isChannel, mediaKindOf } from './channel.ts'

describe('isChannel', () => {
  test('knows each channel by its exact name', () => {
    for (const channel of channels) expect(isChannel(channel)).toBe(true)
  })

  test.each(['', 'SMS', 'sms ', 'signal', 'length', '__proto__', 'constructor'])('does not take %j for one', (text) => {
    expect(isChannel(text)).toBe(false)
  })
})

describe('mediaKindOf', () => {
  test.each([
    ['image/png', 'image'],
    ['video/mp4', 'video'],
    ['audio/ogg; codecs=opus', 'audio'],
    ['application/pdf', 'document'],
    ['imagery/png', 'document'],
    [' image/png', 'document'],
    ['', 'document'],
    [null, 'document'],
  ])('%j is sent as %s', (mimeType, kind) => {
    expect(mediaKindOf(mimeType)).toBe(kind)
  })

  test('has a kind for everything', () => {
    const kinds = ['image', 'video', 'audio', 'document']
    fc.assert(fc.property(fc.string(), (text) => kinds.includes(mediaKindOf(text))))
  })
})
