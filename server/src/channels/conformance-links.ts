/** Promises about the link itself: opening, connecting, stopping, verbs and credentials. */
import assert from 'node:assert/strict'
import type { ProviderChatId, ProviderMessageId } from '../model/ids.ts'
import type { Promised } from './conformance.ts'
import { failureOf, type Scene, spyHost } from './conformance-stage.ts'
import type { Actions, Target } from './connector.ts'

const groupVerbs = ['addMember', 'chatInfo', 'createGroup', 'leaveGroup', 'removeMember', 'renameGroup'] as const
const pairs = ({ verbs }: { verbs: readonly (keyof Actions)[] }) => verbs.includes('forgetPairing')
const statusesOf = ({ host }: Pick<Scene, 'host'>) => host.states.map(({ status }) => status)

export const linkPromises: readonly Promised[] = [
  {
    name: 'opens without doing anything',
    keep: async ({ host, peer, settle }) => {
      await settle()
      assert.deepEqual(host.states, [])
      assert.equal(host.vaultUses, 0)
      assert.equal(peer.leftBehind(), 0)
    },
  },
  {
    name: 'connects and reports it',
    keep: async ({ connect, host }) => {
      await connect()
      assert.deepEqual(statusesOf({ host }), ['connecting', 'connected'])
      const state = host.states.at(-1)
      assert(state?.status === 'connected' && state.identity.length > 0)
      assert(!Number.isNaN(Date.parse(state.since)), 'since is no date')
    },
  },
  {
    name: 'starts and stops once, however often it is asked',
    keep: async ({ connect, connection, host, settle }) => {
      await connect()
      await settle(connection.start())
      await settle(connection.stop())
      await settle(connection.stop())
      assert.deepEqual(statusesOf({ host }), ['connecting', 'connected', 'disconnected'])
    },
  },
  {
    name: 'survives start after stop',
    keep: async ({ connect, connection, peer, send, settle }) => {
      await connect()
      await settle(connection.stop())
      await connect()
      await send({ handle: peer.somebody() }, { text: 'after the restart' })
      assert.deepEqual(
        peer.received().map(({ text }) => text),
        ['after the restart'],
      )
    },
  },
  {
    name: 'stops without leaking timers',
    keep: async ({ channel, connect, connection, host, peer, send, settle }) => {
      await connect()
      await send({ handle: peer.somebody() })
      peer.cutLink()
      await settle(connection.stop())
      const heard = [...host.states, ...host.taken].length
      peer.says(peer.somebody(), `nobody is at home on ${channel}`)
      await settle()
      assert.equal([...host.states, ...host.taken].length, heard, 'it goes on talking after it was stopped')
      assert.equal(peer.leftBehind(), 0)
    },
  },
  {
    name: 'comes back after the network cut the link',
    keep: async ({ connect, host, peer, send, settle }) => {
      await connect()
      peer.cutLink()
      await settle()
      assert.deepEqual(statusesOf({ host }).slice(2), ['disconnected', 'connecting', 'connected'])
      await send({ handle: peer.somebody() })
      assert.equal(peer.received().length, 1)
    },
  },
  {
    name: 'has exactly the verbs it declares',
    keep: async ({ connection, harness }) => {
      const { actions, capabilities } = connection
      assert.deepEqual(Object.keys(actions).sort(), [...harness.verbs].sort())
      for (const verb of groupVerbs)
        assert.equal(verb in actions, capabilities.groups, `groups and ${verb} go together`)
    },
  },
  { name: 'does what each of its verbs says', keep: exerciseVerbs },
  {
    name: 'fails its verbs only with SendFailure',
    keep: async ({ connect, connection, harness, peer, send, settle }) => {
      const { react, edit, unsend, chatInfo } = connection.actions
      const knows = harness.knowsMessages ?? true
      await connect()
      const { chat } = await send({ handle: peer.somebody() })
      const unknown: Target = { chat, providerId: 'nobody-sent-this' as ProviderMessageId, fromMe: true }
      const calls = [
        knows && react && (() => react(unknown, 'like')),
        knows && edit && (() => edit(unknown, 'new', null)),
        knows && unsend && (() => unsend(unknown)),
        chatInfo && (() => chatInfo(chat)),
      ].filter((call) => call !== undefined && call !== false)
      for (const call of calls) assert.equal((await failureOf(settle<unknown>(call()))).kind, 'refused')
    },
  },
  {
    name: 'shows a code when it has to be paired, and connects once it is',
    appliesTo: pairs,
    keep: async ({ connection, host, peer, settle }) => {
      await peer.unpair()
      await settle(connection.start())
      const state = host.states.at(-1)
      assert(state?.status === 'pairing' && state.qr.length > 0, 'it shows nothing to scan')
      await settle(peer.scan())
      assert.equal(host.states.at(-1)?.status, 'connected')
    },
  },
  {
    name: 'keeps credentials only in the vault',
    appliesTo: pairs,
    keep: async (scene) => {
      const { connection, connector, host, line, settle } = scene
      await pairAfresh(scene)
      assert(host.entries.size > 0, 'the vault holds nothing')
      await settle(connection.stop())
      const withVault = spyHost(host.entries)
      const second = connector.open(line, withVault)
      await settle(second.start())
      await settle(second.stop())
      assert.deepEqual(statusesOf({ host: withVault }).slice(0, 2), ['connecting', 'connected'])
      const without = spyHost()
      const third = connector.open(line, without)
      await settle(third.start())
      await settle(third.stop())
      assert.deepEqual(statusesOf({ host: without }).slice(0, 2), ['connecting', 'pairing'])
    },
  },
  {
    name: 'forgets its credentials on forgetPairing',
    appliesTo: pairs,
    keep: async (scene) => {
      const { connection, host, settle } = scene
      await pairAfresh(scene)
      const forgetPairing = connection.actions.forgetPairing
      assert(forgetPairing)
      await settle(forgetPairing())
      assert.equal(host.entries.size, 0, 'the vault still holds something')
      await settle(connection.stop())
      await settle(connection.start())
      assert.equal(host.states.at(-1)?.status, 'pairing')
    },
  },
]

async function pairAfresh({ connection, host, peer, settle }: Scene): Promise<void> {
  await peer.unpair()
  await settle(connection.start())
  await settle(peer.scan())
  assert.equal(host.states.at(-1)?.status, 'connected')
}

/** Uses every verb that a connected link can use and asks the other side what it noticed. */
async function exerciseVerbs(scene: Scene): Promise<void> {
  const { connect, connection, harness, peer, send, settle } = scene
  await connect()
  const { actions } = connection
  const somebody = peer.somebody()
  // There has to be something to read.
  peer.says(somebody, 'hello')
  await settle()
  const sent = await send({ handle: somebody })
  const target = { ...sent, fromMe: true }
  await settle(actions.react?.(target, 'like'))
  await settle(actions.edit?.(target, 'better words', null))
  await settle(actions.unsend?.(target))
  await settle(actions.setTyping?.(sent.chat, true))
  await settle(actions.markRead?.(sent.chat, null))
  await settle(actions.markUnread?.(sent.chat))
  assert.equal(typeof ((await settle(actions.facetime?.(somebody))) ?? false), 'boolean')
  assert.equal(typeof ((await settle(actions.focus?.(somebody)))?.focused ?? false), 'boolean')
  if (actions.createGroup !== undefined) await exerciseGroups(scene, actions)
  // Asking about somebody, for a pairing code, or forgetting the pairing, is nothing that other people notice.
  const silent = ['chatInfo', 'facetime', 'focus', 'requestPairingCode', 'forgetPairing']
  const expected = harness.verbs.filter((verb) => !silent.includes(verb))
  assert.deepEqual([...new Set(peer.noticed())].sort(), [...expected].sort())
}

async function exerciseGroups(scene: Scene, actions: Partial<Actions>): Promise<void> {
  const { harness, line, peer, settle } = scene
  const [first, second] = [peer.somebody(), peer.somebody()]
  const others = Array.from({ length: (harness.groupMembersMin ?? 1) - 1 }, () => peer.somebody())
  const made = await settle(actions.createGroup?.('Plans', [first, ...others]))
  assert(made, 'no group was made')
  const { chat } = made
  await settle(actions.renameGroup?.(chat, 'Better plans'))
  await settle(actions.addMember?.(chat, second))
  const full = await settle(actions.chatInfo?.(chat))
  assert.equal(full?.name, 'Better plans')
  assert.deepEqual(
    full?.members
      .map(({ handle }) => handle)
      .filter((one) => one !== line.address)
      .sort(),
    [first, second, ...others].sort(),
  )
  await settle(actions.removeMember?.(chat, first))
  const fewer = await settle(actions.chatInfo?.(chat))
  assert.deepEqual(
    fewer?.members
      .map(({ handle }) => handle)
      .filter((one) => one !== line.address)
      .sort(),
    [second, ...others].sort(),
  )
  await exerciseIcons(scene, actions, chat)
  await settle(actions.leaveGroup?.(chat))
}

/** The notice of a picture carries the mark that setting it was answered with: by that it is known as an echo. */
async function exerciseIcons({ host, settle }: Scene, actions: Partial<Actions>, chat: ProviderChatId): Promise<void> {
  const set = await settle(actions.setGroupIcon?.(chat, { base64: 'iVBORw0KGgo=', mimeType: 'image/png' }))
  await settle(actions.removeGroupIcon?.(chat))
  const told = host.taken.flatMap((event) =>
    event.kind === 'chat' && event.change.what === 'photo' ? [event.change.photo] : [],
  )
  const marks = told.map((photo) => (photo === 'removed' ? photo : photo.mark))
  if (set !== undefined) assert.deepEqual([...new Set(marks)], [set.mark, 'removed'])
}
