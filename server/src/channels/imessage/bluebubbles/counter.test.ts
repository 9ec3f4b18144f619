/** What the server may call us for, whatever it says, and that only who knows the address is heard. */
import { describe, expect, test } from 'vitest'
import type { LineId } from '../../../model/ids.ts'
import { bodyBytesMax, isTopic, noteIn, topicOf } from './counter.ts'

const now = Date.UTC(2026, 5, 1)
const line = 'line-1' as LineId
const told = (type: unknown, data?: unknown) => noteIn(Buffer.from(JSON.stringify({ type, data })), now)

describe('the address', () => {
  test('is the same whenever it is asked for, and of its line and password alone', () => {
    const topic = topicOf('secret', line)
    expect(topic).toMatch(/^event-[0-9a-f]{40}$/)
    expect(topicOf('secret', line)).toBe(topic)
    expect(topicOf('secret', 'line-2' as LineId)).not.toBe(topic)
    expect(topicOf('other', line)).not.toBe(topic)
  })

  test('is known only as a whole', () => {
    const topic = topicOf('secret', line)
    expect(isTopic(topic, 'secret', line)).toBe(true)
    for (const wrong of ['', 'event-', topic.slice(0, -1), `${topic}0`, topic.toUpperCase(), `é${topic.slice(1)}`]) {
      expect(isTopic(wrong, 'secret', line)).toBe(false)
    }
    expect(isTopic(topic, 'other', line)).toBe(false)
  })
})

describe('a call', () => {
  test.each([
    ...['new-message', 'message-send-error', 'group-name-change', 'group-icon-changed', 'group-icon-removed'],
    ...['participant-added', 'participant-removed', 'participant-left'],
  ])('%s is about rows', (type) => {
    expect(told(type, { guid: 'G', text: 'hi' })).toEqual({ what: 'rows' })
    expect(told(type)).toEqual({ what: 'rows' })
  })

  test('about a change names the row', () => {
    expect(told('updated-message', { guid: 'G-1' })).toEqual({ what: 'changed', guid: 'G-1' })
    expect(told('updated-message', {})).toBeNull()
    expect(told('updated-message', { guid: 7 })).toBeNull()
  })

  test('says that the server began, or that addresses are lost', () => {
    expect(told('hello-world', null)).toEqual({ what: 'began' })
    expect(told('imessage-aliases-removed', { aliases: ['a'] })).toEqual({ what: 'aliases' })
  })

  test.each([
    ...['chat-read-status-changed', 'typing-indicator', 'new-server', 'server-update', 'new-findmy-location'],
    ...['theme-backup-created', 'scheduled-message-error', 'constructor', '', 5, null, ['new-message']],
  ])('%j is about nothing', (type) => {
    expect(told(type, { guid: 'G' })).toBeNull()
  })

  test('of FaceTime that rings is text within text', () => {
    const data = JSON.stringify({ caller: '+15550001111', timestamp: now - 500 })
    const note = told('incoming-facetime', data)
    expect(note).toMatchObject({
      ...{ what: 'call', person: '+15550001111', status: 'incoming', isOutgoing: false, atMs: now - 500 },
      callId: expect.stringMatching(/^facetime-[0-9a-f]{32}$/),
    })
    expect(told('incoming-facetime', data)).toEqual(note)
    expect(told('incoming-facetime', JSON.stringify({ caller: '+15550001111', timestamp: now }))).not.toEqual(note)
    expect(told('incoming-facetime', JSON.stringify({ caller: 'a@b.example', timestamp: 5 }))).toMatchObject({
      ...{ person: 'a@b.example', atMs: now },
    })
    for (const wrong of ['{', 'null', '[]', '{"caller":7}', '{}', 7])
      expect(told('incoming-facetime', wrong)).toBeNull()
  })

  test.each([
    ['incoming', 'incoming'],
    ['answered', 'answered'],
    ['disconnected', 'disconnected'],
    ['outgoing', null],
    ['unknown', null],
    ['constructor', null],
  ])('of FaceTime that is %s', (status, ours) => {
    const data = { uuid: 'C-1', status, address: '+15550001111', is_audio: true, is_video: false, is_outgoing: false }
    const call = { what: 'call', callId: 'C-1', person: '+15550001111', status: ours, atMs: now }
    const expected = ours === null ? null : { ...call, isAudio: true, isVideo: false, isOutgoing: false }
    expect(told('ft-call-status-changed', data)).toEqual(expected)
  })

  test('of FaceTime without an id or a person is about nothing', () => {
    const data = { uuid: 'C-1', status: 'incoming', address: '+15550001111' }
    expect(told('ft-call-status-changed', { ...data, uuid: null })).toBeNull()
    expect(told('ft-call-status-changed', { ...data, address: '' })).toBeNull()
    expect(told('ft-call-status-changed', null)).toBeNull()
  })

  test.each(['', 'null', '[]', '"new-message"', '{', '{"type":{}}', '\u0000', '[[[['])('%j is no call', (body) => {
    expect(noteIn(Buffer.from(body), now)).toBeNull()
  })

  test('that is too long is not read', () => {
    const body = JSON.stringify({ type: 'new-message', data: 'x'.repeat(bodyBytesMax) })
    expect(noteIn(Buffer.from(body), now)).toBeNull()
    expect(
      noteIn(Buffer.from(JSON.stringify({ type: 'new-message', data: 'x'.repeat(1_000_000) })), now),
    ).not.toBeNull()
  })
})
