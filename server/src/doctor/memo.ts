/** A voice note with nothing to be heard in it, in the form in which Messages records them: Opus in a CAF file. */

const rate = 24_000
const packetMs = 20
/** RFC 6716: 20 ms of silence in one channel. */
const silence = Buffer.from('f8fffe', 'hex')

export function silentMemo(ms: number): Buffer {
  const packets = Math.ceil(ms / packetMs)
  const description = Buffer.alloc(32)
  description.writeDoubleBE(rate, 0)
  description.write('opus', 8, 'latin1')
  description.writeUInt32BE(silence.length, 16)
  description.writeUInt32BE((rate * packetMs) / 1_000, 20)
  description.writeUInt32BE(1, 24)
  const edits = Buffer.alloc(4)
  const sound = Buffer.concat(Array.from({ length: packets }, () => silence))
  return Buffer.concat([
    Buffer.from('6361666600010000', 'hex'),
    chunk('desc', description),
    chunk('data', Buffer.concat([edits, sound])),
  ])
}

function chunk(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.write(name, 0, 'latin1')
  head.writeBigUInt64BE(BigInt(content.length), 4)
  return Buffer.concat([head, content])
}
