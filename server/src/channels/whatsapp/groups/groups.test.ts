/** Our groups on a WhatsApp that answers: by the real library, over a real socket. */
import type { BinaryNode } from 'baileys'
import { describe, expect, test } from 'vitest'
import { type Client, freshNetwork } from '../../../../../networks/src/whatsapp/testing/client.ts'
import { systemClock } from '../../../lib/clock.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Handle, ProviderChatId } from '../../../model/ids.ts'
import { createGroupBook } from './group-book.ts'
import { type AskingSocket, fetchGroup, groupVerbs } from './groups.ts'

const [us, bob, carol, dora, shy] = [
  '+16282895642',
  '+14155551234',
  '+14155559876',
  '+14155550001',
  '+14155550002',
].map((one) => one as Handle) as [Handle, Handle, Handle, Handle, Handle]
const nobody = '+14155550106' as Handle
const jpeg = Buffer.from('ffd8ffe000104a46', 'hex')
const here = freshNetwork()

const failed = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof SendFailure ? { ...error, message: error.message } : error),
  )

function verbsOf(socket: AskingSocket) {
  const book = createGroupBook({
    clock: systemClock,
    fetch: (chat) => fetchGroup(socket, chat),
    isUs: (jid) => jid === '16282895642@s.whatsapp.net',
  })
  const asJpeg = async (icon: { base64: string }) => Buffer.from(icon.base64, 'base64')
  return { book, verbs: groupVerbs({ socket, book, asJpeg }) }
}

async function linked() {
  const device = await here.client().link(us)
  return { device, ...verbsOf(device.socket) }
}

async function grouped(...members: Handle[]) {
  const all = await linked()
  const made = await all.verbs.createGroup('Launch', members)
  return { ...all, made, chat: made.chat }
}

const member = (handle: Handle) => ({ handle, phoneKnown: true, admin: null })
const notified = (device: Client, tag: string) =>
  device.all('group-participants.update').filter(({ action }) => action === tag)

describe('a group', () => {
  test('is made with those who can be added, and says who they are', async () => {
    here.network.person(shy).mayBeAdded(false)
    const { verbs, made, chat, book } = await grouped(bob, shy, carol, nobody)
    expect(made).toEqual({ chat, name: 'Launch', members: [member(bob), member(carol)] })
    expect(chat).toMatch(/^\d+@g\.us$/)
    expect(await verbs.chatInfo(chat)).toEqual(made)
    book.forget(chat)
    expect(await verbs.chatInfo(chat)).toEqual(made)
    expect((await here.network.person(bob).says(chat, 'Here')).length).toBeGreaterThan(0)
  })

  test('in which nobody would be but us is not left behind', async () => {
    const { device, verbs } = await linked()
    here.network.person(shy).mayBeAdded(false)
    expect(await failed(verbs.createGroup('Lonely', [shy, nobody]))).toMatchObject({
      kind: 'refused',
      code: 'WHATSAPP_REJECTED',
      scope: 'message',
      message: 'They let only some people add them to groups; ask them to join by a link (403).',
    })
    expect(await failed(verbs.createGroup('Lonelier', [nobody]))).toMatchObject({
      kind: 'unreachable',
      code: 'NO_CHANNEL_AVAILABLE',
    })
    expect(await device.socket.groupFetchAllParticipating()).toEqual({})
  })

  test('needs a name', async () => {
    const { verbs } = await linked()
    expect(await failed(verbs.createGroup(null, [bob]))).toMatchObject({ kind: 'refused', code: 'NAME_REQUIRED' })
  })

  test('with somebody known by a LID alone names them so', async () => {
    const person = here.network.person(bob)
    person.isKnownBy('lid')
    const { made, verbs, chat } = await grouped(person.lid as Handle, carol)
    expect(made.members).toEqual([{ handle: person.lid, phoneKnown: false, admin: null }, member(carol)])
    await verbs.removeMember(chat, person.lid as Handle)
    expect((await verbs.chatInfo(chat)).members).toEqual([member(carol)])
  })

  test('is renamed, and known by its new name at once', async () => {
    const { device, verbs, chat } = await grouped(bob)
    await verbs.renameGroup(chat, 'Grüße 🎈')
    expect((await verbs.chatInfo(chat)).name).toBe('Grüße 🎈')
    await expect
      .poll(() =>
        device
          .all('groups.update')
          .flat()
          .map(({ subject }) => subject),
      )
      .toContain('Grüße 🎈')
  })

  test('takes members in and lets them go, and what is so already is fine', async () => {
    const { device, verbs, chat } = await grouped(bob)
    await verbs.addMember(chat, carol)
    await verbs.addMember(chat, carol)
    expect((await verbs.chatInfo(chat)).members).toEqual([member(bob), member(carol)])
    await verbs.removeMember(chat, bob)
    await verbs.removeMember(chat, bob)
    expect((await verbs.chatInfo(chat)).members).toEqual([member(carol)])
    await expect.poll(() => [notified(device, 'add').length, notified(device, 'remove').length]).toEqual([1, 1])
  })

  test('says why somebody cannot be added', async () => {
    const { verbs, chat } = await grouped(bob)
    here.network.person(shy).mayBeAdded(false)
    expect(await failed(verbs.addMember(chat, shy))).toMatchObject({ kind: 'refused', code: 'WHATSAPP_REJECTED' })
    expect(await failed(verbs.addMember(chat, nobody))).toMatchObject({
      kind: 'unreachable',
      code: 'NO_CHANNEL_AVAILABLE',
      scope: 'message',
      message: 'This person is not on WhatsApp.',
    })
  })

  test('shows a picture whose notice carries the mark, and shows none again', async () => {
    const { device, verbs, chat } = await grouped(bob)
    const notices: BinaryNode[] = []
    device.socket.ws.on('CB:notification,type:picture', (node: BinaryNode) => notices.push(node))
    const { mark } = await verbs.setGroupIcon(chat, { base64: jpeg.toString('base64'), mimeType: 'image/jpeg' })
    await expect.poll(() => notices.length).toBe(1)
    expect(notices[0]).toMatchObject({ attrs: { from: chat }, content: [{ tag: 'set', attrs: { id: mark } }] })
    expect(mark).toMatch(/^\d+$/)
    await verbs.removeGroupIcon(chat)
    await expect.poll(() => notices.length).toBe(2)
    expect(notices[1]).toMatchObject({ content: [{ tag: 'delete' }] })
  })

  test('can be left, and is then none of ours', async () => {
    const { device, verbs, chat } = await grouped(bob)
    await verbs.leaveGroup(chat)
    expect(await device.socket.groupFetchAllParticipating()).toEqual({})
    const gone = { kind: 'refused', code: 'CONVERSATION_NOT_FOUND', scope: 'message' }
    expect(await failed(verbs.chatInfo(chat))).toMatchObject(gone)
    expect(await failed(verbs.chatInfo('120363000000000000@g.us' as ProviderChatId))).toMatchObject(gone)
    expect(await failed(verbs.renameGroup(chat, 'x'))).toMatchObject({
      kind: 'refused',
      code: 'WHATSAPP_REJECTED',
      scope: 'message',
      message: 'WhatsApp did not rename the group (403): this number is not in the group, or no admin of it.',
    })
  })

  test('of somebody else is changed by its admins only', async () => {
    const { verbs } = await linked()
    const chat = here.network.person(bob).creates('Theirs', us, carol) as ProviderChatId
    expect((await verbs.chatInfo(chat)).members).toEqual([{ ...member(bob), admin: 'superadmin' }, member(carol)])
    here.network.person(bob).letsOnlyAdminsAdd(chat)
    expect(await failed(verbs.addMember(chat, dora))).toMatchObject({ kind: 'refused', code: 'WHATSAPP_REJECTED' })
    expect(await failed(verbs.removeMember(chat, carol))).toMatchObject({ kind: 'refused', code: 'WHATSAPP_REJECTED' })
  })
})

describe('when the link fails', () => {
  test('nothing is asked while it is down', async () => {
    const { device, verbs, chat } = await grouped(bob)
    await device.close()
    const down = { kind: 'retryable', code: 'WHATSAPP_NOT_CONNECTED', scope: 'link' }
    expect(await failed(verbs.renameGroup(chat, 'x'))).toMatchObject(down)
    expect(await failed(verbs.createGroup('x', [bob]))).toMatchObject(down)
  })

  test('what was under way may have been done', async () => {
    const { verbs, chat } = await grouped(bob)
    here.network.faults.freeze(true)
    const renaming = failed(verbs.renameGroup(chat, 'x'))
    here.network.faults.cutAll()
    expect(await renaming).toMatchObject({
      kind: 'uncertain',
      code: 'PROVIDER_TIMEOUT',
      scope: 'message',
      message: 'WhatsApp did not answer. It may have done it all the same.',
    })
  })

  test('a library that gave up waiting did not succeed', async () => {
    const { verbs } = verbsOf({ ws: { isOpen: true }, query: async () => undefined })
    expect(await failed(verbs.leaveGroup('1@g.us' as ProviderChatId))).toMatchObject({
      kind: 'uncertain',
      code: 'PROVIDER_TIMEOUT',
    })
    expect(await failed(verbs.chatInfo('1@g.us' as ProviderChatId))).toMatchObject({
      kind: 'uncertain',
      code: 'PROVIDER_TIMEOUT',
    })
  })

  test.each([
    { tag: 'iq', attrs: {} },
    { tag: 'iq', attrs: {}, content: [{ tag: 'group', attrs: {} }] },
  ])('an answer that is none is no success: %j', async (answer) => {
    const { verbs } = verbsOf({ ws: { isOpen: true }, query: async () => answer })
    expect(await failed(verbs.createGroup('x', [bob]))).toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
    expect(await failed(verbs.addMember('1@g.us' as ProviderChatId, bob))).toMatchObject({ kind: 'uncertain' })
  })
})
