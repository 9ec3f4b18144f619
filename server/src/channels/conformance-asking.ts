/** Promises about asking what became of a send: for connections that can be asked. */
import assert from 'node:assert/strict'
import type { ClientRef } from '../model/ids.ts'
import type { Promised } from './conformance.ts'
import { failureOf, newOutgoing, type Scene } from './conformance-stage.ts'
import type { Outcome, Outgoing } from './connector.ts'

const canBeAsked: Promised['appliesTo'] = ({ asksAfter }) => asksAfter === true

/** The gateway asks again for much longer. */
const questionsMax = 20

async function ask({ connection, settle }: Scene, ref: ClientRef): Promise<Outcome> {
  assert(connection.outcomeOf, 'it cannot be asked')
  const outcome = await settle(connection.outcomeOf(ref))
  assert(outcome, 'the question was answered with nothing')
  return outcome
}

/** What is no longer open. */
async function endOf(scene: Scene, ref: ClientRef): Promise<Exclude<Outcome, { what: 'open' }>> {
  for (let questions = 0; questions < questionsMax; questions += 1) {
    const outcome = await ask(scene, ref)
    if (outcome.what !== 'open') return outcome
    await scene.pause()
  }
  assert.fail('it never makes up its mind')
}

/** It arrives, and its sender never hears so. */
async function sendUnheard({ channel, connection, peer, settle }: Scene): Promise<Outgoing> {
  peer.loseNextAnswer()
  const message = newOutgoing(channel, { handle: peer.somebody() })
  const giveUp = new AbortController()
  const sending = failureOf(connection.send(message, giveUp.signal))
  await settle()
  giveUp.abort()
  assert.equal((await settle(sending))?.kind, 'uncertain')
  return message
}

export const askingPromises: readonly Promised[] = [
  {
    name: 'says what became of a send whose answer never came',
    appliesTo: canBeAsked,
    keep: async (scene) => {
      await scene.connect()
      const { ref } = await sendUnheard(scene)
      const outcome = await endOf(scene, ref)
      assert.equal(outcome.what, 'sent')
      assert.deepEqual(
        scene.peer.received().map(({ providerId }) => providerId),
        [outcome.accepted.providerId],
      )
      const again = await scene.send({ chat: outcome.accepted.chat }, { text: 'to the chat it named' })
      assert.equal(again.chat, outcome.accepted.chat)
    },
  },
  {
    name: `says 'failed' for a ref that it never began, and sends under it afterwards`,
    appliesTo: canBeAsked,
    keep: async (scene) => {
      await scene.connect()
      const message = newOutgoing(scene.channel, { handle: scene.peer.somebody() })
      const outcome = await endOf(scene, message.ref)
      assert.equal(outcome.what, 'failed')
      assert.notEqual(outcome.failure.kind, 'uncertain')
      const accepted = await scene.settle(scene.connection.send(message, new AbortController().signal))
      assert.deepEqual(
        scene.peer.received().map(({ providerId }) => providerId),
        [accepted?.providerId],
      )
      assert.equal((await endOf(scene, message.ref)).what, 'sent')
    },
  },
  {
    name: `says 'open' while it is not connected`,
    appliesTo: canBeAsked,
    keep: async (scene) => {
      const { connect, connection, settle } = scene
      await connect()
      const { ref } = await sendUnheard(scene)
      await settle(connection.stop())
      assert.equal((await ask(scene, ref)).what, 'open')
      await connect()
      assert.equal((await endOf(scene, ref)).what, 'sent')
    },
  },
]
