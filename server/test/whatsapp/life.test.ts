/** The life of a link to WhatsApp: it comes back after cuts, ends for good when it has to, and nothing said meanwhile is lost. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Handle, LineId } from '../../src/model/ids.ts'
import { until } from '../support/gateway.ts'
import { tell } from '../support/story.ts'
import { openScene, type Scene, type Somebody, type WhatsappStory } from '../support/whatsapp-story.ts'

let scene: Scene
let story: WhatsappStory
let ada: Somebody
let us: string
let line: LineId
let statuses: () => Promise<string[]>
beforeAll(async () => {
  scene = await openScene()
  ada = scene.somebody('Ada')
  us = scene.line.address
  line = scene.line.id
})
afterAll(async () => {
  await scene.stop()
  expect(scene.gateway.errors).toEqual([])
})
beforeEach(async () => {
  story = await scene.begin()
  const all = await tell(scene.gateway)
  statuses = async () =>
    (await all.told()).flatMap(({ type, data }) =>
      type === 'whatsapp.status' ? [[data.status, data.disconnectReason].filter(Boolean).join(' ')] : [],
    )
})

const out = (what: string) => [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
const state = async (id = line) => (await scene.gateway.gateway.admin.line(id)).links.whatsapp
/** Time flies, but slower than what really happens. */
const inTheEnd = (condition: () => Promise<boolean>, what: string) =>
  until(async () => {
    await scene.gateway.pass(500)
    return condition()
  }, what)
const hasStatus = (status: string, id = line) =>
  inTheEnd(async () => (await state(id))?.status === status, `the link to be ${status}`)
const endsWith = (reason: string, id = line) =>
  until(async () => {
    const now = await state(id)
    return now?.status === 'disconnected' && now.reason === reason
  }, reason)

/** As an operator does whose line has ended for good. */
async function offAndOn(): Promise<void> {
  const { admin } = scene.gateway.gateway
  await admin.changeLine(line, { status: 'inactive' })
  const text = 'select from lines where id = $1 and holder is null'
  const free = () => scene.gateway.database.db.query({ name: '', text }, [line])
  await until(async () => (await free()).length === 1, 'the line to be given back')
  await admin.changeLine(line, { status: 'active' })
}

/** The same line's number by another network, and another line of the same customer. */
async function othersWork(): Promise<void> {
  const { network, customer } = scene.gateway
  const other = await tell(scene.gateway)
  const to = '+14155550188' as Handle
  await other.send({
    to,
    from: customer.line.address,
    content: { text: 'As ever' },
    routing: { preference: ['whatsapp'] },
  })
  network.as(to).says(customer.line.address, 'sms', 'Same here')
  const told = ['message.queued', 'message.sent', 'message.delivered', 'message.inbound']
  const isTheirs = (event: string) => event.startsWith('message.')
  await until(async () => (await other.heard()).filter(isTheirs).length >= told.length, 'the others to work')
  const types = (await other.heard()).filter(isTheirs).map((event) => event.split(' ')[0])
  expect(types.sort()).toEqual(told.sort())
}

describe('a link that breaks', () => {
  test('comes back by itself, as often as it breaks, and messages go on', async () => {
    for (const text of ['One', 'Two', 'Three']) {
      const before = (await statuses()).length
      scene.network.faults.cutAll()
      await until(async () => (await statuses()).length > before, 'the cut to be noticed')
      await story.writes(ada, text)
      await hasStatus('connected')
      await inTheEnd(async () => (await story.heard()).includes(`message.delivered ${text}`), `"${text}"`)
      await ada.says(us, `${text} it is`)
      await until(async () => (await story.heard()).includes(`message.inbound Ada: ${text} it is`), 'the answer')
    }
    await story.hears(
      ...['One', 'Two', 'Three'].flatMap((text) => [...out(text), `message.inbound Ada: ${text} it is`]),
    )
    expect((await statuses()).at(-1)).toBe('connected')
    expect(new Set(await statuses())).toEqual(new Set(['disconnected close_428', 'connecting', 'connected']))
    expect(scene.network.phoneOf(us).devices).toBe(1)
  })

  test('comes back from whatever the server says that passes', async () => {
    for (const code of [500, 503, 515]) {
      const since = async () => {
        const now = await state()
        return now?.status === 'connected' ? now.since : null
      }
      const before = await since()
      scene.network.faults.endStream(us, code)
      await inTheEnd(async () => ![null, before].includes(await since()), `the link to be back after ${code}`)
    }
    await story.writes(ada, 'Still here')
    await story.hears(...out('Still here'))
  })

  test('that another has replaced comes back as well, since the line is ours', async () => {
    scene.network.faults.endStream(us, 440)
    await endsWith('close_440')
    await hasStatus('connected')
    await story.writes(ada, 'Ours')
    await story.hears(...out('Ours'))
    expect(await statuses()).toEqual(['disconnected close_440', 'connecting', 'connected'])
  })

  test('loses nothing that was said while it was away, in its order, and disturbs no other line', async () => {
    scene.network.faults.refuse(true)
    scene.network.faults.cutAll()
    await until(async () => (await state())?.status !== 'connected', 'the cut to be noticed')
    for (const text of ['First', 'Second', 'Third']) await ada.says(us, text)
    const id = await story.writes(ada, 'We are away')
    await othersWork()
    scene.network.faults.refuse(false)
    await hasStatus('connected')
    await inTheEnd(async () => (await story.get(id)).status === 'delivered', 'ours to be delivered')
    const isOurs = (told: string) => !/As ever|Same here/.test(told)
    const heard = async () => (await story.heard()).filter(isOurs)
    await until(async () => (await heard()).length === 6, 'all of it')
    expect((await heard()).filter((told) => told.startsWith('message.inbound'))).toEqual([
      ...['message.inbound Ada: First', 'message.inbound Ada: Second', 'message.inbound Ada: Third'],
    ])
    expect((await heard()).filter((told) => told.endsWith('We are away'))).toEqual(out('We are away'))
  })
})

describe('a link that ends for good', () => {
  /** Long after it has been tried for the last time. */
  const failsNow = async (text: string) => {
    const id = await story.writes(ada, text)
    await until(async () => {
      await scene.gateway.pass(60_000)
      return (await story.get(id)).status === 'failed'
    }, 'it to be given up')
    expect(await story.get(id)).toMatchObject({ errorCode: 'WHATSAPP_NOT_CONNECTED', retryable: true })
    expect(await story.heard()).toEqual([`message.queued ${text}`, `message.failed ${text}: WHATSAPP_NOT_CONNECTED`])
    return id
  }

  test('because the account was closed is not tried again until somebody says so', async () => {
    scene.network.faults.ban(us)
    await endsWith('terminal_403')
    await failsNow('Is it us?')
    await scene.gateway.pass(3_600_000)
    expect(await statuses()).toEqual(['disconnected terminal_403'])
    await othersWork()
    scene.network.faults.ban(us, false)
    await offAndOn()
    await hasStatus('connected')
    story = await scene.begin()
    await story.writes(ada, 'Forgiven')
    await story.hears(...out('Forgiven'))
  })

  test('because the phone has unlinked us is linked anew by a code, and what failed can be sent then', async () => {
    scene.network.phoneOf(us).unlink()
    await endsWith('auth_revoked')
    const id = await failsNow('Anybody?')
    expect(await statuses()).toEqual(['disconnected auth_revoked'])
    await othersWork()
    await offAndOn()
    await hasStatus('pairing')
    const shown = await state()
    await scene.network.phoneOf(us).scan(shown?.status === 'pairing' ? shown.qr : '')
    await hasStatus('connected')
    expect(scene.network.phoneOf(us).devices).toBe(1)
    story = await scene.begin()
    expect((await story.call('POST', `/v1/messages/${id}/retry`)).status).toBe(202)
    await ada.says(us, 'Welcome back')
    await until(async () => (await story.heard()).length === 4, 'both to come')
    expect((await story.heard()).sort()).toEqual([...out('Anybody?'), 'message.inbound Ada: Welcome back'].sort())
  })
})

describe('a line that is not linked yet', () => {
  const freshLine = async (address: Handle) => {
    const { admin } = scene.gateway.gateway
    scene.people.set(address, {})
    const made = await admin.createLine({
      ...{ name: address, address, email: null, provider: 'whatsapp', channels: ['whatsapp'] },
      ...{ url: scene.network.lineUrl, password: null, hostType: null, hostInfo: null, providers: {} },
    })
    await admin.addNumber(scene.gateway.customer.id, { address, provider: 'whatsapp', line: made.id })
    await until(async () => (await state(made.id))?.status === 'pairing', 'a code')
    return made.id
  }
  const codeOf = async (id: LineId) => {
    const shown = await state(id)
    return shown?.status === 'pairing' ? shown.qr : ''
  }

  test('lets go of a phone with another number at once, and says so', async () => {
    const id = await freshLine('+12025550161' as Handle)
    const wrong = scene.somebody('Somebody else')
    await scene.network.phoneOf(wrong.handle).scan(await codeOf(id))
    await endsWith('phone_number_mismatch', id)
    await expect.poll(() => scene.network.phoneOf(wrong.handle).devices).toBe(0)
    await scene.gateway.pass(600_000)
    expect(await statuses()).not.toContain('connected')
    expect((await statuses()).at(-1)).toBe('disconnected phone_number_mismatch')
  })

  test('shows another code when the connection breaks, and the one before is good for nothing', async () => {
    const address = '+12025550162' as Handle
    const id = await freshLine(address)
    const before = await codeOf(id)
    scene.network.faults.cutAll()
    await inTheEnd(async () => !['', before].includes(await codeOf(id)), 'another code')
    await expect(scene.network.phoneOf(address).scan(before)).rejects.toThrow('not shown any more')
    await scene.network.phoneOf(address).scan(await codeOf(id))
    await hasStatus('connected', id)
    await hasStatus('connected')
    await story.writes(ada, 'From the other', { from: address })
    await until(async () => ada.received.at(-1)?.text === 'From the other', 'it to arrive')
    expect(ada.received.at(-1)).toMatchObject({ from: address, text: 'From the other' })
  })
})
