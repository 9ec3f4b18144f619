/** What a Mac can do depends on its macOS and on the private API of its server; callers are told what is there. */
import { expect, test } from 'vitest'
import { inMemoryCapabilities } from '../inmemory/capabilities.ts'
import type { Standing } from './backend.ts'
import { canScript, capabilitiesAt, imessageCapabilities, mannerAt, verbsAt } from './capabilities.ts'

const standing = (macos: number, privateApi: Standing['privateApi']): Standing => ({
  ...{ serverVersion: '1.9.9', macos, privateApi },
  ...{ imessage: 'me@example.com', icloud: null, aliases: null },
})

test('a message that goes out in the sandbox goes out in the same form for real, but for MP3 as voice notes', () => {
  const { voiceNotes, ...rest } = imessageCapabilities
  const { voiceNotes: pretended, ...others } = inMemoryCapabilities.imessage
  expect(rest).toEqual(others)
  expect([voiceNotes?.becomes, voiceNotes?.sentAsIs]).toEqual([pretended?.becomes, ['audio/x-caf; codecs=opus']])
})

test.each([
  ['before anybody has looked', null],
  ['with the private API', standing(14, 'connected')],
  ['while its helper is away, which comes back', standing(14, 'unconnected')],
  ['on macOS 26 with the private API', standing(26, 'connected')],
])('everything can be carried %s', (_when, state) => {
  expect(capabilitiesAt(state)).toEqual(imessageCapabilities)
})

test.each([11, 14, 26])('texts, files and places are left on macOS %d without the private API', (macos) => {
  const { features, voiceNotes, media, groups } = capabilitiesAt(standing(macos, 'off'))
  expect(features).toEqual({
    ...{ effect: 'dropped', reply: 'dropped', mention: 'dropped', carousel: 'dropped', voiceNote: 'dropped' },
    location: 'adapted',
  })
  expect([voiceNotes, media, groups]).toEqual([null, imessageCapabilities.media, true])
})

const always = ['react', 'setTyping', 'markRead', 'facetime', 'chatInfo', 'createGroup', 'renameGroup', 'addMember']
const also = ['removeMember', 'leaveGroup']
const icons = ['setGroupIcon', 'removeGroupIcon']
const newest = ['edit', 'unsend', 'markUnread']

test.each([
  ['before anybody has looked', null, [...always, ...also, ...icons, ...newest, 'focus']],
  ['macOS 10', standing(10, 'connected'), [...always, ...also]],
  ['macOS 11', standing(11, 'connected'), [...always, ...also, ...icons]],
  ['macOS 12', standing(12, 'connected'), [...always, ...also, ...icons, 'focus']],
  ['macOS 13', standing(13, 'connected'), [...always, ...also, ...icons, ...newest, 'focus']],
  ['macOS 26', standing(26, 'connected'), [...always, ...also, ...icons, ...newest, 'focus']],
  ['a helper that is away', standing(15, 'unconnected'), [...always, ...also, ...icons, ...newest, 'focus']],
  ['no private API', standing(15, 'off'), ['chatInfo']],
])('the verbs of %s', (_what, state, verbs) => {
  expect([...verbsAt(state)].sort()).toEqual([...verbs].sort())
})

test.each([
  [null, 'unconnected', false],
  [standing(14, 'connected'), 'private', true],
  [standing(26, 'connected'), 'private', false],
  [standing(14, 'unconnected'), 'unconnected', true],
  [standing(14, 'off'), 'script', true],
  [standing(25, 'off'), 'script', true],
  [standing(26, 'off'), 'impossible', false],
] as const)('how messages go out: %#', (state, manner, scripts) => {
  expect([mannerAt(state), canScript(state)]).toEqual([manner, scripts])
})
