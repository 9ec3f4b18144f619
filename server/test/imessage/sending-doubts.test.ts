/** What became of a send is found out, and nothing is sent again before that. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Outgoing } from '../../src/channels/connector.ts'
import type { Handle } from '../../src/model/ids.ts'
import { type Mac, never, openMac, picture, textTo } from '../support/imessage-sending.ts'

let mac: Mac
let person: Handle
beforeEach(async () => {
  mac = await openMac()
  person = mac.somebody()
})
afterEach(() => mac.stop())

const minuteMs = 60_000
const outcomeOf = ({ ref }: Outgoing) => mac.hurry(mac.sending.outcomeOf(ref))
/** As the process would leave it that is killed while it waits for the answer. */
async function killedWhileSending(message: Outgoing): Promise<void> {
  mac.network.faults.loseNextAnswer()
  const before = mac.network.hanging
  void mac.send(message).catch(() => undefined)
  await expect.poll(() => mac.network.hanging).toBe(before + 1)
  await mac.restart()
}
/** Given up by its signal once the server hangs. */
async function givenUp(message: Outgoing) {
  mac.network.faults.loseNextAnswer()
  const patience = new AbortController()
  const before = mac.network.hanging
  const sending = mac.send(message, patience.signal).catch((error: unknown) => error)
  await expect.poll(() => mac.network.hanging).toBe(before + 1)
  patience.abort()
  return mac.hurry(sending)
}
const rowWith = async (text: string) => {
  const [row] = (await mac.backend.rowsSince(new Date(0), { ours: true }, never)).filter((one) => one.text === text)
  if (row === undefined) throw new Error('there is no such row')
  return row
}

describe('a send whose answer never came', () => {
  test('is uncertain, is found on the Mac, and its row proves it from then on', async () => {
    const message = textTo(person, 'Did it go out?')
    expect(await givenUp(message)).toMatchObject({ kind: 'uncertain' })
    const row = await rowWith('Did it go out?')
    expect(await outcomeOf(message)).toEqual({
      what: 'sent',
      accepted: { providerId: row.guid, chat: `iMessage;-;${person}` },
    })
    expect(mac.sending.refOf(row)).toBe(message.ref)
    expect(mac.followed).toEqual([row.guid])
    expect(mac.arrived(person)).toEqual(['Did it go out?'])
  })

  test('is proved by its row, whoever brings it first', async () => {
    const message = textTo(person, 'Did it go out?')
    await givenUp(message)
    const row = await rowWith('Did it go out?')
    expect(mac.sending.refOf({ ...row, text: 'Something else' })).toBeNull()
    expect(mac.sending.refOf({ ...row, isOurs: false })).toBeNull()
    expect(mac.sending.refOf(row)).toBe(message.ref)
    expect(await outcomeOf(message)).toMatchObject({ what: 'sent' })
  })

  test('holds back the next one of its chat, and no other, until it is known', async () => {
    const message = textTo(person, 'First')
    await givenUp(message)
    const [next, elsewhere] = [textTo(person, 'Second'), textTo(mac.somebody(), 'Elsewhere')]
    expect([mac.sending.turn(next) > 0, mac.sending.turn(elsewhere)]).toEqual([true, 0])
    expect(await mac.fail(next)).toMatchObject({ kind: 'retryable', throttled: true })
    await outcomeOf(message)
    expect(mac.sending.turn(next)).toBe(0)
    await mac.hurry(mac.send(next))
    expect(mac.arrived(person)).toEqual(['First', 'Second'])
  })

  test('is found by the process that takes over', async () => {
    const message = textTo(person, 'Grüße 🙂 ')
    await killedWhileSending(message)
    expect(mac.sending.turn(textTo(person, 'Next'))).toBeGreaterThan(0)
    const row = await rowWith('Grüße 🙂')
    expect(await outcomeOf(message)).toMatchObject({ what: 'sent', accepted: { providerId: row.guid } })
    expect(mac.sending.turn(textTo(person, 'Next'))).toBe(0)
  })

  test('is answered once more when the same message is sent again', async () => {
    const message = textTo(person, 'Once')
    await killedWhileSending(message)
    const accepted = await mac.hurry(mac.send(message))
    expect(accepted.providerId).toBe((await rowWith('Once')).guid)
    expect(mac.arrived(person)).toEqual(['Once'])
  })

  test('in several bubbles has gone out in part, and one gallery has as a whole', async () => {
    const message = textTo(person, 'Two', { attachments: [picture('a.png')] })
    await givenUp(message)
    // Its text is out, its file was never asked for.
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'refused', partly: true } })
    expect(mac.arrived(person)).toEqual(['Two'])

    const gallery = textTo(person, null, { attachments: [picture('b.png'), picture('c.png')] })
    await killedWhileSending(gallery)
    expect(await outcomeOf(gallery)).toMatchObject({ what: 'sent' })
    expect(mac.arrived(person)).toEqual(['Two', 'b.png', 'c.png'])
  })
})

describe('nothing was ever asked for', () => {
  test('under a ref without an entry: it has failed and may be sent', async () => {
    const message = textTo(person, 'Never')
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'retryable' } })
    mac.isUp = false
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed' })
  })

  test('when the entry could not be written', async () => {
    const message = textTo(person, 'Not noted')
    const { put } = mac.vault
    mac.vault.put = () => Promise.reject(new Error('The vault is away.'))
    expect(await mac.fail(message)).toMatchObject({ kind: 'retryable', scope: 'link' })
    mac.vault.put = put
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'retryable' } })
    await mac.hurry(mac.send(message))
    expect(mac.arrived(person)).toEqual(['Not noted'])
  })

  test('before the entry was there: who is killed in between has sent nothing, and waits until that is sure', async () => {
    const message = textTo(person, 'In between')
    const sent = () => mac.network.messages().filter(({ isFromMe }) => isFromMe).length
    const { put } = mac.vault
    let seen = -1
    mac.vault.put = async (entries) => {
      seen = sent()
      await put(entries)
      // The process ends here.
      await new Promise<never>(() => undefined)
    }
    void mac.send(message)
    await expect.poll(() => seen).toBe(0)
    mac.vault.put = put
    await mac.restart()
    expect(await outcomeOf(message)).toEqual({ what: 'open' })
    mac.clock.advance(4 * minuteMs)
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'retryable' } })
    await mac.hurry(mac.send(message))
    expect(mac.arrived(person)).toEqual(['In between'])
  })
})

describe('a Mac that does not know itself', () => {
  test('whose helper is silent for two minutes, and the row came meanwhile: it is sent', async () => {
    mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: 30_000 })
    const accepted = await mac.hurry(mac.send(textTo(person, 'Slow')))
    expect(accepted.providerId).toBe((await rowWith('Slow')).guid)
  })

  test('and the row comes later: it stays open until then', async () => {
    mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: 180_000 })
    const message = textTo(person, 'Very slow')
    expect((await mac.fail(message)).kind).toBe('uncertain')
    expect(await outcomeOf(message)).toEqual({ what: 'open' })
    mac.clock.advance(minuteMs)
    await expect.poll(() => mac.arrived(person)).toEqual(['Very slow'])
    expect(await outcomeOf(message)).toMatchObject({ what: 'sent' })
  })

  test.each([{ kind: 'neverWritten' }, { kind: 'timesOut', rowAfterMs: null }] as const)(
    'and the row never comes ($kind): it has failed once the server had all its time, and goes out anew',
    async (fate) => {
      mac.network.faults.nextSends(fate)
      const message = textTo(person, 'Lost')
      expect((await mac.fail(message)).kind).toBe('uncertain')
      expect(await outcomeOf(message)).toEqual({ what: 'open' })
      expect(mac.sending.turn(textTo(person, 'Next'))).toBeGreaterThan(0)
      mac.clock.advance(4 * minuteMs)
      expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'retryable' } })
      expect(mac.sending.turn(textTo(person, 'Next'))).toBe(0)
      await mac.hurry(mac.send(message))
      expect(mac.arrived(person)).toEqual(['Lost'])
    },
  )

  test('and who wrote the same words before is not mistaken for it', async () => {
    const first = await mac.hurry(mac.send(textTo(person, 'yes')))
    mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: null })
    const second = textTo(person, 'yes')
    expect((await mac.fail(second)).kind).toBe('uncertain')
    await mac.restart()
    mac.clock.advance(4 * minuteMs)
    expect(await outcomeOf(second)).toMatchObject({ what: 'failed' })
    expect(mac.sending.refOf(await rowWith('yes'))).not.toBe(second.ref)
    expect(mac.arrived(person)).toEqual(['yes'])
    expect((await rowWith('yes')).guid).toBe(first.providerId)
  })

  test('and cannot be asked: it stays open, however long it takes', async () => {
    const message = textTo(person, 'Where are you?')
    await givenUp(message)
    await mac.network.cut()
    mac.clock.advance(20 * minuteMs)
    expect(await outcomeOf(message)).toEqual({ what: 'open' })
    await mac.network.mend()
    mac.isUp = false
    expect(await outcomeOf(message)).toEqual({ what: 'open' })
    mac.isUp = true
    expect(await outcomeOf(message)).toMatchObject({ what: 'sent' })
  })

  test('whose clock is behind ours is understood, once it has answered', async () => {
    await mac.stop()
    mac = await openMac({ lagMs: 3 * minuteMs })
    const other = mac.somebody()
    const first = await mac.hurry(mac.send(textTo(other, 'What time is it?')))
    const message = textTo(other, 'And now?')
    await givenUp(message)
    const outcome = await outcomeOf(message)
    expect(outcome).toMatchObject({ what: 'sent', accepted: { providerId: (await rowWith('And now?')).guid } })
    expect(mac.followed[0]).toBe(first.providerId)
  })

  test('whose script hangs although it sends: it is sent, once', async () => {
    mac.network.mac.privateApi = false
    await mac.look()
    mac.network.faults.nextSends({ kind: 'scriptHangs' })
    const accepted = await mac.hurry(mac.send(textTo(person, '🙂')))
    expect(accepted.providerId).toBe((await rowWith('🙂')).guid)
    expect(mac.arrived(person)).toEqual(['🙂'])
  })

  test('who answers with the row of its owner: ours is looked for', async () => {
    mac.network.quirks.mixesGuids = true
    const sending = mac.send(textTo(person, 'Ours'))
    await expect.poll(() => mac.arrived(person)).toEqual(['Ours'])
    const theirs = mac.network.owner.says(person, 'From the Mac')
    const accepted = await mac.hurry(sending)
    expect(accepted.providerId).toBe((await rowWith('Ours')).guid)
    expect(accepted.providerId).not.toBe(theirs)
    expect(mac.sending.refOf(await rowWith('From the Mac'))).toBeNull()
  })
})

describe('a row with an error', () => {
  test.each([
    [22, 'unreachable'],
    [4, 'retryable'],
    [25, 'refused'],
  ] as const)('%d at once is %s, and leaves nothing in doubt', async (code, kind) => {
    for (const losesFailedRow of [true, false]) {
      mac.network.quirks.losesFailedRow = losesFailedRow
      mac.network.faults.nextSends({ kind: 'errorAtOnce', code })
      const message = textTo(person, `Failed ${code} ${losesFailedRow}`)
      expect((await mac.fail(message)).kind).toBe(kind)
      expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind } })
      expect(mac.sending.turn(textTo(person, 'Next'))).toBe(0)
    }
  })

  test('of a file is seen although the server says that all is well', async () => {
    mac.network.faults.nextSends({ kind: 'errorAtOnce', code: 25 })
    expect((await mac.fail(textTo(person, null, { attachments: [picture('a.png')] }))).kind).toBe('refused')
  })

  test.each([true, false])('is not taken for the try that comes after it (nameless: %s)', async (losesFailedRow) => {
    mac.network.quirks.losesFailedRow = losesFailedRow
    mac.network.faults.nextSends({ kind: 'errorAtOnce', code: 4 })
    const message = textTo(person, 'Again')
    expect((await mac.fail(message)).kind).toBe('retryable')
    mac.network.faults.nextSends({ kind: 'timesOut', rowAfterMs: 180_000 })
    expect((await mac.fail(message)).kind).toBe('uncertain')
    expect(await outcomeOf(message)).toEqual({ what: 'open' })
    mac.clock.advance(minuteMs)
    await expect.poll(() => mac.arrived(person)).toEqual(['Again'])
    const [failed, sent] = mac.network.messages().filter(({ isFromMe }) => isFromMe)
    expect(failed?.error).toBe(4)
    expect(await outcomeOf(message)).toMatchObject({ what: 'sent', accepted: { providerId: sent?.guid } })
  })

  test('after the text is out ends the message in the middle, for good', async () => {
    // The first of them is taken by the text.
    mac.network.faults.nextSends({ kind: 'errorLater', code: 4, afterMs: 3_600_000 })
    mac.network.faults.nextSends({ kind: 'errorAtOnce', code: 34 })
    const message = textTo(person, 'Look', { attachments: [picture('a.png')] })
    expect(await mac.fail(message)).toMatchObject({ kind: 'refused', partly: true })
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'refused', partly: true } })
    await mac.restart()
    expect(await outcomeOf(message)).toMatchObject({ what: 'failed', failure: { kind: 'refused', partly: true } })
  })
})

test('a row proves nothing while its send is under way: the answer may still be that it failed', async () => {
  mac.network.quirks.mixesGuids = true
  const message = textTo(person, 'On its way')
  const sending = mac.send(message)
  await expect.poll(() => mac.arrived(person)).toEqual(['On its way'])
  const row = await rowWith('On its way')
  expect(mac.sending.refOf(row)).toBeNull()
  expect(await mac.sending.outcomeOf(message.ref)).toEqual({ what: 'open' })
  await mac.hurry(sending)
  expect(mac.sending.refOf(row)).toBe(message.ref)
})

test('two messages of one chat never go at once, and each gets its own id', async () => {
  mac.network.quirks.mixesGuids = true
  const texts = ['one', 'two', 'three']
  const accepted = await mac.hurry(Promise.all(texts.map((text) => mac.send(textTo(person, text)))))
  const guids = await Promise.all(texts.map(async (text) => (await rowWith(text)).guid))
  expect(accepted.map(({ providerId }) => providerId)).toEqual(guids)
  expect(mac.arrived(person)).toEqual(texts)
})

test('one write to the vault is made for a message of one bubble, and the words are not in it', async () => {
  const { put } = mac.vault
  const written: string[] = []
  mac.vault.put = async (entries) => {
    written.push(Buffer.concat(Object.values(entries).map((bytes) => bytes ?? Buffer.alloc(0))).toString())
    await put(entries)
  }
  for (const text of ['a secret word', 'another']) await mac.hurry(mac.send(textTo(person, text)))
  expect(written).toHaveLength(2)
  expect(written.join()).not.toContain('secret')
  mac.clock.advance(25 * 60 * minuteMs)
  await mac.hurry(mac.send(textTo(person, 'much later')))
  expect([...mac.entries.keys()].filter((key) => key.startsWith('send/'))).toHaveLength(1)
})
