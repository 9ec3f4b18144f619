/** Promises about sending: what is accepted, how it fails, what is never doubled and never invented. */
import assert from 'node:assert/strict'
import type { MediaKind } from '../model/channel.ts'
import { SendFailure } from '../model/delivery.ts'
import type { Promised } from './conformance.ts'
import { failureOf, messagesIn, newOutgoing } from './conformance-stage.ts'

export const sendingPromises: readonly Promised[] = [
  {
    name: 'accepts a text and names its provider id',
    keep: async ({ connect, peer, send }) => {
      await connect()
      const accepted = await send({ handle: peer.somebody() }, { text: 'Grüße 🙂' })
      assert.deepEqual(
        peer.received().map(({ providerId, text }) => ({ providerId, text })),
        [{ providerId: accepted.providerId, text: 'Grüße 🙂' }],
      )
      const again = await send({ chat: accepted.chat }, { text: 'to the chat it named' })
      assert.equal(again.chat, accepted.chat)
      assert.notEqual(again.providerId, accepted.providerId)
      assert.equal(peer.received().length, 2)
    },
  },
  {
    name: `says 'unreachable', not 'refused', for a stranger`,
    appliesTo: ({ knowsStrangers }) => knowsStrangers ?? true,
    keep: async ({ connect, fail, peer }) => {
      await connect()
      assert.equal((await fail({ handle: peer.stranger() })).kind, 'unreachable')
      assert.equal(peer.received().length, 0)
    },
  },
  {
    name: 'knows who can be reached',
    keep: async ({ connect, connection, peer, settle }) => {
      await connect()
      assert.notEqual(await settle(connection.reach(peer.somebody())), 'no')
      assert.notEqual(await settle(connection.reach(peer.stranger())), 'yes')
    },
  },
  {
    name: `says 'uncertain' when the answer never comes`,
    keep: async ({ channel, connect, connection, peer, settle }) => {
      await connect()
      peer.loseNextAnswer()
      const giveUp = new AbortController()
      const sending = failureOf(connection.send(newOutgoing(channel, { handle: peer.somebody() }), giveUp.signal))
      await settle()
      giveUp.abort()
      assert.equal((await settle(sending))?.kind, 'uncertain')
      assert.equal(peer.received().length, 1)
    },
  },
  {
    name: 'ends a hanging send when the signal aborts',
    keep: async ({ channel, connect, connection, peer, settle }) => {
      await connect()
      const giveUp = new AbortController()
      const sending = failureOf(connection.send(newOutgoing(channel, { handle: peer.mute() }), giveUp.signal))
      await settle()
      giveUp.abort()
      assert.equal((await settle(sending))?.kind, 'uncertain')
    },
  },
  {
    name: 'sends nothing for a signal that was aborted before',
    keep: async ({ channel, connect, connection, peer, settle }) => {
      await connect()
      const message = newOutgoing(channel, { handle: peer.somebody() })
      const { kind } = await failureOf(settle(connection.send(message, AbortSignal.abort())))
      assert(kind === 'retryable' || kind === 'uncertain', `it says ${kind}`)
      await settle()
      assert.equal(peer.received().length, 0)
    },
  },
  {
    name: `says 'retryable', and blames the link, while it is not connected`,
    keep: async ({ connect, connection, fail, peer, settle }) => {
      const before = await fail({ handle: peer.somebody() })
      assert.deepEqual([before.kind, before.scope], ['retryable', 'link'])
      await connect()
      await settle(connection.stop())
      const after = await fail({ handle: peer.somebody() })
      assert.deepEqual([after.kind, after.scope], ['retryable', 'link'])
      assert.equal(peer.received().length, 0)
    },
  },
  {
    name: 'does not double a send with the same ref',
    appliesTo: ({ connector }) => connector.capabilities.dedupesByRef,
    keep: async ({ channel, connect, connection, peer, settle }) => {
      await connect()
      peer.loseNextAnswer()
      const message = newOutgoing(channel, { handle: peer.somebody() })
      const giveUp = new AbortController()
      const lost = failureOf(connection.send(message, giveUp.signal))
      await settle()
      giveUp.abort()
      await lost
      const first = await settle(connection.send(message, new AbortController().signal))
      const second = await settle(connection.send(message, new AbortController().signal))
      assert.deepEqual(
        peer.received().map(({ providerId }) => providerId),
        [first?.providerId],
      )
      assert.equal(second?.providerId, first?.providerId)
    },
  },
  {
    name: 'takes two messages of the same words for two',
    keep: async ({ connect, peer, send }) => {
      await connect()
      const to = { handle: peer.somebody() }
      const first = await send(to, { text: 'yes' })
      const second = await send(to, { text: 'yes' })
      assert.notEqual(first.providerId, second.providerId)
      assert.deepEqual(
        peer.received().map(({ text }) => text),
        ['yes', 'yes'],
      )
    },
  },
  {
    name: 'reports our own message as an echo of its ref',
    appliesTo: ({ echoes }) => echoes,
    keep: async ({ channel, connect, connection, host, peer, settle }) => {
      await connect()
      const message = newOutgoing(channel, { handle: peer.somebody() })
      const accepted = await settle(connection.send(message, new AbortController().signal))
      await settle()
      const echoes = messagesIn(host).filter(({ echoOf }) => echoOf === message.ref)
      assert(echoes.length > 0, 'no echo came')
      for (const { providerId } of echoes) assert.equal(providerId, accepted?.providerId)
      assert.equal(messagesIn(host).length, echoes.length, 'our own message came back as one of somebody else')
    },
  },
  {
    name: 'tells when a message was delivered',
    appliesTo: ({ connector }) => connector.capabilities.receipts.delivered === 'always',
    keep: async ({ connect, host, peer, send, settle }) => {
      await connect()
      const { providerId } = await send({ handle: peer.somebody() })
      await settle()
      const told = host.taken.filter((event) => event.kind === 'receipt' && event.providerId === providerId)
      assert(
        told.some((event) => event.kind === 'receipt' && event.status === 'delivered'),
        'no receipt came',
      )
    },
  },
  {
    name: 'carries every attachment kind it declares, at its size limit',
    keep: async ({ connect, connection, fail, file, peer, send }) => {
      await connect()
      const { media, tooLargeCode } = connection.capabilities
      const kinds = (Object.keys(media) as MediaKind[]).filter((kind) =>
        ['native', 'adapted'].includes(media[kind].support),
      )
      const to = { handle: peer.somebody() }
      for (const kind of kinds) {
        const { bytesMax } = media[kind]
        await send(to, { text: null, attachments: [file(kind, bytesMax)] })
        assert.deepEqual(
          peer
            .received()
            .at(-1)
            ?.attachments.map(({ bytes }) => bytes),
          [bytesMax],
          kind,
        )
        const failure = await fail(to, { text: null, attachments: [file(kind, bytesMax + 1)] })
        assert.deepEqual([failure.kind, failure.code], ['refused', tooLargeCode], kind)
      }
      assert.equal(peer.received().length, kinds.length)
    },
  },
  {
    name: 'invents nothing when it is stopped in the middle of a send',
    keep: async ({ channel, connect, connection, peer, settle }) => {
      await connect()
      const sending = connection.send(newOutgoing(channel, { handle: peer.somebody() }), new AbortController().signal)
      const outcome = sending.catch((error: unknown) => error)
      await settle(connection.stop())
      const ended = await settle(outcome)
      await settle()
      const arrived = peer.received().map(({ providerId }) => providerId)
      if (!(ended instanceof SendFailure)) assert.deepEqual([(ended as { providerId?: string }).providerId], arrived)
      else if (arrived.length > 0) assert.equal(ended.kind, 'uncertain', 'it arrived, and was said not to have')
      else assert(ended.kind === 'uncertain' || ended.kind === 'retryable', `it says ${ended.kind}`)
    },
  },
]
