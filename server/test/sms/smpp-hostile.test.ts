/** SMPP against peers that misbehave: what they send does no harm, and a peer that dies or hangs is lived through. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Accepted } from '../../src/channels/connector.ts'
import { type Command, encode, type Frame, FrameReader, type Pdu } from '../../src/channels/sms/smpp/pdu.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import { lineTo, type SmppLine, somebody, until } from '../support/smpp-line.ts'
import type { SmscNews } from '../support/smsc-process.ts'

const closing: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function line(port: number, query = ''): Promise<SmppLine> {
  const made = lineTo({ port, query })
  closing.push(() => made.connection.stop())
  await made.connection.start()
  return made
}

/** A peer made by hand: it lets everybody bind, and does with the rest what the test says. */
async function peer(take: (pdu: Pdu, socket: Socket) => void = () => undefined) {
  const heard: Frame[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const reader = new FrameReader()
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      for (const frame of reader.push(chunk)) {
        heard.push(frame)
        if (!('pdu' in frame)) continue
        const { command, sequence } = frame.pdu
        if (command === 'bind_transceiver') socket.write(encode({ command: 'bind_transceiver_resp', sequence }))
        else if (command === 'unbind') socket.end(encode({ command: 'unbind_resp', sequence }))
        else take(frame.pdu, socket)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const last = () => {
    const socket = [...sockets].at(-1)
    if (socket === undefined) throw new Error('nobody is connected')
    return socket
  }
  const answersTo = (sequence: number) =>
    heard.flatMap((frame) => ('pdu' in frame && frame.pdu.sequence === sequence ? [frame.pdu] : []))
  const binds = () => heard.filter((frame) => 'pdu' in frame && frame.pdu.command === 'bind_transceiver').length
  return { port: (server.address() as AddressInfo).port, heard, last, answersTo, binds }
}

const isUp = ({ host }: SmppLine) => host.states.at(-1)?.status === 'connected'
const message = (text: string, sequence: number) =>
  encode({ command: 'deliver_sm', sequence }, { sourceTon: 1, source: '12025550177', shortMessage: Buffer.from(text) })

describe('a peer that sends', () => {
  test('what nobody asked for is answered as the standard says, and the line goes on', async () => {
    const { port, last, answersTo } = await peer()
    const ours = await line(port)
    const unknown = encode({ command: 'enquire_link', sequence: 101 })
    unknown.writeUInt32BE(0x0b, 4)
    const broken = message('hello', 102)
    broken[broken.length - 6] = 200
    const requests = [
      encode({ command: 'enquire_link', sequence: 103 }),
      encode({ command: 'submit_sm', sequence: 104 }),
    ]
    const strays = [
      encode({ command: 'submit_sm_resp', sequence: 777 }),
      encode({ command: 'generic_nack', sequence: 778 }),
    ]
    last().write(Buffer.concat([unknown, broken, ...requests, ...strays, message('fine', 105)]))
    await until(() => answersTo(105).length === 1, 'all was answered')
    const told = [101, 102, 103, 104, 105].map((sequence) =>
      answersTo(sequence).map(({ command, status }) => [command, status]),
    )
    expect(told).toEqual([
      [['generic_nack', 3]],
      [['deliver_sm_resp', 1]],
      [['enquire_link_resp', 0]],
      [['generic_nack', 3]],
      [['deliver_sm_resp', 0]],
    ])
    expect(ours.heard('message').map(({ text }) => text)).toEqual(['fine'])
    expect(isUp(ours)).toBe(true)
  })

  test('no SMPP at all is left, and tried again', async () => {
    const { port, last } = await peer()
    const ours = await line(port)
    last().write('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    await until(() => ours.host.states.length > 3 && isUp(ours), 'it came back')
    expect(ours.host.states.slice(2)).toMatchObject([
      { status: 'disconnected', reason: 'close_protocol' },
      { status: 'connecting' },
      { status: 'connected' },
    ])
  })

  test('random bytes never ends the process, and the line comes back', async () => {
    const { port, last, binds } = await peer()
    const ours = await line(port)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 16, maxLength: 2_000 }), async (bytes) => {
        const before = binds()
        // With their length in front they are a PDU, of some kind.
        const framed = Buffer.from(bytes)
        framed.writeUInt32BE(framed.length, 0)
        last().end(Buffer.concat([framed, bytes]))
        const isBack = () => {
          ours.clock.advance(400)
          return binds() > before && isUp(ours)
        }
        await until(isBack, `it came back after ${framed.toString('hex')}`)
      }),
      { numRuns: 40 },
    )
    await until(() => isUp(ours), 'it is up again')
  })

  test('messages that are nearly right gets an answer to each', async () => {
    const { port, last, answersTo } = await peer()
    const ours = await line(port)
    let sequence = 1_000
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 255 }),
        async (at, octet, coding) => {
          sequence += 1
          const body = { source: '12025550177', esmClass: at % 2 === 0 ? 0x40 : 4, dataCoding: coding }
          const own = new Map([
            [0x020c, Buffer.of(1, 2)],
            [0x0424, Buffer.from('payload')],
          ])
          const frame = encode(
            { command: 'deliver_sm', sequence },
            { ...body, shortMessage: Buffer.from([5, 0, 3, 1, 2, 1, 65]) },
            own,
          )
          frame[16 + (at % (frame.length - 16))] = octet
          const number = sequence
          last().write(frame)
          await until(() => answersTo(number).length === 1, `an answer to ${frame.toString('hex')}`)
        },
      ),
      { numRuns: 200 },
    )
    expect(isUp(ours)).toBe(true)
  })

  test('and never reads is left before its answers fill the memory', async () => {
    const { port, last } = await peer()
    const ours = await line(port)
    last().pause()
    const many = Buffer.concat(
      Array.from({ length: 20_000 }, (_, index) => encode({ command: 'enquire_link', sequence: index + 1 })),
    )
    for (let round = 0; round < 40 && ours.host.states.length === 2; round += 1) {
      const socket = last()
      if (!socket.write(many)) await once(socket, 'drain').catch(() => undefined)
    }
    await until(() => ours.host.states.length > 2, 'it was left')
    expect(ours.host.states[2]).toMatchObject({ status: 'disconnected', reason: 'close_unread' })
  })

  test('more than can be taken is told to wait by TCP, and nothing of it is lost', async () => {
    const { port, last, heard } = await peer()
    const ours = await line(port)
    const { receive } = ours.host
    let held: (() => void)[] = []
    let begun = 0
    ours.host.receive = async (event) => {
      begun += 1
      await new Promise<void>((resolve) => held.push(resolve))
      await receive(event)
    }
    const total = 20_000
    const flood = Array.from({ length: total }, (_, index) => {
      const body = { sourceTon: 5, source: `sender ${index % 5_000}`, shortMessage: Buffer.from(`${index}`) }
      return encode({ command: 'deliver_sm', sequence: index + 1 }, body)
    })
    last().write(Buffer.concat(flood))
    await until(() => begun >= 200, 'it began')
    expect(begun).toBeLessThan(3_000)
    const release = () => {
      for (const one of held.splice(0)) one()
      return ours.heard('message').length === total
    }
    await until(release, 'all came', 30_000)
    const acknowledged = () => heard.filter((frame) => 'pdu' in frame && frame.pdu.command === 'deliver_sm_resp')
    await until(() => acknowledged().length === total, 'all was acknowledged')
    held = []
    const perSender = Map.groupBy(ours.heard('message'), ({ from }) => from)
    for (const told of perSender.values())
      expect(told.map(({ text }) => Number(text))).toEqual(
        told.map(({ text }) => Number(text)).toSorted((one, other) => one - other),
      )
  }, 60_000)
})

describe('a peer that does not wait for answers', () => {
  test('has to bring all again that came after what was not taken, so that their order holds', async () => {
    const { port, last, answersTo } = await peer()
    const ours = await line(port)
    const other = encode(
      { command: 'deliver_sm', sequence: 204 },
      { source: '32665', shortMessage: Buffer.from('other') },
    )
    ours.host.refuse(1)
    last().write(Buffer.concat([message('one', 201), message('two', 202), message('three', 203), other]))
    await until(() => [201, 202, 203, 204].every((sequence) => answersTo(sequence).length === 1), 'all was answered')
    expect([201, 202, 203, 204].map((sequence) => answersTo(sequence)[0]?.status)).toEqual([0x64, 0x64, 0x64, 0])
    last().write(Buffer.concat([message('one', 205), message('two', 206), message('three', 207)]))
    await until(() => answersTo(207).length === 1, 'all was answered')
    expect(ours.heard('message').map(({ text }) => text)).toEqual(['other', 'one', 'two', 'three'])
  })

  test('and never lets us in does not keep the line from being stopped', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    closing.push(() => {
      silent.close()
    })
    const ours = lineTo({ port: (silent.address() as AddressInfo).port })
    const starting = ours.connection.start()
    await until(() => ours.host.states.length === 1, 'it tries')
    await ours.connection.stop()
    await starting
    expect(ours.host.states).toEqual([
      { status: 'connecting' },
      { status: 'disconnected', reason: 'stopped', retryAt: null },
    ])
  })
})

describe('a peer that answers a submit', () => {
  test.each([
    [
      'with an answer that is cut off in the middle of an optional parameter',
      (sequence: number) => {
        const frame = encode({ command: 'submit_sm_resp', sequence }, { messageId: 'x' }, new Map([[1, Buffer.of(1)]]))
        frame[frame.length - 2] = 9
        return frame
      },
      'uncertain',
    ],
    [
      'with an unknown kind of answer',
      (sequence: number) => {
        const frame = encode({ command: 'submit_sm_resp', sequence })
        frame.writeUInt32BE(0x80000099, 4)
        return frame
      },
      'uncertain',
    ],
    ['with generic_nack', (sequence: number) => encode({ command: 'generic_nack', sequence, status: 3 }), 'refused'],
    ['by ending the bind', (sequence: number) => encode({ command: 'unbind', sequence }), 'uncertain'],
  ] as const)('%s leaves no doubt about how it failed', async (_, answer, kind) => {
    const { port } = await peer(({ command, sequence }, socket) => {
      if (command === 'submit_sm') socket.write(answer(sequence))
    })
    const ours = await line(port)
    expect(await ours.send(somebody, 'hello')).toMatchObject({ name: 'SendFailure', kind })
    await until(() => isUp(ours), 'it goes on')
  })

  test('that only looks like the answer is not taken for it', async () => {
    const { port } = await peer(({ command, sequence }, socket) => {
      const answers: Command[] = ['enquire_link_resp', 'deliver_sm_resp', 'submit_sm_resp']
      if (command !== 'submit_sm') return
      for (const one of answers) socket.write(encode({ command: one, sequence }, { messageId: `by ${one}` }))
    })
    const ours = await line(port)
    expect(await ours.send(somebody, 'hello')).toMatchObject({ providerId: 'by submit_sm_resp' })
  })
})

describe('a peer in another process', () => {
  async function start(port = 0) {
    const child = fork(join(import.meta.dirname, '../support/smsc-process.ts'), [`${port}`], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const arrived: { id: string; text: string | null }[] = []
    const listening = new Promise<number>((resolve, reject) => {
      child.on('message', (news: SmscNews) => {
        if (news.what === 'listening') resolve(news.port)
        else arrived.push(news)
      })
      child.on('exit', () => reject(new Error('the SMSC ended')))
    })
    closing.push(() => void end(child))
    return { child, arrived, port: await listening }
  }
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  test('is killed in the middle, and nothing is claimed that did not happen', async () => {
    const first = await start()
    const ours = await line(first.port, '?window=20')
    let sent = 0
    let answered = 0
    const outcomes: (Accepted | SendFailure)[] = []
    const sending = Promise.all(
      Array.from({ length: 40 }, async () => {
        for (let index = 0; index < 25; index += 1) {
          sent += 1
          outcomes.push(await ours.send(somebody, `number ${sent}`))
          answered += 1
          if (answered === 300) first.child.kill('SIGKILL')
        }
      }),
    )
    await sending
    const accepted = outcomes.flatMap((one) => (one instanceof SendFailure ? [] : [one.providerId]))
    const failures = outcomes.filter((one) => one instanceof SendFailure)
    expect(outcomes).toHaveLength(1_000)
    expect(accepted.length).toBeGreaterThanOrEqual(300)
    expect(failures.filter(({ kind }) => kind === 'uncertain').length).toBeLessThanOrEqual(20)
    for (const { kind, scope } of failures)
      expect(['retryable link', 'uncertain message']).toContain(`${kind} ${scope}`)
    const second = await start(first.port)
    await until(() => isUp(ours), 'it came back', 15_000)
    expect(await ours.send(somebody, 'still here')).not.toBeInstanceOf(SendFailure)
    await until(() => second.arrived.length > 0, 'it arrived')
    expect(second.arrived.map(({ text }) => text)).toEqual(['still here'])
  }, 60_000)

  test('stands still, is noticed, and is served again when it goes on', async () => {
    const { child, port } = await start()
    const ours = await line(port)
    expect(await ours.send(somebody, 'before')).not.toBeInstanceOf(SendFailure)
    child.kill('SIGSTOP')
    const outcome = ours.send(somebody, 'meanwhile')
    const onward = () => {
      ours.clock.advance(500)
      return ours.host.states.some(({ status }) => status === 'disconnected')
    }
    await until(onward, 'it was noticed')
    expect(await outcome).toMatchObject({ kind: 'uncertain' })
    expect(ours.host.states.find(({ status }) => status === 'disconnected')).toMatchObject({ reason: 'close_enquire' })
    child.kill('SIGCONT')
    await until(() => isUp(ours), 'it came back', 25_000)
    expect(await ours.send(somebody, 'afterwards')).not.toBeInstanceOf(SendFailure)
  }, 60_000)
})
