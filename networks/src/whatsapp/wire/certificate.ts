/** A certificate for 127.0.0.1 that signs itself: made at start, trusted by whoever is handed it, gone with the process. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  key: string
  cert: string
}

const dayMs = 86_400_000
const validDays = 3_650

export function selfSigned(nowMs: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signature = sequence(object('2a8648ce3d040302'))
  // Whoever trusts several of them must be able to tell them apart by name.
  const called = `Loopback ${randomBytes(6).toString('hex')}`
  const name = sequence(set(sequence(object('550403'), der(0x0c, Buffer.from(called)))))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    // Positive, and never with a zero octet in front.
    der(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
    ...[signature, name, sequence(time(nowMs - dayMs), time(nowMs + validDays * dayMs)), name],
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority, names)),
  )
  const signed = sequence(
    body,
    signature,
    der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)])),
  )
  const lines = (signed.toString('base64').match(/.{1,64}/g) ?? []).join('\n')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key, cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` }
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const short = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...short]), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function set(...parts: Buffer[]): Buffer {
  return der(0x31, ...parts)
}

function object(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '')
  return der(0x17, Buffer.from(`${digits.slice(2, 14)}Z`))
}

const isTrue = der(0x01, Buffer.from([0xff]))
const authority = sequence(object('551d13'), isTrue, der(0x04, sequence(isTrue)))
const dnsName = der(0x82, Buffer.from('localhost'))
const address = der(0x87, Buffer.from([127, 0, 0, 1]))
const names = sequence(object('551d11'), der(0x04, sequence(dnsName, address)))
