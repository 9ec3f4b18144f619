/** PDUs: every field arrives, however the bytes are cut, and no bytes at all can do harm. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Command, decode, encode, type Frame, FrameReader, frameBytesMax, type Pdu, tag } from './pdu.ts'

const text = (most: number) =>
  fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: most })
const octet = fc.integer({ min: 0, max: 255 })
const octets = (most: number) => fc.uint8Array({ maxLength: most })
const sequence = fc.integer({ min: 1, max: 0x7fffffff })
const tags = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0xffff }), octets(300)), {
    selector: ([number]) => number,
    maxLength: 6,
  })
  .map((entries) => new Map(entries))
const message = fc.record({
  ...{ serviceType: text(5), sourceTon: octet, sourceNpi: octet, source: text(20) },
  ...{ destinationTon: octet, destinationNpi: octet, destination: text(20), esmClass: octet },
  ...{ protocolId: octet, priority: octet, scheduleAt: text(16), validity: text(16), registeredDelivery: octet },
  ...{ replaceIfPresent: octet, dataCoding: octet, cannedMessage: octet, shortMessage: octets(254) },
})

function pduIn(frame: Frame | undefined): Pdu {
  if (frame === undefined || !('pdu' in frame)) throw new Error(`no PDU: ${JSON.stringify(frame)}`)
  return frame.pdu
}

const plain = (map: Pdu['tags']) => [...map].map(([number, value]) => [number, Buffer.from(value).toString('hex')])

describe('a PDU', () => {
  test('comes out as it went in, with all fields and optional parameters', () => {
    fc.assert(
      fc.property(message, tags, sequence, octet, (body, own, number, status) => {
        const pdu = pduIn(decode(encode({ command: 'submit_sm', sequence: number, status }, body, own)))
        expect([pdu.command, pdu.sequence, pdu.status]).toEqual(['submit_sm', number, status])
        expect({ ...pdu.body, shortMessage: [...pdu.body.shortMessage] }).toMatchObject({
          ...body,
          shortMessage: [...body.shortMessage],
        })
        expect(plain(pdu.tags)).toEqual(plain(own))
      }),
    )
  })

  test('of each kind has the bytes of the standard', () => {
    const hex = (command: Command, body = {}) => encode({ command, sequence: 1 }, body).toString('hex')
    expect(hex('enquire_link')).toBe('00000010000000150000000000000001')
    expect(hex('unbind_resp')).toBe('00000010800000060000000000000001')
    // The example of SMPP 3.4, section 3.3.
    const bind = {
      systemId: 'SMPP3TEST',
      password: 'secret08',
      systemType: 'SUBMIT1',
      interfaceVersion: 0,
      addressTon: 1,
      addressNpi: 1,
    }
    expect(hex('bind_transmitter', bind)).toBe(
      '0000002f000000020000000000000001' + '534d5050335445535400' + '73656372657430380' + '05355424d4954310000010100',
    )
  })

  test('that is cut short has its missing fields empty', () => {
    const whole = encode({ command: 'submit_sm_resp', sequence: 7 }, { messageId: 'abc' })
    const header = Buffer.from(whole.subarray(0, 16))
    header.writeUInt32BE(16, 0)
    expect(pduIn(decode(header)).body.messageId).toBe('')
    expect(pduIn(decode(whole.subarray(0, 18))).body.messageId).toBe('ab')
  })

  test('cannot be made to hold a NUL within a text, or a message that is too long', () => {
    const { body } = pduIn(
      decode(encode({ command: 'bind_receiver', sequence: 1 }, { systemId: 'a\0b', password: 'c' })),
    )
    expect([body.systemId, body.password]).toEqual(['ab', 'c'])
    const tooLong = () => encode({ command: 'submit_sm', sequence: 1 }, { shortMessage: new Uint8Array(255) })
    expect(tooLong).toThrow('254')
  })

  test('that claims more than it holds is malformed, and says whose it is', () => {
    const frame = encode({ command: 'deliver_sm', sequence: 9 }, { shortMessage: Buffer.from('hello') })
    frame[frame.length - 6] = 200
    expect(decode(frame)).toMatchObject({ malformed: { command: 'deliver_sm', sequence: 9, lost: false } })
    const tagged = encode({ command: 'deliver_sm', sequence: 9 }, {}, new Map([[tag.messagePayload, Buffer.of(1)]]))
    tagged[tagged.length - 2] = 2
    expect(decode(tagged)).toMatchObject({ malformed: { command: 'deliver_sm', sequence: 9, lost: false } })
  })

  test('of an unknown command keeps its number for the answer', () => {
    const frame = encode({ command: 'enquire_link', sequence: 5 })
    frame.writeUInt32BE(0x0b, 4)
    expect(decode(frame)).toMatchObject({ malformed: { command: null, commandId: 0x0b, sequence: 5, lost: false } })
  })
})

describe('the frame reader', () => {
  const frames = fc.array(
    fc.tuple(fc.constantFrom<Command>('deliver_sm', 'submit_sm_resp', 'enquire_link', 'unbind'), message, sequence),
    { maxLength: 8 },
  )

  test('finds the same PDUs however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, cuts) => {
        const stream = Buffer.concat(list.map(([command, body, number]) => encode({ command, sequence: number }, body)))
        const reader = new FrameReader()
        const found: Frame[] = []
        for (let at = 0, cut = 0; at < stream.length; cut += 1) {
          const end = at + (cuts[cut % cuts.length] ?? 1)
          found.push(...reader.push(stream.subarray(at, end)))
          at = end
        }
        expect(found.map((frame) => [pduIn(frame).command, pduIn(frame).sequence])).toEqual(
          list.map(([command, , number]) => [command, number]),
        )
      }),
    )
  })

  test('never throws, whatever comes in', () => {
    fc.assert(
      fc.property(fc.array(octets(200), { maxLength: 20 }), (chunks) => {
        const reader = new FrameReader()
        for (const chunk of chunks) reader.push(Buffer.from(chunk))
      }),
    )
    // Nearly right is worse than plainly wrong: one octet changed in a PDU that was fine.
    fc.assert(
      fc.property(message, tags, fc.nat(), octet, (body, own, at, value) => {
        const frame = encode({ command: 'deliver_sm', sequence: 1 }, body, own)
        frame[4 + (at % (frame.length - 4))] = value
        new FrameReader().push(frame)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([0, 15, frameBytesMax + 1, 0xffffffff])('gives up a stream with a PDU of %i octets', (length) => {
    const head = Buffer.alloc(16)
    head.writeUInt32BE(length, 0)
    const reader = new FrameReader()
    expect(reader.push(head)).toMatchObject([{ malformed: { lost: true } }])
    expect(reader.push(encode({ command: 'enquire_link', sequence: 1 }))).toEqual([])
  })
})
