/** How a file is handed out: whole, or spoiled on purpose in one of the ways in which downloads go wrong. */
import type { ServerResponse } from 'node:http'
import type { Spoiled } from '../faults.ts'

const type = { 'content-type': 'application/octet-stream' }
const extra = Buffer.alloc(64 * 1_024)

export function handOut(body: Uint8Array, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': body.length, ...type }).end(body)
}

export function spoil(how: Spoiled, body: Buffer, response: ServerResponse): void {
  if (how === 'missing') response.writeHead(404).end()
  else if (how === 'gone') response.writeHead(410).end()
  else if (how === 'wrong') handOut(Uint8Array.from(body, flipped), response)
  else if (how === 'long') handOut(Buffer.concat([body, extra]), response)
  else if (how === 'cut') {
    response.writeHead(200, { 'content-length': body.length, ...type })
    // Once that is out: what is cut off before has not been sent.
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy())
  } else {
    response.writeHead(200, type).write(body)
    pour(response)
  }
}

function flipped(byte: number): number {
  return byte ^ 0xff
}

/** As fast as it is read, until whoever reads it has had enough. */
function pour(response: ServerResponse): void {
  while (response.write(extra)) if (response.destroyed) return
  response.once('drain', () => pour(response))
}
