/** SMPP 3.4 on the wire: what a PDU holds, its bytes, and a reader that cuts a stream of bytes into PDUs. */

/** All fields of all PDUs we speak (SMPP 3.4, section 4), each with what it is when it is missing. */
const emptyBody = {
  systemId: '',
  password: '',
  systemType: '',
  interfaceVersion: 0,
  addressTon: 0,
  addressNpi: 0,
  addressRange: '',
  serviceType: '',
  sourceTon: 0,
  sourceNpi: 0,
  source: '',
  destinationTon: 0,
  destinationNpi: 0,
  destination: '',
  esmClass: 0,
  protocolId: 0,
  priority: 0,
  scheduleAt: '',
  validity: '',
  registeredDelivery: 0,
  replaceIfPresent: 0,
  dataCoding: 0,
  cannedMessage: 0,
  shortMessage: new Uint8Array(0) as Uint8Array,
  messageId: '',
}

export type Body = typeof emptyBody
type FieldName = keyof Body

const bindFields = [
  ...(['systemId', 'password', 'systemType'] as const),
  ...(['interfaceVersion', 'addressTon', 'addressNpi', 'addressRange'] as const),
] as const
const addressFields = [
  ...(['serviceType', 'sourceTon', 'sourceNpi', 'source'] as const),
  ...(['destinationTon', 'destinationNpi', 'destination', 'esmClass'] as const),
] as const
const messageFields = [
  ...addressFields,
  ...(['protocolId', 'priority', 'scheduleAt', 'validity', 'registeredDelivery'] as const),
  ...(['replaceIfPresent', 'dataCoding', 'cannedMessage', 'shortMessage'] as const),
] as const

const layouts = {
  generic_nack: { id: 0x80000000, fields: [] },
  bind_receiver: { id: 0x00000001, fields: bindFields },
  bind_receiver_resp: { id: 0x80000001, fields: ['systemId'] },
  bind_transmitter: { id: 0x00000002, fields: bindFields },
  bind_transmitter_resp: { id: 0x80000002, fields: ['systemId'] },
  bind_transceiver: { id: 0x00000009, fields: bindFields },
  bind_transceiver_resp: { id: 0x80000009, fields: ['systemId'] },
  submit_sm: { id: 0x00000004, fields: messageFields },
  submit_sm_resp: { id: 0x80000004, fields: ['messageId'] },
  deliver_sm: { id: 0x00000005, fields: messageFields },
  deliver_sm_resp: { id: 0x80000005, fields: ['messageId'] },
  data_sm: { id: 0x00000103, fields: [...addressFields, 'registeredDelivery', 'dataCoding'] },
  data_sm_resp: { id: 0x80000103, fields: ['messageId'] },
  unbind: { id: 0x00000006, fields: [] },
  unbind_resp: { id: 0x80000006, fields: [] },
  enquire_link: { id: 0x00000015, fields: [] },
  enquire_link_resp: { id: 0x80000015, fields: [] },
} as const satisfies Record<string, { id: number; fields: readonly FieldName[] }>

export type Command = keyof typeof layouts

/** Optional parameters by their tag; of repeated ones the first. */
export type Tags = ReadonlyMap<number, Uint8Array>

export const tag = {
  receiptedMessageId: 0x001e,
  sarReference: 0x020c,
  sarTotal: 0x020e,
  sarSequence: 0x020f,
  networkErrorCode: 0x0423,
  messagePayload: 0x0424,
  messageState: 0x0427,
} as const

export interface Pdu {
  command: Command
  status: number
  sequence: number
  body: Body
  tags: Tags
}

/** What cannot be read. After a `lost` one nobody knows where the next begins. */
export interface Malformed {
  /** Null: we know no such command. */
  command: Command | null
  commandId: number
  status: number
  sequence: number
  why: string
  lost: boolean
}

export type Frame = { pdu: Pdu } | { malformed: Malformed }

const headerBytes = 16
export const frameBytesMax = 64 * 1024
export const shortMessageBytesMax = 254
/** Fits the 31 bits that the standard leaves for it. */
export const sequenceMax = 0x7fffffff

const commandsById = new Map<number, Command>(
  (Object.keys(layouts) as Command[]).map((command) => [layouts[command].id, command]),
)

/** Responses have the highest bit of their command set. */
export function isResponseId(commandId: number): boolean {
  return commandId >= 0x80000000
}

const noTags: Tags = new Map()

export function encode(
  head: { command: Command; sequence: number; status?: number },
  body: Partial<Body> = {},
  tags: Tags = noTags,
): Buffer {
  const { id, fields } = layouts[head.command]
  const pieces = [Buffer.alloc(headerBytes), ...fields.map((name) => encodeField(body[name] ?? emptyBody[name]))]
  for (const [number, value] of tags) {
    const start = Buffer.alloc(4)
    start.writeUInt16BE(number, 0)
    start.writeUInt16BE(value.length, 2)
    pieces.push(start, Buffer.from(value))
  }
  const frame = Buffer.concat(pieces)
  frame.writeUInt32BE(frame.length, 0)
  frame.writeUInt32BE(id, 4)
  frame.writeUInt32BE(head.status ?? 0, 8)
  frame.writeUInt32BE(head.sequence, 12)
  return frame
}

/** A text ends at its first NUL on the wire, so it can hold none. */
function encodeField(value: string | number | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.of(value & 0xff)
  if (typeof value === 'string') return Buffer.from(`${value.replaceAll('\0', '')}\0`, 'latin1')
  if (value.length > shortMessageBytesMax) throw new Error('A short message has at most 254 octets.')
  return Buffer.concat([Buffer.of(value.length), value])
}

/** Reads one whole frame. Fields that are missing at its end are as if they were empty: many peers leave them out. */
export function decode(frame: Buffer): Frame {
  const commandId = frame.readUInt32BE(4)
  const [status, sequence] = [frame.readUInt32BE(8), frame.readUInt32BE(12)]
  const command = commandsById.get(commandId) ?? null
  const malformed = (why: string): Frame => ({
    malformed: { command, commandId, status, sequence, why, lost: false },
  })
  if (command === null) return malformed('It is no command that we know.')
  const body: Body = { ...emptyBody }
  let at = headerBytes
  for (const name of layouts[command].fields) {
    if (at >= frame.length) break
    const next = decodeField(frame, at, body, name)
    if (next === null) return malformed('Its message is longer than it is itself.')
    at = next
  }
  const tags = decodeTags(frame, at)
  return tags === null
    ? malformed('One of its optional parameters is longer than it is itself.')
    : { pdu: { command, status, sequence, body, tags } }
}

/** Where the next field begins; null when this one does not fit. */
function decodeField(frame: Buffer, at: number, body: Body, name: FieldName): number | null {
  if (name === 'shortMessage') {
    const end = at + 1 + frame.readUInt8(at)
    if (end > frame.length) return null
    body.shortMessage = frame.subarray(at + 1, end)
    return end
  }
  if (isNumber(name)) {
    body[name] = frame.readUInt8(at)
    return at + 1
  }
  const found = frame.indexOf(0, at)
  // Some peers leave the NUL away at the very end.
  const end = found < 0 ? frame.length : found
  body[name] = frame.toString('latin1', at, end)
  return end + 1
}

type NumberName = { [Name in FieldName]: Body[Name] extends number ? Name : never }[FieldName]

function isNumber(name: Exclude<FieldName, 'shortMessage'>): name is NumberName {
  return typeof emptyBody[name] === 'number'
}

function decodeTags(frame: Buffer, from: number): Tags | null {
  const tags = new Map<number, Uint8Array>()
  let at = from
  while (at + 4 <= frame.length) {
    const number = frame.readUInt16BE(at)
    const end = at + 4 + frame.readUInt16BE(at + 2)
    if (end > frame.length) return null
    if (!tags.has(number)) tags.set(number, frame.subarray(at + 4, end))
    at = end
  }
  return tags
}

/** Cuts what comes in into frames, however it was cut on its way. Holds at most one frame and the chunk that ended it. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0
  #needed = 4
  #isLost = false

  push(chunk: Buffer): Frame[] {
    if (this.#isLost) return []
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#needed) return []
    return this.#cut(Buffer.concat(this.#chunks))
  }

  #cut(all: Buffer): Frame[] {
    const frames: Frame[] = []
    let at = 0
    this.#needed = 4
    while (all.length - at >= 4) {
      const length = all.readUInt32BE(at)
      if (length < headerBytes || length > frameBytesMax) {
        frames.push(this.#lose(length))
        return frames
      }
      if (all.length - at < length) {
        this.#needed = length
        break
      }
      frames.push(decode(all.subarray(at, at + length)))
      at += length
    }
    // A copy, so that a few bytes do not keep all of it.
    const rest = Buffer.from(all.subarray(at))
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
    return frames
  }

  #lose(length: number): Frame {
    this.#isLost = true
    this.#chunks = []
    this.#bytes = 0
    const why = `It says that it is ${length} octets long; we take ${headerBytes} to ${frameBytesMax}.`
    return { malformed: { command: null, commandId: 0, status: 0, sequence: 0, why, lost: true } }
  }
}
