/** The picture of a group can be had from here, whoever set it: behind fresh links as long as it is shown, and not for long after. */
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { IncomingPhoto } from '../../src/channels/connector.ts'
import type { Peer } from '../../src/channels/inmemory/peers.ts'
import { nameOf } from '../../src/media/storage/storage.ts'
import type { Handle, ProviderChatId } from '../../src/model/ids.ts'
import { type Ask, askerOf } from '../contract/ask.ts'
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

const ada = '+14155550177' as Handle
const dayMs = 86_400_000
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
/** No two are the same, though they look the same. */
const newPicture = () => Buffer.concat([Buffer.from(pixel, 'base64'), randomBytes(32)])
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

let gateway: TestGateway
let ask: Ask
let story: Story
let person: Peer
let guid: ProviderChatId
let id: string
let path: string
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
beforeEach(async () => {
  const { body } = await ask('POST /v1/chats/groups', { channel: 'whatsapp', name: 'Kitchen', participants: [ada] })
  guid = body.data.chatId
  id = body.data.conversationId
  path = `/v1/chats/${id}`
  person = gateway.network.as(ada)
  await gateway.settled()
  story = await tell(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const set = async (bytes: Buffer) => {
  const { status, body } = await ask(`POST ${path}/icon`, { imageBase64: bytes.toString('base64') })
  expect(status).toBe(200)
  return body.data.photoUrl
}
const shown = async () => (await ask(`GET ${path}`)).body.data.photoUrl
const changesPhoto = async (photo: Parameters<ReturnType<Peer['in']>['changesPhoto']>[0]) => {
  person.in(guid).changesPhoto(photo)
  await gateway.advance(1_000)
}
/** What the picture was in each event since the test began, and there were no other events. */
const toldUrls = async () => {
  await gateway.advance(1_000)
  const told = await story.told()
  expect(new Set(told.map(({ type }) => type))).toEqual(new Set(['chat.photo.changed']))
  return told.map(({ data }) => ('photoUrl' in data ? data.photoUrl : 'absent'))
}
const opened = async (url: string) => {
  const answer = await fetch(url)
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    bytes: Buffer.from(await answer.arrayBuffer()),
  }
}
const statusOf = async (url: string) => (await opened(url)).status
const picture = (bytes: Buffer) => ({ status: 200, type: 'image/png', bytes })
const isKept = async (bytes: Uint8Array) => {
  const stream = await gateway.media.storage.open(nameOf(gateway.customer.id, hashOf(bytes)), null)
  stream?.destroy()
  return stream !== null
}
const filesKept = async () => {
  const text = 'select count(*)::int as count from files where customer_id = $1'
  const [row] = await gateway.database.db.query<{ count: number }>({ name: '', text }, [gateway.customer.id])
  return row?.count
}
const days = async (count: number) => {
  for (let day = 0; day < count; day += 1) await gateway.advance(dayMs)
}
/** Another file, of the same age: when it is gone, old files have been looked for. */
const receiveFile = async () => {
  const data = randomBytes(100)
  person.says(gateway.customer.line.address, 'whatsapp', null, { attachments: [{ mimeType: 'application/pdf', data }] })
  await gateway.advance(1_000)
  expect(await isKept(data)).toBe(true)
  return data
}

/** Until it is undone, the network tells of new pictures as this makes of it; null: not at all. */
const tellsAs = (make: (photo: IncomingPhoto) => IncomingPhoto | null) => {
  const { exchange } = gateway.network
  const before = exchange.tell
  exchange.tell = (channel, line, chat, event) => {
    const photo = event.kind === 'chat' && event.change.what === 'photo' ? event.change.photo : 'removed'
    if (event.kind !== 'chat' || photo === 'removed') return before.call(exchange, channel, line, chat, event)
    const made = make(photo)
    if (made === null) return true
    return before.call(exchange, channel, line, chat, { ...event, change: { what: 'photo', photo: made } })
  }
  return () => {
    exchange.tell = before
  }
}

test('a picture that a caller has set is behind the answer, behind the event, and behind a fresh link each time', async () => {
  const bytes = newPicture()
  const answered = await set(bytes)
  const first = await shown()
  await gateway.advance(60_000)
  const second = await shown()
  expect(first).not.toBe(second)
  const [told, ...others] = await toldUrls()
  expect(others).toEqual([])
  for (const url of [answered, first, second, told]) expect(await opened(url)).toEqual(picture(bytes))
  const { chats } = (await ask('GET /v1/chats?limit=1')).body.data
  expect(chats).toEqual([expect.objectContaining({ chatId: id, photoUrl: expect.any(String) })])
  expect(await opened(chats[0].photoUrl)).toEqual(picture(bytes))
})

test('each attempt to tell of it has the same bytes, and its link ends an hour after the event', async () => {
  await set(newPicture())
  const before = await toldUrls()
  await gateway.advance(3_500_000)
  expect(await toldUrls()).toEqual(before)
  expect(await statusOf(before[0])).toBe(200)
  await gateway.advance(100_000)
  expect(await statusOf(before[0])).toBe(403)
  expect(await statusOf(await shown())).toBe(200)
})

test('a picture that was removed is shown and told as none', async () => {
  await set(newPicture())
  expect((await ask(`DELETE ${path}/icon`)).body.data.photoUrl).toBeNull()
  expect(await shown()).toBeNull()
  expect(await toldUrls()).toEqual([expect.any(String), null])
})

test('nothing is kept of a picture that the network refuses, and the one before is still shown', async () => {
  const before = newPicture()
  await set(before)
  const kept = await filesKept()
  gateway.network.failNext({ kind: 'refused', channel: 'whatsapp' })
  const refused = await story.call('POST', `${path}/icon`, { imageBase64: newPicture().toString('base64') })
  expect([refused.status, refused.body.error.code]).toEqual([502, 'CHAT_CHANGE_FAILED'])
  expect(await filesKept()).toBe(kept)
  expect(await opened(await shown())).toEqual(picture(before))
  expect(await toldUrls()).toEqual([expect.any(String)])
})

test('a picture that somebody else sets is fetched at once, and once', async () => {
  const data = newPicture()
  await changesPhoto({ mark: 'theirs', url: null, data })
  const [told, ...others] = await toldUrls()
  expect(others).toEqual([])
  expect(await opened(told)).toEqual(picture(data))
  expect(await opened(await shown())).toEqual(picture(data))
  const asked: (string | null)[] = []
  const undo = tellsAs(({ open, ...photo }) => {
    const counted = async () => {
      asked.push(photo.mark)
      return open?.() ?? Readable.from([])
    }
    return { ...photo, open: counted }
  })
  gateway.network.failNext({ kind: 'duplicate', channel: 'whatsapp' })
  const next = newPicture()
  await changesPhoto({ mark: 'next', url: null, data: next })
  undo()
  expect([gateway.network.faults.waiting(), asked]).toEqual([[], ['next']])
  expect(await opened(await shown())).toEqual(picture(next))
  await changesPhoto('removed')
  expect(await shown()).toBeNull()
  expect(await toldUrls()).toEqual([told, expect.any(String), null])
})

test('a picture whose bytes nobody hands over is told without one, and takes the place of the one before', async () => {
  for (const theirs of [
    { mark: 'lost', url: null, data: null },
    { mark: 'named', url: null },
  ]) {
    await set(newPicture())
    await changesPhoto(theirs)
    expect(await shown()).toBeNull()
  }
  expect(await toldUrls()).toEqual([expect.any(String), 'absent', expect.any(String), 'absent'])
})

test('when our own disk does not take it, the change is made and told all the same', async () => {
  const { storage } = gateway.media
  const place = storage.place
  storage.place = () => Promise.reject(new Error('The disk is full.'))
  expect(await set(newPicture())).toBeNull()
  await changesPhoto({ mark: 'theirs', url: null, data: newPicture() })
  storage.place = place
  expect(await shown()).toBeNull()
  expect(await toldUrls()).toEqual(['absent', 'absent'])
  expect(gateway.errors.splice(0)).toEqual([expect.objectContaining({ doing: 'chats' })])
})

test('our own picture is shown and told without a notice from the network', async () => {
  const bytes = newPicture()
  const undo = tellsAs(() => null)
  expect(await opened(await set(bytes))).toEqual(picture(bytes))
  undo()
  expect(await opened(await shown())).toEqual(picture(bytes))
  const [told, ...others] = await toldUrls()
  expect([await opened(told), others]).toEqual([picture(bytes), []])
})

test('a notice of our own picture that comes first and has no bytes is told without, and shown with them', async () => {
  const { storage } = gateway.media
  const place = storage.place
  const undo = tellsAs(({ mark, url }) => ({ mark, url }))
  storage.place = async (...args) => {
    await expect.poll(() => story.heard()).toEqual(['chat.photo.changed - whatsapp'])
    return place(...args)
  }
  const bytes = newPicture()
  expect(await opened(await set(bytes))).toEqual(picture(bytes))
  storage.place = place
  undo()
  expect(await opened(await shown())).toEqual(picture(bytes))
  expect(await toldUrls()).toEqual(['absent'])
})

test('of a group that we know nothing of nothing is fetched', async () => {
  const quiet = person.createsGroup('whatsapp', 'Quiet', [gateway.customer.line.address])
  const data = newPicture()
  person.in(quiet).changesPhoto({ mark: 'theirs', url: null, data })
  await gateway.advance(1_000)
  expect([await story.heard(), await isKept(data)]).toEqual([[], false])
})

/** Housekeeping may have been at work when the last day went by: it looks again when time passes. */
const removed = (data: Parameters<typeof isKept>[0]) =>
  until(async () => {
    await gateway.advance(60_000)
    return !(await isKept(data))
  }, 'the file to be removed')

test('it can be had as long as it is shown, and is gone some days after it was replaced', async () => {
  const [first, second] = [newPicture(), newPicture()]
  await set(first)
  const other = await receiveFile()
  await days(30)
  await removed(other)
  expect(await opened(await shown())).toEqual(picture(first))
  await set(second)
  expect(await opened(await shown())).toEqual(picture(second))
  await days(3)
  await removed(first)
  expect(await opened(await shown())).toEqual(picture(second))
  expect((await ask(`DELETE ${path}/icon`)).status).toBe(200)
  await days(9)
  await removed(second)
})

test('more old pictures than are looked at together keep no other file from going', async () => {
  const other = await receiveFile()
  const text = `with old as (
      insert into files (customer_id, hash, bytes, mime_type, kept_until)
      select $1, 'shown-' || nth, 1, 'image/png', gateway_now() - interval '1 day' from generate_series(1, 250) nth returning hash
    )
    insert into conversations (customer_id, id, line_id, channel, provider_chat_id, is_group, participants, photo)
    select $1, gen_random_uuid(), $2, 'whatsapp', hash || '@g.us', true, '[]',
      jsonb_build_object('mark', null, 'hash', hash, 'mimeType', 'image/png') from old`
  await gateway.database.db.query({ name: '', text }, [gateway.customer.id, gateway.customer.line.id])
  await days(8)
  await removed(other)
  const kept = `select count(*)::int as count from files where customer_id = $1 and hash like 'shown-%'`
  expect(await gateway.database.db.query({ name: '', text: kept }, [gateway.customer.id])).toEqual([{ count: 250 }])
})

test('nobody else gets it: neither the chat, nor a link of theirs', async () => {
  const bytes = newPicture()
  await set(bytes)
  const others = await tell(gateway, gateway.other)
  expect((await others.call('GET', path)).status).toBe(404)
  const file = { hash: hashOf(bytes), mimeType: 'image/png', filename: null }
  const untilMs = gateway.clock.now() + 60_000
  const { linkTo } = gateway.gateway.media
  expect(await statusOf(linkTo({ ...file, customerId: gateway.customer.id }, untilMs))).toBe(200)
  expect(await statusOf(linkTo({ ...file, customerId: gateway.other.id }, untilMs))).toBe(404)
})
