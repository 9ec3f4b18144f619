/** What becomes of a message on WhatsApp: sent when the server has said so and not before, then delivered and read, or refused once. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/gateway.ts'
import { openScene, type Scene, type Somebody, type WhatsappStory } from '../support/whatsapp-story.ts'

let scene: Scene
let story: WhatsappStory
let ada: Somebody
let bob: Somebody
let us: string
let group: string
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  bob = scene.somebody('Bob')
  us = scene.line.address
  group = ada.creates('Kitchen', bob.handle, us)
  story = await scene.begin()
  // Whoever is written to for the first time is looked up before.
  await story.writes(ada, 'Hello')
  await story.hears(...delivered('Hello'))
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
})

const sent = (what: string) => [`message.queued ${what}`, `message.sent ${what}`]
const delivered = (what: string) => [...sent(what), `message.delivered ${what}`]
const copies = (person: Somebody, words: string) => person.received.filter(({ text }) => text === words).length
const arrived = (person: Somebody, words: string) =>
  until(async () => copies(person, words) > 0, `"${words}" to arrive with them`)

/** The phones of these say nothing of what they get. */
async function silently(people: readonly Somebody[], run: () => Promise<void>): Promise<void> {
  for (const { handle } of people) scene.people.set(handle, { receiptAfterMs: null })
  try {
    await run()
  } finally {
    for (const { handle } of people) scene.people.set(handle, { receiptAfterMs: 5 })
  }
}

describe('sent', () => {
  /** Time flies, but slower than what really happens: the time for an answer is over, and the pause before another try. */
  const inTheEnd = (id: string) =>
    until(async () => {
      await scene.gateway.pass(1_000)
      return (await story.get(id)).status === 'delivered'
    }, 'another try')

  test('is not said while the server has not, though the phone has it; and then it is', async () => {
    await silently([ada], async () => {
      scene.network.faults.slow(500)
      await story.writes(ada, 'Slowly')
      await arrived(ada, 'Slowly')
      expect(await story.heard()).toEqual(['message.queued Slowly'])
      await until(async () => (await story.heard()).length > 1, 'the answer')
      scene.network.faults.slow(0)
      await story.hears(...sent('Slowly'))
    })
  })

  test('is asked for again under the same id where the answer was lost, and the phone shows it once', async () => {
    const { repeats } = ada
    scene.network.faults.loseNextAnswer()
    const id = await story.writes(ada, 'Only once')
    await arrived(ada, 'Only once')
    expect(await story.heard()).toEqual(['message.queued Only once'])
    await inTheEnd(id)
    await story.hears(...delivered('Only once'))
    expect([copies(ada, 'Only once'), ada.repeats]).toEqual([1, repeats + 1])
  })

  test('what is lost on the way is sent again until it is taken', async () => {
    scene.network.faults.loseNext()
    const id = await story.writes(ada, 'On its way')
    await inTheEnd(id)
    await story.hears(...delivered('On its way'))
    expect(copies(ada, 'On its way')).toBe(1)
  })
})

describe('receipts', () => {
  test('say when it was delivered and when it was read, each once', async () => {
    const id = await story.writes(ada, 'Read me')
    await story.hears(...delivered('Read me'))
    const { externalId } = await story.get(id)
    ada.reads(us, [externalId])
    ada.reads(us, [externalId])
    await story.hears(...delivered('Read me'), 'message.read Read me')
    const message = await story.get(id)
    expect(message).toMatchObject({ status: 'read', channel: 'whatsapp', fallbackTriggered: false })
    expect(message.timeline.map(({ status }: { status: string }) => status)).toEqual([
      ...['queued', 'sent', 'delivered', 'read'],
    ])
  })

  test('that come late and all at once are told for each message', async () => {
    await silently([ada], async () => {
      for (const text of ['One', 'Two', 'Three']) await story.writes(ada, text)
      await arrived(ada, 'Three')
      await story.hears(
        ...['message.queued One', 'message.queued Two', 'message.queued Three'],
        ...['message.sent One', 'message.sent Two', 'message.sent Three'],
      )
      story = await scene.begin()
      const last = ada.received.slice(-3).map(({ id }) => id)
      ada.reads(us, last)
      await story.hears('message.read One', 'message.read Two', 'message.read Three')
    })
  })

  test('of a group are of each of its people, and the first of them is told', async () => {
    await silently([bob], async () => {
      const id = await story.writes(group, 'All of you')
      await story.hears(...delivered('All of you'))
      bob.reads(group)
      await story.hears(...delivered('All of you'), 'message.read All of you')
      ada.reads(group)
      await story.hears(...delivered('All of you'), 'message.read All of you')
      const { body } = await story.call('GET', `/v1/messages/${id}/receipts`)
      const moment = expect.stringMatching(/^2.*Z$/)
      expect(body.data.receipts).toHaveLength(2)
      expect(body.data.receipts).toEqual(
        expect.arrayContaining([
          { handle: ada.jid, deliveredAt: moment, readAt: moment },
          // What a phone has not said is not made up.
          { handle: bob.jid, deliveredAt: null, readAt: moment },
        ]),
      )
    })
  })

  test('of ours tell them that theirs was delivered, and that it was read when we say so', async () => {
    const id = await ada.says(us, 'For you')
    const there = await bob.says(group, 'For all of you')
    await story.hears('message.inbound Ada: For you', 'message.inbound Bob: For all of you')
    const [first, second] = await story.told()
    const heard = (person: Somebody, one: string) => person.heard.filter((receipt) => receipt.id === one)
    expect(heard(ada, id)).toEqual([{ from: us, id, what: 'delivered' }])
    expect((await story.call('POST', `/v1/messages/${first?.data.messageId}/read`)).status).toBe(200)
    expect((await story.call('POST', `/v1/messages/${second?.data.messageId}/read`)).status).toBe(200)
    await expect.poll(() => heard(ada, id).map(({ what }) => what)).toEqual(['delivered', 'read'])
    await expect.poll(() => heard(bob, there).map(({ what }) => what)).toEqual(['delivered', 'read'])
  })
})

describe('a message that cannot be read', () => {
  test('is asked for again and sent again, and nobody else hears of it', async () => {
    for (const times of [1, 2]) {
      story = await scene.begin()
      const text = `Unread ${times} times`
      ada.cannotRead(times)
      await story.writes(ada, text)
      await arrived(ada, text)
      await story.hears(...delivered(text))
      expect(copies(ada, text)).toBe(1)
    }
  })

  test('by one of a group is sent again, and the others see it once', async () => {
    bob.cannotRead(1)
    await story.writes(group, 'Can all read this?')
    await arrived(bob, 'Can all read this?')
    await story.hears(...delivered('Can all read this?'))
    expect([copies(ada, 'Can all read this?'), copies(bob, 'Can all read this?')]).toEqual([1, 1])
  })
})

describe('a refusal', () => {
  const cases = [
    [463, 'WHATSAPP_RATE_LIMITED'],
    [479, 'WHATSAPP_REJECTED'],
  ] as const

  test.each(cases)('with %s is %s, told once, and nothing is sent again', async (code, errorCode) => {
    scene.network.faults.nackNext(code)
    const text = `Refused with ${code}`
    const id = await story.writes(ada, text, { routing: { preference: ['whatsapp'] } })
    const told = [`message.queued ${text}`, `message.failed ${text}: ${errorCode}`]
    await story.hears(...told)
    await scene.gateway.advance(3_600_000)
    await story.hears(...told)
    expect(copies(ada, text)).toBe(0)
    const { data } = (await story.told()).at(-1) ?? {}
    expect(data).toMatchObject({ errorCode, retryable: false, error: { code: errorCode } })
    expect(data.errorMessage).toContain(String(code))
    expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode, retryCount: 0 })
  })

  test('holds up none of the messages behind it', async () => {
    scene.network.faults.nackNext(463)
    await story.writes(ada, 'First')
    await story.writes(ada, 'Second')
    await until(async () => (await story.heard()).includes('message.delivered Second'), 'the second')
    expect((await story.heard()).filter((line) => line.endsWith('First: WHATSAPP_RATE_LIMITED'))).toHaveLength(1)
    expect([copies(ada, 'First'), copies(ada, 'Second')]).toEqual([0, 1])
  })

  test('can be tried again by hand, as another message', async () => {
    scene.network.faults.nackNext(463)
    const id = await story.writes(ada, 'Tomorrow')
    await story.hears('message.queued Tomorrow', 'message.failed Tomorrow: WHATSAPP_RATE_LIMITED')
    story = await scene.begin()
    expect((await story.call('POST', `/v1/messages/${id}/retry`)).status).toBe(202)
    await story.hears(...delivered('Tomorrow'))
    expect(await story.get(id)).toMatchObject({ status: 'delivered', retryCount: 1, errorCode: null })
  })
})

describe('a number that is not on WhatsApp', () => {
  const absent = (name: string) => {
    const person = scene.somebody(name)
    scene.people.set(person.handle, { onWhatsapp: false })
    return person
  }

  test('fails at once, and says why', async () => {
    const dora = absent('Dora')
    const id = await story.writes(dora, 'Anybody?', { routing: { preference: ['whatsapp'], fallback: false } })
    await story.hears('message.queued Anybody?', 'message.failed Anybody?: NO_CHANNEL_AVAILABLE')
    expect(await story.get(id)).toMatchObject({ status: 'failed', errorCode: 'NO_CHANNEL_AVAILABLE' })
  })

  test('is written to by the next channel, if there is one', async () => {
    const { admin } = scene.gateway.gateway
    const providers = { sms: { provider: 'sandbox', url: null, password: null } }
    await admin.changeLine(scene.line.id, { channels: ['whatsapp', 'sms'], providers })
    await until(async () => {
      const { links } = await admin.line(scene.line.id)
      return links.whatsapp?.status === 'connected' && links.sms?.status === 'connected'
    }, 'the line to have both')
    story = await scene.begin()
    const eve = absent('Eve')
    const id = await story.writes(eve, 'By any means', { routing: { preference: ['whatsapp', 'sms'] } })
    await story.hears(
      'message.queued By any means',
      'message.fallback By any means: whatsapp to sms, NO_CHANNEL_AVAILABLE',
      'message.sent By any means',
      'message.delivered By any means',
    )
    expect(await story.get(id)).toMatchObject({ status: 'delivered', channel: 'sms', fallbackTriggered: true })
    expect(scene.gateway.network.received().at(-1)).toMatchObject({ text: 'By any means' })
  })
})
