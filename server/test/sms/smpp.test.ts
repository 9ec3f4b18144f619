/** SMS over SMPP against a loopback SMSC, over real sockets: what arrives, what is told, and what happens when it goes wrong. */
import { afterEach, describe, expect, test } from 'vitest'
import type { SmscOptions } from '../../../networks/src/sms/smsc.ts'
import { newOutgoing, type SpyHost, spyHost } from '../../src/channels/conformance-stage.ts'
import type { Accepted } from '../../src/channels/connector.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import { smsTextOf } from '../../src/model/sms-text.ts'
import { issueCertificate } from '../egress/certificates.ts'
import {
  type LineOptions,
  lineTo,
  openWorld,
  ours,
  type SmppLine,
  type SmppWorld,
  somebody,
  until,
} from '../support/smpp-line.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function world(options: Partial<SmscOptions> = {}): Promise<SmppWorld> {
  const made = await openWorld(options)
  closing.push(() => made.smsc.stop())
  return made
}

async function line(options: LineOptions): Promise<SmppLine> {
  const made = lineTo(options)
  closing.push(() => made.connection.stop())
  await made.connection.start()
  return made
}

async function bound(options: Partial<SmscOptions> = {}, query = ''): Promise<SmppWorld & SmppLine> {
  const made = await world(options)
  return { ...made, ...(await line({ port: made.smsc.port, query })) }
}

function accepted(outcome: Accepted | SendFailure): Accepted {
  if (outcome instanceof SendFailure) throw outcome
  return outcome
}

function failed(outcome: Accepted | SendFailure): SendFailure {
  if (!(outcome instanceof SendFailure)) throw new Error(`it was accepted as ${outcome.providerId}`)
  return outcome
}

const family = '👨‍👩‍👧‍👦'
const texts: readonly (readonly [string, string])[] = [
  ['plain', 'Hello there'],
  ['with all that costs two', '^{}\\[~]|€ costs two each: €€€'],
  ['with letters of its own', 'Ça? Non: ÄÖÜß ñ à é ù ì ò Ø å Δ Φ Ω ¿¡ @£$¥ §'],
  ['in UTF-16', 'Grüße 🙂 aus 東京 ‏שלום‏'],
  ['of exactly one part', 'x'.repeat(160)],
  ['of two parts', 'y'.repeat(161)],
  ['long, with pairs at the seams', '€'.repeat(400)],
  ['long, with emoji at the seams', `a${family.repeat(20)}`],
  ['of ten parts', 'Lorem ipsum '.repeat(127)],
]

describe.each(['udh', 'sar', 'payload'])('with concat=%s', (concat) => {
  test('every text arrives as it was sent, and comes back as it was written', async () => {
    const { people, send, heard } = await bound({}, `?concat=${concat}`)
    people.set(somebody, { writesBack: '$text', writesBackAfterMs: 0, receiptAfterMs: null })
    for (const [name, text] of texts) {
      const { providerId, parts } = accepted(await send(somebody, text))
      const segments = concat === 'payload' ? 1 : smsTextOf(text).parts.length
      expect(people.arrived().at(-1), name).toMatchObject({ id: providerId, from: ours, to: somebody, text })
      expect(parts ?? [providerId], name).toEqual(people.arrived().at(-1)?.parts)
      expect(parts?.length ?? 1, name).toBe(segments)
    }
    await until(() => heard('message').length === texts.length, 'all of it came back')
    expect(heard('message').map(({ text }) => text)).toEqual(texts.map(([, text]) => text))
    for (const { from, chat } of heard('message')) expect([from, chat]).toEqual([somebody, `SMS;-;${somebody}`])
  })
})

describe('sending', () => {
  test('500 at once through a window of 10 loses and doubles nothing', async () => {
    const { people, smsc, send } = await bound({}, '?window=10')
    people.set(somebody, { receiptAfterMs: null })
    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, index) => send(somebody, `number ${index}`)))
    const ids = outcomes.map((outcome) => accepted(outcome).providerId)
    expect(new Set(ids).size).toBe(500)
    expect(people.arrived().map(({ id, text }) => [id, text])).toEqual(ids.map((id, index) => [id, `number ${index}`]))
    expect(smsc.counts().submits).toBe(500)
  })

  test('never has more without an answer than the window allows', async () => {
    const { people, smsc, send } = await bound({}, '?window=3')
    people.set(somebody, { neverAnswers: true })
    const giveUp = new AbortController()
    const outcomes = Array.from({ length: 5 }, () => send(somebody, 'anyone?', giveUp.signal))
    await until(() => smsc.counts().submits === 3, 'three are under way')
    giveUp.abort()
    const kinds = (await Promise.all(outcomes)).map((outcome) => failed(outcome).kind)
    expect(kinds).toEqual(['uncertain', 'uncertain', 'uncertain', 'retryable', 'retryable'])
    expect(smsc.counts().submits).toBe(3)
  })

  test('says uncertain when no answer comes within 30 s', async () => {
    const { smsc, send, clock } = await bound()
    smsc.answerNext(null)
    const outcome = send(somebody, 'hello')
    await until(() => smsc.counts().submits === 1, 'it is under way')
    clock.advance(30_000)
    expect(failed(await outcome)).toMatchObject({ kind: 'uncertain', code: 'PROVIDER_TIMEOUT' })
  })

  test('waits longer each time the SMSC says so, and not at all once it takes something', async () => {
    const { smsc, send } = await bound()
    smsc.answerNext(0x58, 0x14, 0, 0x58)
    const outcomes: (Accepted | SendFailure)[] = []
    for (let index = 0; index < 4; index += 1) outcomes.push(await send(somebody, 'hello'))
    const told = outcomes.map((outcome) => (outcome instanceof SendFailure ? outcome.retryAfterMs : 'accepted'))
    expect(told).toEqual([1_000, 2_000, 'accepted', 1_000])
    expect(failed(outcomes[0]!)).toMatchObject({ kind: 'retryable', throttled: true, scope: 'link' })
  })

  test('submits a part again that had to wait, once another went out', async () => {
    const { people, smsc, send, clock } = await bound()
    smsc.answerNext(0, 0x58, 0x08)
    const text = 'z'.repeat(500)
    const outcome = send(somebody, text)
    await until(() => smsc.counts().submits === 4, 'all parts were tried')
    clock.advance(600)
    const { parts } = accepted(await outcome)
    expect([parts?.length, people.arrived().map((one) => one.text)]).toEqual([4, [text]])
    expect(smsc.counts().submits).toBe(6)
  })

  test('gives up on a part that has to wait for too long, and says that others went out', async () => {
    const { smsc, send, clock } = await bound()
    smsc.answerNext(0, ...Array.from({ length: 30 }, () => 0x58))
    let ended = false
    const outcome = send(somebody, 'z'.repeat(200)).finally(() => {
      ended = true
    })
    const onward = () => {
      if (!ended) clock.advance(100)
      return ended
    }
    await until(onward, 'it gave up')
    expect(smsc.counts().submits).toBeGreaterThan(4)
    expect(failed(await outcome)).toMatchObject({ kind: 'refused', code: 'SMS_SEND_FAILED', partly: true })
  })

  test('has sent nothing of a message whose first part is refused', async () => {
    const { smsc, send, people } = await bound()
    smsc.answerNext(0x0b)
    const failure = failed(await send(somebody, 'z'.repeat(1_000)))
    expect([failure.kind, failure.code, failure.partly]).toEqual(['unreachable', 'NO_CHANNEL_AVAILABLE', false])
    expect([smsc.counts().submits, people.arrived()]).toEqual([1, []])
  })

  test('says so when a later part is refused, or may be lost', async () => {
    const { smsc, send, clock } = await bound()
    smsc.answerNext(0, 0x45, 0)
    const refused = failed(await send(somebody, 'z'.repeat(400)))
    expect(refused).toMatchObject({ kind: 'refused', code: 'SMS_REJECTED', partly: true })
    expect(refused.message).toContain('Of 3 parts, 1 did not go out')
    smsc.answerNext(0, null, 0)
    const outcome = send(somebody, 'z'.repeat(400))
    await until(() => smsc.counts().submits === 6, 'all are under way')
    clock.advance(30_000)
    expect(failed(await outcome)).toMatchObject({ kind: 'uncertain', partly: false })
  })

  test('refuses a text of too many parts, a file and an e-mail address before anything is sent', async () => {
    const { smsc, send } = await bound({}, '?segmentsMax=2')
    expect(failed(await send(somebody, 'z'.repeat(307)))).toMatchObject({ kind: 'refused', code: 'SMS_TOO_LONG' })
    expect(failed(await send('somebody@example.com', 'hello'))).toMatchObject({ kind: 'unreachable' })
    expect(failed(await send(somebody, ''))).toMatchObject({ kind: 'refused', code: 'SMS_REJECTED' })
    expect(smsc.counts().submits).toBe(0)
  })

  test('goes to short codes and names, and answers into their chats', async () => {
    const { people, send, smsc, heard } = await bound()
    for (const handle of ['32665', 'WhatsApp']) {
      const { chat } = accepted(await send(handle, 'hello'))
      expect(chat).toBe(`SMS;-;${handle}`)
      accepted(await send({ chat }, 'again'))
      expect(people.arrived(handle).map(({ text }) => text)).toEqual(['hello', 'again'])
      smsc.say(handle, ours, 'Your code is 123456')
    }
    await until(() => heard('message').length === 2, 'both wrote')
    expect(
      heard('message')
        .map(({ from, chat }) => [from, chat])
        .sort(),
    ).toEqual([
      ['32665', 'SMS;-;32665'],
      ['WhatsApp', 'SMS;-;WhatsApp'],
    ])
  })

  test('keeps its pace in parts', async () => {
    const { connection } = await bound({}, '?perSecond=2')
    const turnOf = (text: string) => connection.turn?.(newOutgoing('sms', { handle: somebody }, { text }))
    expect([turnOf('one'), turnOf('z'.repeat(300))]).toEqual([0, 500])
  })
})

describe('receipts', () => {
  test('10,000 in any order, before and after the answer, are each told once', async () => {
    const { people, smsc, send, heard } = await bound({ receipts: { scatteredMs: 500 } }, '?window=100')
    people.set(somebody, { receiptAfterMs: 0 })
    const outcomes: (Accepted | SendFailure)[] = []
    for (let round = 0; round < 20; round += 1) {
      smsc.receipts.early = round % 2 === 0
      outcomes.push(
        ...(await Promise.all(Array.from({ length: 500 }, (_, index) => send(somebody, `${round} ${index}`)))),
      )
    }
    await until(() => heard('receipt').length >= 10_000, 'all came', 60_000)
    const ids = outcomes.map((outcome) => accepted(outcome).providerId)
    expect(
      heard('receipt')
        .map(({ providerId }) => providerId)
        .sort(),
    ).toEqual(ids.toSorted())
    expect(new Set(heard('receipt').map(({ status, detail }) => `${status} ${detail}`))).toEqual(
      new Set(['delivered null']),
    )
  }, 120_000)

  test('come for each part, and again when they were not taken', async () => {
    const { people, smsc, send, heard, host } = await bound()
    people.set(somebody, { receiptAfterMs: 0, receipt: 'failed' })
    host.refuse(2)
    const { parts } = accepted(await send(somebody, 'z'.repeat(400)))
    await until(() => heard('receipt').length === 3, 'all came')
    expect(
      heard('receipt')
        .map(({ providerId }) => providerId)
        .sort(),
    ).toEqual(parts?.toSorted())
    expect(heard('receipt')[0]).toMatchObject({ status: 'failed', detail: expect.stringContaining('UNDELIV, err 001') })
    expect(smsc.counts().repeats).toBe(2)
  })

  test.each([
    ['response', 'response-hex'],
    ['receipt', 'receipt-hex'],
  ] as const)('find their message when the %s is in hexadecimal', async (hex, idFormat) => {
    const { people, send, heard } = await bound({ receipts: { hex } }, `?idFormat=${idFormat}`)
    people.set(somebody, { receiptAfterMs: 0 })
    const { providerId } = accepted(await send(somebody, 'hello'))
    await until(() => heard('receipt').length === 1, 'it came')
    expect(heard('receipt')[0]?.providerId).toBe(providerId)
  })

  test('without optional parameters, twice, and saying that nobody knows, are understood', async () => {
    const { people, send, heard } = await bound({ receipts: { tags: false, twice: true, stat: 'UNKNOWN' } })
    people.set(somebody, { receiptAfterMs: 0 })
    const { providerId } = accepted(await send(somebody, 'hello'))
    await until(() => heard('receipt').length === 2, 'both came')
    for (const receipt of heard('receipt'))
      expect(receipt).toMatchObject({ providerId, status: 'sent', detail: expect.stringContaining('UNKNOWN') })
  })
})

describe('receiving', () => {
  const long = `${'A long story. '.repeat(30)}The end.`

  test('tells two equal messages as two, and one that comes again as one', async () => {
    const { smsc, heard, host } = await bound()
    smsc.say(somebody, ours, 'yes')
    smsc.say(somebody, ours, 'yes')
    await until(() => heard('message').length === 2, 'both came')
    expect(new Set(heard('message').map(({ providerId }) => providerId)).size).toBe(2)
    const { receive } = host
    host.receive = async (event) => {
      await receive(event)
      // Taken, and the acknowledgement has nowhere to go.
      smsc.cutAll()
      host.receive = receive
    }
    smsc.say(somebody, ours, 'no')
    await until(() => smsc.counts().repeats === 1 && smsc.counts().waiting === 0, 'it came again and was acknowledged')
    expect(heard('message').map(({ text }) => text)).toEqual(['yes', 'yes', 'no'])
  })

  test('joins a long message whose parts came before and after a restart', async () => {
    const { smsc, port, host } = await stoppedWithinLongMessage(long)
    expect(host.taken).toEqual([])
    expect([...host.entries.keys()].filter((key) => key.startsWith('part/'))).toHaveLength(1)
    const afterwards = await line({ port, host: spyHost(host.entries) })
    await until(() => afterwards.heard('message').length === 1 && smsc.counts().waiting === 0, 'it is whole')
    expect(afterwards.heard('message')[0]).toMatchObject({ text: long, from: somebody })
    await until(() => ![...host.entries.keys()].some((key) => key.startsWith('part')), 'its parts are forgotten')
  })

  test('hands on what there is of a message that never gets whole', async () => {
    const { smsc, port, host } = await stoppedWithinLongMessage(long)
    await smsc.stop()
    const again = await world()
    expect(again.smsc.port).not.toBe(port)
    const { clock, heard } = await line({ port: again.smsc.port, host: spyHost(host.entries) })
    clock.advance(4 * 60_000)
    expect(heard('message')).toEqual([])
    clock.advance(75_000)
    await until(() => heard('message').length === 1, 'it was handed on')
    expect(long.startsWith(heard('message')[0]?.text ?? '?')).toBe(true)
    await until(() => ![...host.entries.keys()].some((key) => key.startsWith('part')), 'its parts are forgotten')
  })

  async function stoppedWithinLongMessage(
    text: string,
  ): Promise<{ smsc: SmppWorld['smsc']; port: number; host: SpyHost }> {
    const { smsc } = await world()
    const { connection, host } = await line({ port: smsc.port })
    host.receive = async () => {
      throw new Error('The store is away.')
    }
    smsc.say(somebody, ours, text)
    await until(() => smsc.counts().repeats > 0, 'the last part was not taken')
    await connection.stop()
    return { smsc, port: smsc.port, host }
  }
})

describe('the link', () => {
  test('says which status refused the bind, and tries again in a minute', async () => {
    const { smsc } = await world()
    const { host, settings, connector, clock, send } = await line({ port: smsc.port, secret: 'wrong' })
    const state = host.states.at(-1)
    expect(state).toMatchObject({ status: 'disconnected', reason: 'close_bind_0x0e' })
    const waitMs = Date.parse((state as { retryAt: string }).retryAt) - clock.now()
    expect(Math.round(waitMs / 10_000)).toBe(6)
    expect(await connector.test?.(settings, new AbortController().signal)).toEqual({
      ok: false,
      detail:
        'The SMSC refused the bind (0x0e, invalid password). Check the system id, the password, and how many binds the provider allows.',
    })
    expect(failed(await send(somebody, 'hello'))).toMatchObject({ kind: 'retryable', scope: 'link' })
  })

  test('says in words what a trial found', async () => {
    const { smsc } = await world()
    const signal = new AbortController().signal
    const fine = lineTo({ port: smsc.port })
    expect(await fine.connector.test?.(fine.settings, signal)).toEqual({
      ok: true,
      detail: `127.0.0.1:${smsc.port} let gateway bind as transceiver.`,
    })
    await until(() => smsc.counts().sessions === 0, 'it left again')
    const nowhere = lineTo({ port: 1 })
    expect(await nowhere.connector.test?.(nowhere.settings, signal)).toEqual({
      ok: false,
      detail: 'Nothing listens on port 1 of 127.0.0.1. Check the port and the firewall.',
    })
    const unknown = lineTo({ port: 1, hostName: 'nobody.invalid' })
    expect(await unknown.connector.test?.(unknown.settings, signal)).toEqual({
      ok: false,
      detail: 'There is no host called nobody.invalid. Check its spelling and its DNS records.',
    })
  })

  test('runs over TLS, and only with a certificate that holds', async () => {
    const [good, other] = await Promise.all([issueCertificate(['IP:127.0.0.1']), issueCertificate(['DNS:example.com'])])
    const { smsc, people } = await world({ tls: good })
    const { port } = smsc
    const trusted = await line({ port, scheme: 'smpps', ca: good.cert })
    accepted(await trusted.send(somebody, 'safely'))
    expect(people.arrived().map(({ text }) => text)).toEqual(['safely'])
    const signal = new AbortController().signal
    const strange = lineTo({ port, scheme: 'smpps', ca: other.cert })
    expect(await strange.connector.test?.(strange.settings, signal)).toEqual({
      ok: false,
      detail: 'The certificate is not accepted: it is self-signed. Use one of a public certificate authority.',
    })
    const plain = lineTo({ port })
    expect(await plain.connector.test?.(plain.settings, signal)).toMatchObject({ ok: false })
  })

  test('notices that nobody is there any more, and ends what is under way as uncertain', async () => {
    const { smsc, send, host, clock } = await bound()
    smsc.freeze(true)
    const outcome = send(somebody, 'hello')
    clock.advance(29_000)
    clock.advance(1_500)
    await until(() => host.states.at(-1)?.status === 'connected', 'it enquires first')
    clock.advance(5_000)
    expect(failed(await outcome).kind).toBe('uncertain')
    await until(() => host.states.at(-1)?.status !== 'connected', 'it noticed')
    expect(host.states.find(({ status }) => status === 'disconnected')).toMatchObject({ reason: 'close_enquire' })
    smsc.freeze(false)
    smsc.cutAll()
    await until(() => host.states.at(-1)?.status === 'connected', 'it came back')
    accepted(await send(somebody, 'again'))
  })
})
