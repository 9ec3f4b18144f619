/** How files are encrypted before they are handed to the host, and opened again. */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import { getMediaKeys, type MediaType } from 'baileys'

const macBytes = 10

export async function seal(kind: MediaType, plain: Buffer, mediaKey: Uint8Array): Promise<Buffer> {
  const { iv, cipherKey, macKey = Buffer.alloc(0) } = await getMediaKeys(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([sealed, macOf(macKey, iv, sealed)])
}

/** Null when it is not what this key has sealed. */
export async function open(kind: MediaType, sealed: Buffer, mediaKey: Uint8Array): Promise<Buffer | null> {
  const { iv, cipherKey, macKey = Buffer.alloc(0) } = await getMediaKeys(mediaKey, kind)
  const body = sealed.subarray(0, -macBytes)
  if (!macOf(macKey, iv, body).equals(sealed.subarray(-macBytes))) return null
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv)
  return Buffer.concat([decipher.update(body), decipher.final()])
}

export function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

function macOf(key: Uint8Array, iv: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(iv).update(body).digest().subarray(0, macBytes)
}
