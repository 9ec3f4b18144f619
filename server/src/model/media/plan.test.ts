/** What becomes of a file on a channel: sent as it is, made into something else, carried as a document, or refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inMemoryCapabilities } from '../../channels/inmemory/capabilities.ts'
import { type Channel, channels } from '../channel.ts'
import type { FileFacts } from './file.ts'
import { fits, planFor, sendable } from './plan.ts'

const kB = 1024
const MB = 1024 * kB

function file(mimeType: string, bytes: number, codecs: readonly string[] | null = null): FileFacts {
  return { mimeType, bytes, codecs, durationMs: null, width: null, height: null }
}

const plan = (channel: Channel, found: FileFacts, voiceNote = false) =>
  planFor(found, voiceNote, inMemoryCapabilities[channel])

describe('as the channels are', () => {
  test.each<[Channel, FileFacts, object]>([
    ['whatsapp', file('image/jpeg', 16 * MB), { do: 'send', kind: 'image' }],
    ['whatsapp', file('image/jpeg', 16 * MB + 1), { do: 'refuse', code: 'WHATSAPP_MEDIA_TOO_LARGE' }],
    ['whatsapp', file('image/webp', 1 * MB), { do: 'make', form: 'jpeg', bytesMax: 16 * MB }],
    ['whatsapp', file('video/mp4', 64 * MB, ['h264', 'aac']), { do: 'send', kind: 'video' }],
    ['whatsapp', file('video/mp4', 64 * MB + 1, ['h264', 'aac']), { do: 'refuse', code: 'WHATSAPP_MEDIA_TOO_LARGE' }],
    ['whatsapp', file('video/mp4', 1 * MB, ['h264']), { do: 'send', kind: 'video' }],
    ['whatsapp', file('video/mp4', 1 * MB, ['hevc', 'aac']), { do: 'make', form: 'mp4' }],
    ['whatsapp', file('video/mp4', 1 * MB), { do: 'make', form: 'mp4' }],
    ['whatsapp', file('video/quicktime', 1 * MB, ['h264', 'aac']), { do: 'make', form: 'mp4' }],
    ['whatsapp', file('application/pdf', 100 * MB), { do: 'send', kind: 'document' }],
    ['whatsapp', file('application/pdf', 100 * MB + 1), { do: 'refuse', code: 'WHATSAPP_MEDIA_TOO_LARGE' }],
    ['imessage', file('video/quicktime', 90 * MB, ['hevc']), { do: 'send', kind: 'video' }],
    ['imessage', file('video/webm', 1 * MB, ['vp8']), { do: 'send', kind: 'document' }],
    ['imessage', file('image/heic', 1 * MB), { do: 'send', kind: 'image' }],
    ['sms', file('image/jpeg', 500 * kB), { do: 'send', kind: 'image' }],
    ['sms', file('image/jpeg', 500 * kB + 1), { do: 'make', form: 'jpeg', bytesMax: 500 * kB }],
    ['sms', file('image/webp', 10 * kB), { do: 'make', form: 'jpeg', bytesMax: 500 * kB }],
    ['sms', file('image/gif', 2 * MB), { do: 'send', kind: 'image' }],
    ['sms', file('application/pdf', 601 * kB), { do: 'refuse', code: 'MMS_MEDIA_TOO_LARGE' }],
  ])('%s takes %o', (channel, found, expected) => {
    expect(plan(channel, found)).toMatchObject(expected)
  })

  test.each<[Channel, FileFacts, object]>([
    ['whatsapp', file('audio/ogg', MB, ['opus']), { do: 'send', kind: 'audio', voiceNote: true }],
    ['whatsapp', file('audio/ogg', MB, ['vorbis']), { do: 'make', form: 'ogg-opus', voiceNote: true }],
    ['whatsapp', file('audio/mpeg', MB, ['mp3']), { do: 'make', form: 'ogg-opus', voiceNote: true }],
    ['imessage', file('audio/mpeg', MB, ['mp3']), { do: 'send', kind: 'audio', voiceNote: true }],
    ['imessage', file('audio/x-caf', MB, ['opus']), { do: 'send', kind: 'audio', voiceNote: true }],
    ['imessage', file('audio/x-caf', MB, ['pcm']), { do: 'make', form: 'caf-opus', voiceNote: true }],
    ['sms', file('audio/wav', 10 * kB, ['pcm']), { do: 'send', kind: 'audio', voiceNote: false }],
    ['whatsapp', file('image/png', MB), { do: 'send', kind: 'image', voiceNote: false }],
  ])('%s takes %o as a voice note', (channel, found, expected) => {
    expect(plan(channel, found, true)).toMatchObject(expected)
  })
})

test('rules name types, both halves at once, and what may be inside', () => {
  const mp4 = (codecs: string[] | null) => ({ mimeType: 'video/mp4', codecs })
  expect(fits(mp4(null), ['*/*'])).toBe(true)
  expect(fits(mp4(null), ['image/png', 'video/mp4'])).toBe(true)
  expect(fits(mp4(null), ['video/mp4; codecs=h264'])).toBe(false)
  expect(fits(mp4([]), ['video/mp4; codecs=h264'])).toBe(false)
  expect(fits(mp4(['h264', 'opus']), ['video/mp4; codecs=h264,aac'])).toBe(false)
  expect(fits(mp4(['h264', 'aac']), ['video/mp4; codecs=h264,aac'])).toBe(true)
})

test('nothing goes out that is larger than the channel takes, and every refusal says so', () => {
  const anyFile = fc.record({
    mimeType: fc.constantFrom(
      'image/png',
      'image/gif',
      'image/heic',
      'video/mp4',
      'video/webm',
      'audio/ogg',
      'text/plain',
    ),
    bytes: fc.integer({ min: 0, max: 200 * MB }),
    codecs: fc.constantFrom(null, [], ['h264'], ['h264', 'aac'], ['opus'], ['hevc']),
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...channels),
      anyFile,
      fc.boolean(),
      (channel, { mimeType, bytes, codecs }, voiceNote) => {
        const capabilities = inMemoryCapabilities[channel]
        const step = plan(channel, file(mimeType, bytes, codecs), voiceNote)
        if (step.do === 'send') expect(bytes).toBeLessThanOrEqual(capabilities.media[step.kind].bytesMax)
        else if (step.do === 'refuse') expect(step.code).toBe(capabilities.tooLargeCode)
        else {
          const made = sendable({ bytes: step.bytesMax }, step, capabilities)
          expect(made.do).toBe('send')
        }
      },
    ),
  )
})
