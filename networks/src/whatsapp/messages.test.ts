/** Messages between a linked client and people: they really decrypt, say so, and nothing is lost or told twice. */
import { jidNormalizedUser } from 'baileys'
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const [us, bob, carol] = ['+16282895642', '+14155551234', '+14155559876']
const bobsJid = '14155551234@s.whatsapp.net'
const here = freshNetwork()

const texts = (number: string) =>
  here.network
    .received(number)
    .map(({ from, message }) => [from, message.conversation ?? message.extendedTextMessage?.text])

test('a text arrives with a person, who confirms it, and on the own phone as a copy', async () => {
  const device = await here.client().link(us)
  const id = await device.send(bobsJid, { text: 'Hello, Bob' })
  await expect.poll(() => device.status(id)).toBe(3)
  expect(device.acks.get(id)).toBe('')
  expect(texts(bob)).toEqual([[us, 'Hello, Bob']])
  await expect
    .poll(() => here.people.arrived(bob))
    .toMatchObject([{ network: 'whatsapp', id, from: us, to: bob, text: 'Hello, Bob' }])
  expect(here.network.received(us)).toMatchObject([{ id, from: us, chat: bob, isOwn: true }])
  here.network.person(bob).reads(us)
  await expect.poll(() => device.status(id)).toBe(4)
})

test('a person writes, and hears that it was delivered and read', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const id = await person.says(us, 'Hello yourself')
  const message = await device.message(id)
  expect(message).toMatchObject({ message: { conversation: 'Hello yourself' }, pushName: 'Person 1234' })
  expect(message.key).toMatchObject({ remoteJid: bobsJid, remoteJidAlt: person.lid, fromMe: false })
  await expect.poll(() => person.heard).toEqual([{ from: us, id, what: 'delivered' }])
  await device.socket.readMessages([message.key])
  await expect.poll(() => person.heard.map(({ what }) => what)).toEqual(['delivered', 'read'])
})

test('a hundred texts each way, at the same time, are all read in order', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const numbers = Array.from({ length: 100 }, (_, index) => String(index))
  await device.send(bobsJid, { text: 'first' })
  await person.says(us, 'first')
  const out = async () => {
    for (const number of numbers) await device.send(bobsJid, { text: number })
  }
  const back = async () => {
    for (const number of numbers) await person.says(us, number)
  }
  await Promise.all([out(), back()])
  await expect.poll(() => device.messages.filter(({ key }) => !key.fromMe).length).toBeGreaterThanOrEqual(101)
  await expect.poll(() => here.network.received(bob).length).toBe(101)
  expect(texts(bob).map(([, text]) => text)).toEqual(['first', ...numbers])
})

test('a message that comes twice is confirmed twice, shown once and counted', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  const confirmed: string[] = []
  device.socket.ws.on('CB:receipt', ({ attrs }: { attrs: { id: string } }) => confirmed.push(attrs.id))
  const id = await device.send(bobsJid, { text: 'Once' })
  expect(person.repeats).toBe(0)
  await device.send(bobsJid, { text: 'Once' }, { messageId: id })
  const after = await device.send(bobsJid, { text: 'After' })
  await expect.poll(() => confirmed.toSorted()).toEqual([id, id, after].toSorted())
  expect(texts(bob)).toEqual([
    [us, 'Once'],
    [us, 'After'],
  ])
  expect(person.repeats).toBe(1)
  const { id: group } = await device.socket.groupCreate('Launch', [bobsJid])
  await device.send(group, { text: 'To all' }, { messageId: id })
  await expect.poll(() => texts(bob).length).toBe(3)
  await device.send(group, { text: 'To all' }, { messageId: id })
  await expect.poll(() => person.repeats).toBe(2)
  expect([texts(bob).length, here.network.person(carol).repeats, here.people.arrived(bob).length]).toEqual([3, 0, 3])
})

test('all of a group read what is written there, and say so one by one', async () => {
  const device = await here.client().link(us)
  const group = await device.socket.groupCreate('Launch', [bobsJid, '14155559876@s.whatsapp.net'])
  const id = await device.send(group.id, { text: 'Hello, all' })
  await expect.poll(() => texts(bob)).toEqual([[us, 'Hello, all']])
  await expect.poll(() => texts(carol)).toEqual([[us, 'Hello, all']])
  const confirmed = () =>
    new Set([
      ...device
        .all('message-receipt.update')
        .flat()
        .filter(({ key }) => key.id === id)
        .map(({ receipt }) => receipt.userJid),
      ...device.messages
        .filter(({ key }) => key.id === id)
        .flatMap(({ userReceipt }) => userReceipt?.map((one) => one.userJid) ?? []),
    ])
  const lids = [here.network.person(bob).lid, here.network.person(carol).lid]
  await expect.poll(confirmed).toEqual(new Set(lids))
  const answer = await here.network.person(carol).says(group.id, 'Hello, you')
  const message = await device.message(answer)
  expect(message.key).toMatchObject({
    remoteJid: group.id,
    participant: lids[1],
    participantAlt: '14155559876@s.whatsapp.net',
  })
  expect(message.message?.conversation).toBe('Hello, you')
  expect(texts(bob)).toEqual([
    [us, 'Hello, all'],
    [carol, 'Hello, you'],
  ])
})

test('what comes while a device is away waits for it, and comes once', async () => {
  const device = await here.client().link(us)
  await device.close()
  const id = await here.network.person(bob).says(us, 'While you were away')
  device.connect()
  await device.message(id)
  expect(device.all('messages.upsert').find(({ messages }) => messages[0]?.key.id === id)?.type).toBe('append')
  await expect.poll(() => here.network.person(bob).heard.length).toBe(1)
  await device.close()
  const before = device.messages.length
  device.connect()
  await expect.poll(() => device.isOpen).toBe(true)
  await device.message(await here.network.person(bob).says(us, 'Anything else?'))
  expect(device.messages.length).toBe(before + 1)
})

test('what a device did not acknowledge comes again', async () => {
  const device = await here.client().link(us)
  const came: string[] = []
  const listen = () => device.socket.ws.on('CB:message', ({ attrs }: { attrs: { id: string } }) => came.push(attrs.id))
  listen()
  here.network.faults.slow(100)
  const id = await here.network.person(bob).says(us, 'Did you get this?')
  await expect.poll(() => came).toEqual([id])
  here.network.faults.cutAll()
  here.network.faults.slow(0)
  await expect.poll(() => device.closes.length).toBe(2)
  device.connect()
  listen()
  await expect.poll(() => came).toEqual([id, id])
})

test('several accounts share the network and nothing else, and can write to each other', async () => {
  const other = '+16282890000'
  const [mine, theirs] = [await here.client().link(us), await here.client().link(other)]
  const person = here.network.person(bob)
  const [toMine, toTheirs] = [await person.says(us, 'For you'), await person.says(other, 'For them')]
  await mine.message(toMine)
  await theirs.message(toTheirs)
  const sent = await mine.send('16282890000@s.whatsapp.net', { text: 'From one to the other' })
  const arrived = await theirs.message(sent)
  expect(arrived.message?.extendedTextMessage?.text).toBe('From one to the other')
  expect(jidNormalizedUser(arrived.key.remoteJid ?? '')).toBe('16282895642@s.whatsapp.net')
  const heard = (device: typeof mine) => device.messages.filter(({ key }) => !key.fromMe).map(({ key }) => key.id)
  expect(heard(mine)).toEqual([toMine])
  expect(heard(theirs)).toEqual([toTheirs, sent])
  expect(texts(other)).toEqual([
    [bob, 'For them'],
    [us, 'From one to the other'],
  ])
})
