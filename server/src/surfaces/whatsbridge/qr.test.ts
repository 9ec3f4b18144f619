/** A code as a picture is read back by a scanner as what it was. */
import decodeQR from 'qr/decode.js'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { qrDataUrl } from './qr.ts'

test.each(['https://gateway.test', `2@${'aZ09+/'.repeat(10)},${'B'.repeat(44)},${'C'.repeat(44)},${'D'.repeat(44)}`])(
  '%s',
  async (text) => {
    const [, base64 = ''] = qrDataUrl(text).split('data:image/png;base64,')
    const png = sharp(Buffer.from(base64, 'base64'))
    expect(await png.metadata()).toMatchObject({ format: 'png' })
    const { data, info } = await png.ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    expect(info.width).toBe(info.height)
    expect(decodeQR({ width: info.width, height: info.height, data })).toBe(text)
    // Light all around, as scanners need it.
    expect([...data.subarray(0, 32 * 4)].every((value) => value === 255)).toBe(true)
  },
)
