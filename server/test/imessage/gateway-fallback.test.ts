/** From iMessage to SMS of the same line: when it is certain that nothing went out, and never otherwise; and failures that come late. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SendFate } from '../../../networks/src/imessage/doings.ts'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from '../support/gateway.ts'
import { type ImessageStory, openScene, out, type Scene } from '../support/imessage-story.ts'

let scene: Scene
let story: ImessageStory
let ada: Person
beforeAll(async () => {
  scene = await openScene({ sms: true })
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  ada = scene.somebody('Ada')
  story = await scene.begin()
})

const fallenBack = (text: string, reason: string) => [
  `message.queued ${text}`,
  `message.fallback ${text}: imessage to sms, ${reason}`,
  `message.sent ${text}`,
  `message.delivered ${text}`,
]
/** With whom, over what, and what: as phones show it. */
const arrived = (person = ada) =>
  scene.people.arrived(person.address).map(({ network, text }) => `${network === 'imessage' ? network : 'sms'} ${text}`)
const asked = (path: string) => scene.network.requests().filter((one) => one.path.includes(path)).length

/** Time passes until it is so. */
const passing = (isSo: () => Promise<boolean>, what: string) =>
  until(async () => {
    await scene.gateway.pass(3_000)
    return isSo()
  }, what)
const heardOf = (type: string) => passing(async () => (await story.heard()).some((line) => line.startsWith(type)), type)

/** They are known: there is a chat, and something has been delivered in it. */
async function acquainted(person = ada): Promise<void> {
  await story.writes(person, 'First')
  await story.hears(...out('First'))
  story = await scene.begin()
}

describe('falls back at once', () => {
  test('for somebody who is not on iMessage, which is asked twice', async () => {
    scene.people.set(ada.address, { onImessage: false })
    const before = asked('/availability/imessage')
    const id = await story.writes(ada, 'Hello')
    await story.hears(...fallenBack('Hello', 'NO_CHANNEL_AVAILABLE'))
    expect(asked('/availability/imessage') - before).toBe(2)
    expect(arrived()).toEqual(['sms Hello'])
    const message = await story.get(id)
    expect(message).toMatchObject({ status: 'delivered', channel: 'sms', fallbackTriggered: true })
    const timeline = message.timeline.map(({ status, channel }: { status: string; channel: string }) => [
      status,
      channel,
    ])
    expect(timeline).toEqual([
      ['queued', null],
      ['fallback', 'sms'],
      ['sent', 'sms'],
      ['delivered', 'sms'],
    ])
  })

  test('but not for one no that is false', async () => {
    scene.network.faults.denyNext(1)
    await story.writes(ada, 'Hello')
    await story.hears(...out('Hello'))
    expect(arrived()).toEqual(['imessage Hello'])
  })

  test('but not when the caller wants no other channel', async () => {
    scene.people.set(ada.address, { onImessage: false })
    await story.writes(ada, 'Hello', { routing: { preference: ['imessage', 'sms'], fallback: false } })
    await story.hears('message.queued Hello', 'message.failed Hello: NO_CHANNEL_AVAILABLE')
    expect(arrived()).toEqual([])
  })

  test.each([
    ['with its row', false],
    ['without its row', true],
  ])('when Apple says at once, %s, that they have no iMessage any more', async (_, losesFailedRow) => {
    await acquainted()
    scene.network.quirks.losesFailedRow = losesFailedRow
    scene.network.faults.nextSends({ kind: 'errorAtOnce', code: 22 })
    await story.writes(ada, 'Are you gone?')
    await heardOf('message.delivered')
    await story.hears(...fallenBack('Are you gone?', 'IMESSAGE_SEND_FAILED'))
    scene.network.quirks.losesFailedRow = true
    expect(arrived()).toEqual(['imessage First', 'sms Are you gone?'])
  })

  test('when Apple says so a moment after it was taken, of somebody who never got anything', async () => {
    ada.says('I am new')
    await story.hears('message.inbound Ada: I am new')
    scene.network.faults.nextSends({ kind: 'errorLater', code: 22, afterMs: 500 })
    await story.writes(ada, 'Welcome')
    await story.hears('message.inbound Ada: I am new', ...fallenBack('Welcome', 'IMESSAGE_SEND_FAILED'))
    expect(arrived()).toEqual(['sms Welcome'])
  })
})

describe('does not fall back, and sends once', () => {
  const doubts: [string, SendFate][] = [
    ['when the helper never answers and the row comes at once', { kind: 'timesOut', rowAfterMs: 0 }],
    ['when the helper never answers and the row comes a minute later', { kind: 'timesOut', rowAfterMs: 60_000 }],
    ['when the row comes after the server gave up', { kind: 'timesOut', rowAfterMs: 130_000 }],
    ['when Apple does not say why it failed for a moment', { kind: 'errorAtOnce', code: 3 }],
  ]

  test.each(doubts)('%s', async (_, fate) => {
    await acquainted()
    scene.network.faults.nextSends(fate)
    const id = await story.writes(ada, 'Only once')
    await heardOf('message.delivered')
    await scene.gateway.pass(300_000)
    await story.hears(...out('Only once'))
    expect(arrived()).toEqual(['imessage First', 'imessage Only once'])
    expect(await story.get(id)).toMatchObject({ status: 'delivered', channel: 'imessage', fallbackTriggered: false })
  })

  test('when the answer is lost on its way', async () => {
    await acquainted()
    scene.network.faults.loseNextAnswer()
    await story.writes(ada, 'Only once')
    await heardOf('message.delivered')
    await scene.gateway.pass(300_000)
    await story.hears(...out('Only once'))
    expect(arrived()).toEqual(['imessage First', 'imessage Only once'])
    await scene.network.cut()
    await scene.network.mend()
    await passing(async () => (await scene.health()).healthStatus === 'healthy', 'the line to be back')
  })

  test('when a file takes longer than the server waits, and it answers with 504', async () => {
    await acquainted()
    scene.network.waits.rowMs = 400_000
    const data = Buffer.from('%PDF-1.4 slow').toString('base64')
    const attachments = [{ type: 'base64', data, mimeType: 'application/pdf', filename: 'slow.pdf' }]
    await story.writes(ada, null, { attachments })
    await expect.poll(() => asked('/message/attachment')).toBeGreaterThan(0)
    await heardOf('message.delivered')
    scene.network.waits.rowMs = 1
    await story.hears('message.queued null', 'message.sent imessage', 'message.delivered imessage')
    expect(ada.received.flatMap(({ files }) => files.map(({ name }) => name))).toEqual(['slow.pdf'])
  })

  test('when a script delivers it and is not seen to: 500 without data after two minutes', async () => {
    await acquainted()
    scene.network.mac.privateApi = false
    await passing(async () => (await scene.health()).healthStatus === 'degraded', 'the line to notice')
    scene.network.faults.nextSends({ kind: 'scriptHangs' })
    await story.writes(ada, 'By script')
    await heardOf('message.delivered')
    await scene.gateway.pass(300_000)
    await story.hears(...out('By script'))
    expect(arrived()).toEqual(['imessage First', 'imessage By script'])
    scene.network.mac.privateApi = true
    await passing(async () => (await scene.health()).healthStatus === 'healthy', 'the line to be back')
  })
})

test('an error minutes after it was sent fails the message by its number, and nothing goes out by SMS', async () => {
  await acquainted()
  scene.network.faults.nextSends({ kind: 'errorLater', code: 4, afterMs: 150_000 })
  const id = await story.writes(ada, 'Taken at first')
  await heardOf('message.failed')
  await story.hears(
    'message.queued Taken at first',
    'message.sent Taken at first',
    'message.failed Taken at first: imessage_error_4',
  )
  expect(await story.get(id)).toMatchObject({ status: 'failed', channel: 'imessage', fallbackTriggered: false })
  expect(arrived()).toEqual(['imessage First'])
  // Whoever asked for it may have it sent again.
  expect((await story.call('POST', `/v1/messages/${id}/retry`)).status).toBe(202)
  await heardOf('message.delivered')
  expect(arrived()).toEqual(['imessage First', 'imessage Taken at first'])
})

describe('FaceTime', () => {
  test('and focus are asked for by number', async () => {
    await acquainted()
    const path = `/v1/contacts/${encodeURIComponent(ada.address)}`
    expect((await scene.ask(`GET ${path}/facetime`)).body.data).toMatchObject({ available: true })
    expect((await scene.ask(`GET ${path}/focus`)).body.data).toMatchObject({ focused: false })
    const absent = scene.somebody('Bob')
    scene.people.set(absent.address, { onImessage: false })
    const no = (await scene.ask(`GET /v1/contacts/${encodeURIComponent(absent.address)}/facetime`)).body.data
    expect(no).toMatchObject({ available: false })
  })

  test('calls are told as they come and go, or once where the Mac tells no more', async () => {
    scene.network.mac.facetimeCalling = true
    const call = ada.calls({ isVideo: false })
    await story.hears('facetime.incoming Ada, heard', 'facetime.status_changed Ada: incoming')
    call.hangsUp()
    await story.hears(
      'facetime.incoming Ada, heard',
      'facetime.status_changed Ada: incoming',
      'facetime.status_changed Ada: disconnected',
    )
    expect(await story.last('facetime.status_changed')).toMatchObject({ callUuid: call.uuid, isOutgoing: false })
    scene.network.mac.facetimeCalling = false
    story = await scene.begin()
    ada.calls()
    await expect.poll(async () => (await story.heard())[0]).toBe('facetime.incoming Ada, seen')
  })
})
