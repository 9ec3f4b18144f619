/** What is left of a message on a channel: never more than the channel takes, and nothing lost without a word. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Capabilities, type Feature, type MediaKind, mediaKindOf, type Support } from './channel.ts'
import { type Fit, fit } from './fit.ts'
import type { Handle, MessageId } from './ids.ts'
import type { Attachment, Content } from './message.ts'

const features: readonly Feature[] = ['effect', 'reply', 'mention', 'carousel', 'voiceNote', 'location']
const kinds: readonly MediaKind[] = ['image', 'video', 'audio', 'document']
const mimeTypes: Record<MediaKind, string> = {
  image: 'image/png',
  video: 'video/mp4',
  audio: 'audio/ogg',
  document: 'text/plain',
}

function taking(support: Support, change: Partial<Capabilities> = {}): Capabilities {
  const media = { support, bytesMax: 1_000, sentAsIs: ['*/*'], becomes: null }
  return {
    textLengthMax: 20,
    features: {
      effect: support,
      reply: support,
      mention: support,
      carousel: support,
      voiceNote: support,
      location: support,
    },
    media: { image: media, video: media, audio: media, document: media },
    voiceNotes: { sentAsIs: ['*/*'], becomes: 'ogg-opus' },
    mediaFrom: 'attachments',
    tooLargeCode: 'MEDIA_TOO_LARGE',
    groups: true,
    receipts: { delivered: 'always', read: 'always' },
    dedupesByRef: true,
    ...change,
  }
}

const nothing: Content = {
  text: null,
  mediaUrls: [],
  attachments: [],
  replyTo: null,
  mentions: [],
  effect: null,
  location: null,
}
const file = (kind: MediaKind, change: Partial<Attachment> = {}): Attachment => ({
  id: kind,
  source: { blob: kind },
  mimeType: mimeTypes[kind],
  filename: null,
  bytes: 10,
  voiceNote: false,
  ...change,
})
const fullOfIt: Content = {
  text: 'hello',
  mediaUrls: [],
  attachments: kinds.map((kind) => file(kind)),
  replyTo: 'message-1' as MessageId,
  mentions: [{ handle: '+12025550100' as Handle, start: 0, length: 5 }],
  effect: 'confetti',
  location: { title: null, latitude: 1, longitude: 2 },
}

const fitted = (result: Fit) => (result.ok ? result.fitted : expect.fail(`${result.code}: ${result.detail}`))
const codeOf = (result: Fit) => (result.ok ? null : result.code)

describe('fit', () => {
  test('carries everything where everything is carried', () => {
    for (const support of ['native', 'adapted'] as const) {
      const { text, attachments, mentions, effect, reply, location, dropped } = fitted(
        fit(fullOfIt, taking(support), true),
      )
      expect({ text, attachments, mentions, effect, location }).toEqual({
        text: 'hello',
        attachments: fullOfIt.attachments,
        mentions: fullOfIt.mentions,
        effect: 'confetti',
        location: fullOfIt.location,
      })
      expect([reply, dropped]).toEqual([true, []])
    }
  })

  test('says what it leaves out', () => {
    const result = fitted(fit(fullOfIt, taking('dropped'), true))
    expect(result).toMatchObject({
      text: 'hello',
      attachments: [],
      mentions: [],
      effect: null,
      reply: false,
      location: null,
    })
    expect(result.dropped.toSorted()).toEqual([
      'audio',
      'document',
      'effect',
      'image',
      'location',
      'mention',
      'reply',
      'video',
    ])
  })

  test.each<[string, Partial<Content>, string]>([
    ['an effect', { effect: 'confetti' }, 'CONTENT_NOT_SUPPORTED'],
    ['a reply', { replyTo: 'message-1' as MessageId }, 'CONTENT_NOT_SUPPORTED'],
    ['a location', { location: fullOfIt.location }, 'CONTENT_NOT_SUPPORTED'],
    ['a mention', { mentions: fullOfIt.mentions }, 'CONTENT_NOT_SUPPORTED'],
    ['a file', { attachments: [file('image')] }, 'CONTENT_NOT_SUPPORTED'],
  ])('refuses the whole message for %s that the channel refuses', (_name, content, code) => {
    expect(codeOf(fit({ ...nothing, text: 'hi', ...content }, taking('refused'), true))).toBe(code)
  })

  test('refuses a text that is one character too long, and takes one that just fits', () => {
    expect(codeOf(fit({ ...nothing, text: 'x'.repeat(21) }, taking('native'), false))).toBe('CONTENT_NOT_SUPPORTED')
    expect(fitted(fit({ ...nothing, text: 'x'.repeat(20) }, taking('native'), false)).text).toHaveLength(20)
  })

  test('refuses a group where there are none, and says so by its own code', () => {
    expect(codeOf(fit({ ...nothing, text: 'hi' }, taking('native', { groups: false }), true))).toBe(
      'GROUP_SMS_UNSUPPORTED',
    )
    expect(codeOf(fit({ ...nothing, text: 'hi' }, taking('native', { groups: false }), false))).toBeNull()
  })

  test('refuses a message of which nothing would be left', () => {
    expect(codeOf(fit(nothing, taking('native'), false))).toBe('CONTENT_NOT_SUPPORTED')
    expect(codeOf(fit({ ...nothing, text: '' }, taking('native'), false))).toBe('CONTENT_NOT_SUPPORTED')
    expect(codeOf(fit({ ...nothing, attachments: [file('image')], effect: 'slam' }, taking('dropped'), false))).toBe(
      'CONTENT_NOT_SUPPORTED',
    )
  })

  test('keeps mentions for groups, and says that they are gone elsewhere', () => {
    const content = { ...nothing, text: 'hello', mentions: fullOfIt.mentions }
    expect(fitted(fit(content, taking('native'), true))).toMatchObject({ mentions: fullOfIt.mentions, dropped: [] })
    expect(fitted(fit(content, taking('native'), false))).toMatchObject({ mentions: [], dropped: ['mention'] })
    expect(fitted(fit(content, taking('refused'), false))).toMatchObject({ mentions: [], dropped: ['mention'] })
  })

  test('sends a voice note as a plain file where there are none, and says so once', () => {
    const capabilities = taking('native')
    const plain = { ...capabilities, features: { ...capabilities.features, voiceNote: 'dropped' as const } }
    const attachments = [file('audio', { voiceNote: true }), file('audio', { voiceNote: true })]
    const result = fitted(fit({ ...nothing, attachments }, plain, false))
    expect(result.attachments.map(({ voiceNote }) => voiceNote)).toEqual([false, false])
    expect(result.dropped).toEqual(['voiceNote'])
    const refusing = { ...capabilities, features: { ...capabilities.features, voiceNote: 'refused' as const } }
    expect(codeOf(fit({ ...nothing, attachments }, refusing, false))).toBe('CONTENT_NOT_SUPPORTED')
  })

  test.each([
    ['attachments', true, true, ['image'], ['mediaUrls']],
    ['mediaUrls', true, true, ['media-0'], ['attachments']],
    ['attachments', false, true, ['media-0'], []],
    ['mediaUrls', true, false, ['image'], []],
  ] as const)(
    'of two media fields it sends %s (attachments: %s, links: %s)',
    (mediaFrom, hasFiles, hasLinks, sent, dropped) => {
      const attachments = hasFiles ? [file('image')] : []
      const mediaUrls = hasLinks ? ['https://example.org/a.png'] : []
      const result = fitted(fit({ ...nothing, attachments, mediaUrls }, taking('native', { mediaFrom }), false))
      expect(result.attachments.map(({ id }) => id)).toEqual(sent)
      expect(result.dropped).toEqual(dropped)
    },
  )

  test.each([
    ['https://example.org/a.png', 'image/png'],
    ['https://example.org/a.GIF?size=2#top', 'image/gif'],
    ['https://example.org/a.jpeg#.png', 'image/jpeg'],
    ['https://example.org/photo', 'image/jpeg'],
    ['https://example.org/a.webp', 'image/webp'],
    ['', 'image/jpeg'],
  ])('takes the link %j for %s', (url, mimeType) => {
    const [sent] = fitted(fit({ ...nothing, mediaUrls: [url] }, taking('native'), false)).attachments
    expect(sent).toMatchObject({ source: { url }, mimeType })
  })
})

const anySupport = fc.constantFrom<Support>('native', 'adapted', 'dropped', 'refused')
const anyRule = fc.record({
  support: anySupport,
  bytesMax: fc.integer({ min: 1, max: 2_000 }),
  sentAsIs: fc.constant<string[]>([]),
  becomes: fc.constant(null),
})
const anyCapabilities: fc.Arbitrary<Capabilities> = fc.record({
  textLengthMax: fc.integer({ min: 1, max: 30 }),
  features: fc
    .tuple(...features.map(() => anySupport))
    .map(
      (all) =>
        Object.fromEntries(features.map((feature, index) => [feature, all[index] ?? 'native'])) as Record<
          Feature,
          Support
        >,
    ),
  media: fc.record({ image: anyRule, video: anyRule, audio: anyRule, document: anyRule }),
  voiceNotes: fc.constant(null),
  mediaFrom: fc.constantFrom('attachments', 'mediaUrls'),
  tooLargeCode: fc.constantFrom('MEDIA_TOO_LARGE', 'MMS_MEDIA_TOO_LARGE', 'WHATSAPP_MEDIA_TOO_LARGE'),
  groups: fc.boolean(),
  receipts: fc.constant({ delivered: 'always', read: 'never' } as const),
  dedupesByRef: fc.boolean(),
})
const anyFile = fc
  .record({
    kind: fc.constantFrom(...kinds),
    bytes: fc.option(fc.integer({ min: 0, max: 2_500 })),
    voiceNote: fc.boolean(),
  })
  .map(({ kind, bytes, voiceNote }) => file(kind, { bytes, voiceNote }))
const anyContent: fc.Arbitrary<Content> = fc.record({
  text: fc.option(fc.string({ maxLength: 35 })),
  mediaUrls: fc.array(fc.webUrl(), { maxLength: 2 }),
  attachments: fc
    .array(anyFile, { maxLength: 3 })
    .map((files) => files.map((one, index) => ({ ...one, id: `file-${index}` }))),
  replyTo: fc.option(fc.constant('message-1' as MessageId)),
  mentions: fc.constantFrom([], fullOfIt.mentions),
  effect: fc.option(fc.constant('confetti')),
  location: fc.option(fc.constant({ title: null, latitude: 0, longitude: 0 })),
})

describe('for every message and every channel', () => {
  test('what is fitted exceeds nothing', () => {
    fc.assert(
      fc.property(anyContent, anyCapabilities, fc.boolean(), (content, capabilities, isGroup) => {
        const result = fit(content, capabilities, isGroup)
        if (!result.ok) return
        const { text, attachments, mentions, effect, reply, location } = result.fitted
        const carries = (feature: Feature) => ['native', 'adapted'].includes(capabilities.features[feature])
        expect(text?.length ?? 0).toBeLessThanOrEqual(capabilities.textLengthMax)
        expect(isGroup && !capabilities.groups).toBe(false)
        if (effect !== null) expect(carries('effect')).toBe(true)
        if (reply) expect(carries('reply')).toBe(true)
        if (mentions.length > 0) expect(carries('mention') && isGroup).toBe(true)
        if (location !== null) expect(carries('location')).toBe(true)
        for (const { mimeType, voiceNote } of attachments) {
          const rule = capabilities.media[mediaKindOf(mimeType)]
          expect(['native', 'adapted']).toContain(rule.support)
          if (voiceNote) expect(carries('voiceNote')).toBe(true)
        }
        expect(text !== null || attachments.length > 0 || location !== null).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is lost is named, or the message is refused with a code and a word on it', () => {
    fc.assert(
      fc.property(anyContent, anyCapabilities, fc.boolean(), (content, capabilities, isGroup) => {
        const result = fit(content, capabilities, isGroup)
        if (!result.ok) {
          expect(result.detail).not.toBe('')
          return
        }
        const { fitted: kept } = result
        expect(lostFrom(content, capabilities, kept).toSorted()).toEqual(kept.dropped.toSorted())
      }),
      { numRuns: 1_000 },
    )
  })
})

/** By comparing what was asked for with what is left, without knowing how fit decides. */
function lostFrom(content: Content, { mediaFrom }: Capabilities, kept: Extract<Fit, { ok: true }>['fitted']): string[] {
  const lost: string[] = []
  if (content.effect !== null && kept.effect === null) lost.push('effect')
  if (content.replyTo !== null && !kept.reply) lost.push('reply')
  if (content.mentions.length > 0 && kept.mentions.length === 0) lost.push('mention')
  if (content.location !== null && kept.location === null) lost.push('location')
  const hasBoth = content.attachments.length > 0 && content.mediaUrls.length > 0
  const other = mediaFrom === 'attachments' ? 'mediaUrls' : 'attachments'
  if (hasBoth) lost.push(other)
  const sentField = content[mediaFrom].length > 0 ? mediaFrom : other
  const asked = sentField === 'attachments' ? content.attachments : content.mediaUrls.map(() => file('image'))
  for (const kind of kinds) {
    const ofKind = (items: readonly Attachment[]) =>
      items.filter(({ mimeType }) => mediaKindOf(mimeType) === kind).length
    if (ofKind(kept.attachments) < ofKind(asked)) lost.push(kind)
  }
  const voices = new Set(asked.filter(({ voiceNote }) => voiceNote).map(({ id }) => id))
  if (kept.attachments.some(({ id, voiceNote }) => voices.has(id) && !voiceNote)) lost.push('voiceNote')
  return lost
}
