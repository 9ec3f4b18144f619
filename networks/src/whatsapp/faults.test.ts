/** What goes wrong goes wrong as it does on WhatsApp: refused, lost, late, unreadable, cut off. */
import { expect, test } from 'vitest'
import { freshNetwork } from './testing/client.ts'

const [us, bob] = ['+16282895642', '+14155551234']
const jidOf = (number: string) => `${number.slice(1)}@s.whatsapp.net`
const bobsJid = jidOf(bob)
const here = freshNetwork()

const texts = (number: string) => here.network.received(number).map(({ message }) => message.extendedTextMessage?.text)

test('a message is refused with 463, and nobody gets it', async () => {
  const device = await here.client().link(us)
  here.network.faults.nackNext(463, 479)
  const ids = [await device.send(bobsJid, { text: 'No' }), await device.send(bobsJid, { text: 'Nor this' })]
  await expect.poll(() => ids.map((id) => device.acks.get(id))).toEqual(['463', '479'])
  // baileys 7.0.0-rc14 keeps events back for up to 30 s: its flush forgets the timer when there is nothing to flush
  // (event-buffer.js), and then only what comes in lets them out.
  await device.message(await here.network.person(bob).says(us, 'Write to me?'))
  await expect
    .poll(() => ids.map((id) => [device.status(id), device.acks.get(id)]))
    .toEqual([
      [0, '463'],
      [0, '479'],
    ])
  const taken = await device.send(bobsJid, { text: 'Yes' })
  await expect.poll(() => device.status(taken)).toBe(3)
  expect(texts(bob)).toEqual(['Yes'])
})

test('a message is lost on the way in, or only its acknowledgement; sent again it is there once', async () => {
  const device = await here.client().link(us)
  here.network.faults.loseNext()
  const lost = await device.send(bobsJid, { text: 'Lost' })
  here.network.faults.loseNextAnswer()
  const unanswered = await device.send(bobsJid, { text: 'Unanswered' })
  const last = await device.send(bobsJid, { text: 'Last' })
  await expect.poll(() => device.acks.get(last)).toBe('')
  expect([device.acks.has(lost), device.acks.has(unanswered), texts(bob)]).toEqual([
    false,
    false,
    ['Unanswered', 'Last'],
  ])
  for (const [id, text] of [
    [lost, 'Lost'],
    [unanswered, 'Unanswered'],
  ] as const)
    await device.send(bobsJid, { text }, { messageId: id })
  await expect.poll(() => [device.acks.get(lost), device.acks.get(unanswered)]).toEqual(['', ''])
  expect(texts(bob)).toEqual(['Unanswered', 'Last', 'Lost'])
})

test('on a slow link everything is late and nothing out of order', async () => {
  const device = await here.client().link(us)
  here.network.faults.slow(150)
  const begin = performance.now()
  const ids: string[] = []
  for (const text of ['1', '2', '3']) ids.push(await device.send(bobsJid, { text }))
  await expect.poll(() => ids.map((id) => device.acks.get(id))).toEqual(['', '', ''])
  expect(performance.now() - begin).toBeGreaterThan(300)
  expect(texts(bob)).toEqual(['1', '2', '3'])
})

test('on a link that breaks all the time everything arrives once, for a client that tries again', async () => {
  const device = await here.client().link(us)
  const numbers = Array.from({ length: 30 }, (_, index) => String(index))
  await device.send(bobsJid, { text: 'Before' })
  await expect.poll(() => texts(bob)).toEqual(['Before'])
  here.network.faults.breakAt(25)
  for (const text of numbers) {
    const messageId = `3EB0${text.padStart(18, '0')}`
    const taken = async () => {
      if (!device.isOpen) device.connect()
      await expect.poll(() => device.isOpen).toBe(true)
      await device.send(bobsJid, { text }, { messageId }).catch(() => {})
      await expect.poll(() => device.acks.has(messageId) || !device.isOpen).toBe(true)
      return device.acks.has(messageId)
    }
    while (!(await taken())) expect(device.closes.length).toBeLessThan(30)
  }
  expect(texts(bob)).toEqual(['Before', ...numbers])
  expect(device.closes.length).toBeGreaterThan(2)
})

test('in the silence nothing is answered; afterwards whoever comes again gets what was meant for it', async () => {
  const device = await here.client().link(us)
  await device.send(bobsJid, { text: 'Before' })
  await expect.poll(() => texts(bob)).toEqual(['Before'])
  here.network.faults.freeze(true)
  const id = await here.network.person(bob).says(us, 'Do you hear me?')
  const sent = await device.send(bobsJid, { text: 'Hello?' })
  here.network.faults.freeze(false)
  await expect.poll(() => device.closes).toEqual([515, 428])
  expect([device.messages.some(({ key }) => key.id === id), device.acks.has(sent), texts(bob)]).toEqual([
    false,
    false,
    ['Before'],
  ])
  device.connect()
  await device.message(id)
})

test('whoever is turned away comes again when the door is open', async () => {
  const device = await here.client().link(us)
  here.network.faults.refuse(true)
  here.network.faults.cutAll()
  await expect.poll(() => device.closes.length).toBe(2)
  device.connect()
  await expect.poll(() => device.closes.length).toBe(3)
  here.network.faults.refuse(false)
  device.connect()
  await expect.poll(() => device.isOpen).toBe(true)
  here.network.faults.endStream(us, 503)
  await expect.poll(() => device.closes.at(-1)).toBe(503)
})

test('a phone that cannot read a message asks for it again, and gets it', async () => {
  const device = await here.client().link(us)
  await device.send(bobsJid, { text: 'Before' })
  await expect.poll(() => texts(bob)).toEqual(['Before'])
  here.network.person(bob).cannotRead(1)
  await device.send(bobsJid, { text: 'Garbled' })
  await expect.poll(() => texts(bob)).toEqual(['Before', 'Garbled'])
  const { id } = await device.socket.groupCreate('Launch', [bobsJid, '14155559876@s.whatsapp.net'])
  here.network.person(bob).cannotRead(1)
  await device.send(id, { text: 'Garbled for one' })
  await expect.poll(() => texts(bob)).toEqual(['Before', 'Garbled', 'Garbled for one'])
  expect(texts('+14155559876')).toEqual(['Garbled for one'])
})

test('a client that cannot read a message asks for it again, and gets it', async () => {
  const device = await here.client().link(us)
  const person = here.network.person(bob)
  await device.message(await person.says(us, 'Before'))
  await device.send(bobsJid, { text: 'Back' })
  await expect.poll(() => person.received.length).toBe(1)
  await device.message(await person.says(us, 'Between'))
  await device.auth.keys.set({ session: { [`${person.lid.replace('@lid', '')}_1.0`]: null } })
  const id = await person.says(us, 'After')
  const readable = () => device.messages.find(({ key, message }) => key.id === id && message?.conversation)
  await expect.poll(() => readable()?.message?.conversation).toBe('After')
})

test('people behave as their numbers say', async () => {
  const device = await here.client().link(us)
  const outcome = async (number: string, text: string) => {
    const id = await device.send(jidOf(number), { text })
    await expect.poll(() => device.acks.has(id)).toBe(true)
    return device.acks.get(id)
  }
  const [flaky, busy, mute, silent] = ['+14155550105', '+14155550129', '+14155550109', '+14155550108']
  expect([await outcome(flaky, 'A'), await outcome(flaky, 'A'), await outcome(flaky, 'A')]).toEqual(['500', '500', ''])
  expect([await outcome(busy, 'B'), await outcome(busy, 'B')]).toEqual(['429', ''])
  expect([texts(flaky), texts(busy)]).toEqual([['A'], ['B']])
  const unconfirmed = await device.send(jidOf(mute), { text: 'C' })
  const unanswered = await device.send(jidOf(silent), { text: 'D' })
  const echoed = await device.send(jidOf('+14155550110'), { text: 'E' })
  await expect.poll(() => device.messages.map(({ message }) => message?.conversation)).toContain('You said: E')
  await expect.poll(() => device.status(echoed)).toBe(3)
  expect([device.status(unconfirmed), device.acks.get(unconfirmed), device.acks.has(unanswered)]).toEqual([
    1,
    '',
    false,
  ])
  expect([texts(mute), texts(silent)]).toEqual([['C'], ['D']])
  expect(await device.socket.onWhatsApp('+14155550106', '+14155550107', bob)).toEqual([{ jid: bobsJid, exists: true }])
})
