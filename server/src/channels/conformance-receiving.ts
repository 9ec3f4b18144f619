/** Promises about receiving: nothing is lost, nothing is acknowledged too early, order holds within a chat. */
import assert from 'node:assert/strict'
import type { Promised } from './conformance.ts'
import { messagesIn, textsIn } from './conformance-stage.ts'

export const receivingPromises: readonly Promised[] = [
  {
    name: 'delivers each incoming message at least once, in the order of its chat',
    keep: async ({ connect, host, peer, settle }) => {
      await connect()
      const somebody = peer.somebody()
      const texts = Array.from({ length: 20 }, (_, index) => `number ${index}`)
      for (const text of texts) peer.says(somebody, text)
      await settle()
      assert.deepEqual(firstOfEach(textsIn(host)), texts)
      const chats = new Set(messagesIn(host).map(({ chat }) => chat))
      assert.equal(chats.size, 1, 'one person writes in one chat')
      for (const { from, echoOf } of messagesIn(host)) assert.deepEqual([from, echoOf], [somebody, null])
    },
  },
  {
    name: 'names a repeat by the same provider id',
    keep: async ({ connect, host, peer, settle }) => {
      await connect()
      const somebody = peer.somebody()
      for (const text of ['one', 'two', 'three']) peer.says(somebody, text)
      await settle()
      const idsByText = Map.groupBy(messagesIn(host), ({ text }) => text)
      for (const [text, told] of idsByText)
        assert.equal(new Set(told.map(({ providerId }) => providerId)).size, 1, `${text}`)
      assert.equal(new Set(messagesIn(host).map(({ providerId }) => providerId)).size, 3)
    },
  },
  {
    name: 'acknowledges only after receive',
    keep: async ({ connect, connection, host, pause, peer, settle }) => {
      await connect()
      host.hold()
      peer.says(peer.somebody(), 'in the air')
      await pause()
      await connection.stop()
      host.release()
      await connect()
      await settle()
      assert.deepEqual(firstOfEach(textsIn(host)), ['in the air'])
    },
  },
  {
    name: 'delivers again what was not taken',
    keep: async ({ connect, host, peer, settle }) => {
      await connect()
      const somebody = peer.somebody()
      host.refuse(4)
      for (const text of ['first', 'second', 'third']) peer.says(somebody, text)
      await settle()
      assert.deepEqual(firstOfEach(textsIn(host)), ['first', 'second', 'third'])
    },
  },
  {
    name: 'delivers after the start what came while it was stopped',
    keep: async ({ connect, connection, host, peer, settle }) => {
      await connect()
      await settle(connection.stop())
      peer.says(peer.somebody(), 'are you there?')
      await settle()
      assert.deepEqual(textsIn(host), [])
      await connect()
      await settle()
      assert.deepEqual(firstOfEach(textsIn(host)), ['are you there?'])
    },
  },
  {
    name: 'hands over the media of an incoming message',
    appliesTo: ({ hearsMedia }) => hearsMedia ?? true,
    keep: async ({ connect, host, peer, settle }) => {
      await connect()
      const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index % 251)
      peer.says(peer.somebody(), 'look', bytes)
      await settle()
      const [media] = messagesIn(host)[0]?.attachments ?? []
      assert(media, 'there is no media')
      const read = async () => Buffer.concat(await (await media.open()).toArray())
      assert.deepEqual(new Uint8Array((await settle(read())) ?? []), bytes)
    },
  },
  {
    name: 'writes into a group and hears from it',
    appliesTo: ({ connector }) => connector.capabilities.groups,
    keep: async ({ connect, connection, host, line, peer, send, settle }) => {
      await connect()
      const members = [peer.somebody(), peer.somebody()]
      const made = await settle(connection.actions.createGroup?.('Plans', members))
      assert(made, 'no group was made')
      const accepted = await send({ chat: made.chat }, { text: 'to all' })
      assert.equal(accepted.chat, made.chat)
      assert.deepEqual(
        peer.received().map(({ text }) => text),
        ['to all'],
      )
      peer.saysIn(made.chat, members[0] ?? peer.somebody(), 'to you all')
      await settle()
      const heard = messagesIn(host).find(({ text }) => text === 'to you all')
      assert.deepEqual([heard?.from, heard?.chat, heard?.group?.name], [members[0], made.chat, 'Plans'])
      const others = heard?.group?.members.map(({ handle }) => handle).filter((handle) => handle !== line.address)
      assert.deepEqual(others?.sort(), members.sort())
    },
  },
]

/** At least once means that repeats are allowed: what counts is the first time. */
function firstOfEach(texts: readonly (string | null)[]): (string | null)[] {
  return [...new Set(texts)]
}
