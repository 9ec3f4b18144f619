/** A code to scan as a picture: black on white, one bit per pixel, in a PNG. */
import { crc32, deflateSync } from 'node:zlib'
import encodeQR from 'qr'

/** Four modules of white are what scanners need around it. */
const border = 4
const pixelsPerModule = 8
const signature = Buffer.from('89504e470d0a1a0a', 'hex')

export function qrDataUrl(text: string): string {
  return `data:image/png;base64,${pngOf(encodeQR(text, 'raw', { ecc: 'low', border })).toString('base64')}`
}

function pngOf(modules: readonly (readonly boolean[])[]): Buffer {
  const side = modules.length * pixelsPerModule
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  // One bit per pixel, in shades of grey.
  header[8] = 1
  const pixels = Buffer.concat(modules.flatMap((row) => Array<Buffer>(pixelsPerModule).fill(rowOf(row))))
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** As wide as a byte is each module, and before them stands that the row is not filtered. */
function rowOf(row: readonly boolean[]): Buffer {
  return Buffer.from([0, ...row.map((isBlack) => (isBlack ? 0 : 0xff))])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
