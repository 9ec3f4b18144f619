/** What the SMSC brings again because the process that had taken it died before it could say so. */
import { afterEach, expect, test } from 'vitest'
import { spyHost } from '../../src/channels/conformance-stage.ts'
import { lineTo, openWorld, ours, somebody, until } from '../support/smpp-line.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

test.each([
  ['a text', 'yes'],
  ['a long text', 'A long story. '.repeat(30)],
])('%s has the same id for the next process', async (_, text) => {
  const { smsc } = await openWorld()
  closing.push(() => smsc.stop())
  const dying = lineTo({ port: smsc.port })
  closing.push(() => dying.connection.stop())
  await dying.connection.start()
  const { receive } = dying.host
  dying.host.receive = async (event) => {
    await receive(event)
    // It dies here, with its vault as it is now.
    await new Promise(() => undefined)
  }
  smsc.say(somebody, ours, text)
  await until(() => dying.heard('message').length === 1, 'it was taken')
  const next = lineTo({ port: smsc.port, host: spyHost(new Map(dying.host.entries)) })
  closing.push(() => next.connection.stop())
  await next.connection.start()
  smsc.say(somebody, ours, 'and more')
  smsc.cutAll()
  await until(() => smsc.counts().waiting === 0, 'all was acknowledged')
  const [again] = next.heard('message')
  expect(again?.providerId).toBe(dying.heard('message')[0]?.providerId)
  expect(next.heard('message').map((one) => one.text)).toEqual([text, 'and more'])
  await until(() => next.host.entries.size === 0, 'nothing is kept that nobody needs')
})

test('the last part of a text that was told whole is told no more', async () => {
  const { smsc } = await openWorld()
  closing.push(() => smsc.stop())
  const dying = lineTo({ port: smsc.port })
  closing.push(() => dying.connection.stop())
  await dying.connection.start()
  const { receive } = dying.host
  dying.host.receive = async (event) => {
    await receive(event)
    // What is written after this is never acknowledged.
    smsc.cutAll()
  }
  smsc.say(somebody, ours, 'A long story. '.repeat(30))
  await until(() => dying.heard('message').length === 1, 'it was taken')
  await dying.connection.stop()
  const { entries } = dying.host
  expect([...entries.keys()]).toEqual(['heard'])
  const next = lineTo({ port: smsc.port, host: spyHost(new Map(entries)) })
  closing.push(() => next.connection.stop())
  await next.connection.start()
  await until(() => smsc.counts().waiting === 0, 'it was acknowledged')
  expect([next.heard('message'), next.host.entries.has('parts')]).toEqual([[], false])
  await until(() => next.host.entries.size === 0, 'nothing is kept that nobody needs')
})
