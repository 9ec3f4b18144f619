/** What the link of a line does when it comes up, and what it tells operators of while it is. */
import { expect, onTestFinished, test } from 'vitest'
import { memoryVault } from '../../src/channels/conformance-stage.ts'
import type { Host, Outgoing } from '../../src/channels/connector.ts'
import { createImessageConnector } from '../../src/channels/imessage/connector.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { ClientRef, Handle, LineId } from '../../src/model/ids.ts'
import { until } from '../support/gateway.ts'
import { ada, openStage } from './mac.ts'

const address = '+15550100300' as Handle

async function openLink() {
  const { network, chatWith } = await openStage()
  const http = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  const connector = createImessageConnector({ clock: systemClock, chance: () => 0.5, http })
  const said: string[] = []
  const host: Host = {
    receive: async () => undefined,
    setState: () => undefined,
    adopt: async () => false,
    vault: memoryVault(),
    log: { info: () => undefined, warn: (_facts, text) => void said.push(text), error: () => undefined },
    callbackUrl: (topic) => `http://127.0.0.1:9/v1/providers/line/imessage/${topic}`,
  }
  const line = { id: 'line' as LineId, address, url: `${network.url}?perSecond=100`, secret: network.password }
  const connection = connector.open(line, host)
  onTestFinished(async () => {
    await connection.stop()
    await http.close()
  })
  await connection.start()
  const never = new AbortController().signal
  const send = (text: string) => {
    const message: Outgoing = {
      ...{ ref: `ref-${text}` as ClientRef, to: { handle: ada as Handle }, text, attachments: [], replyTo: null },
      ...{ mentions: [], effect: null, location: null },
    }
    return connection.send(message, never)
  }
  return { network, chatWith, connection, said, send }
}

test('a Mac that can no longer be written to by the address of the line is complained of, once', async () => {
  const { network, connection, said } = await openLink()
  const complaints = () => said.filter((text) => text.includes('address of this line'))
  const looks = () => network.requests().filter(({ path }) => path.includes('/icloud/account')).length
  const look = async () => {
    const before = looks()
    // While it looks already it does not hear.
    await until(async () => {
      await connection.hear?.(JSON.stringify({ what: 'aliases' }))
      return looks() > before
    }, 'the Mac to be looked at')
  }
  await look()
  expect(complaints()).toEqual([])
  network.faults.removeAliases([address])
  await look()
  await expect.poll(complaints).toHaveLength(1)
  await look()
  await look()
  expect(complaints()).toHaveLength(1)
})

test('what chats are called is asked anew after a link was down: the Mac may have another macOS since', async () => {
  const { network, chatWith, connection, send } = await openLink()
  await chatWith(ada)
  const asked = () =>
    network.requests().filter(({ method, path }) => method === 'GET' && path.includes('/chat/')).length
  await send('one')
  const once = asked()
  await send('two')
  expect(asked()).toBe(once)
  await connection.stop()
  await connection.start()
  await send('three')
  expect(asked()).toBe(once + 1)
})
