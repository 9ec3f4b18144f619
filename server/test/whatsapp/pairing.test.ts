/** A number is linked with WhatsApp over the API: by QR, by letters, by the wrong phone; stopped, reset and removed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Story, tell } from '../support/story.ts'

let gateway: TestGateway
let network: Whatsapp
let lines = 0
beforeAll(async () => {
  network = await openWhatsapp({ people: new People(), clock: systemClock })
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.stop()
  await network.stop()
  expect(gateway.errors).toEqual([])
})

interface Number {
  phone: Handle
  story: Story
  call(method: string, path: string, body?: unknown): ReturnType<Story['call']>
  status(): Promise<{ status: string; jid: string | null; disconnectReason: string | null }>
  qr(): Promise<string>
  becomes(status: string, reason?: string | null): Promise<void>
}

/** A new line on the loopback network. */
async function number(): Promise<Number> {
  lines += 1
  const phone = `+1202555016${lines}` as Handle
  const { admin } = gateway.gateway
  const line = await admin.createLine({
    ...{ name: 'Own', address: phone, email: null, provider: 'whatsapp', channels: [], url: network.lineUrl },
    ...{ password: null, hostType: null, hostInfo: null, providers: {} },
  })
  await admin.addNumber(gateway.customer.id, { address: phone, provider: 'whatsapp', line: line.id })
  const story = await tell(gateway)
  const call: Number['call'] = (method, path, body) => story.call(method, `/v1/whatsapp/numbers/${phone}${path}`, body)
  const status = async () => (await call('GET', '/status')).body.data
  const becomes: Number['becomes'] = async (wanted, reason = null) =>
    void (await expect
      .poll(async () => {
        const { status: now, disconnectReason } = await status()
        return [now, disconnectReason]
      })
      .toEqual([wanted, reason]))
  const qr = async () => {
    await expect.poll(async () => (await call('GET', '/qr')).body.data.qrCode).not.toBeNull()
    return (await call('GET', '/qr')).body.data.qrCode
  }
  return { phone, story, call, status, becomes, qr }
}

test('by QR: it is shown, scanned and gone; stopping keeps the pairing, a reset does not, and removing leaves nothing', async () => {
  const { phone, call, status, qr, becomes } = await number()
  await call('DELETE', '')
  expect(await status()).toMatchObject({ status: 'not_enabled', jid: null })
  expect((await call('GET', '/qr')).body.data).toEqual({ qrCode: null })
  expect((await call('POST', '/enable')).body.data).toMatchObject({ phoneNumber: phone, status: 'connecting' })
  const shown = await qr()
  expect(shown).toMatch(/^https:\/\/wa\.me\/settings\/linked_devices#/)
  await network.phoneOf(phone).scan(shown)
  await becomes('connected')
  expect(await status()).toMatchObject({ jid: `${phone.slice(1)}:1@s.whatsapp.net`, disconnectReason: null })
  expect([(await call('GET', '/qr')).body.data, network.phoneOf(phone).devices]).toEqual([{ qrCode: null }, 1])
  expect((await call('POST', '/pairing-code')).body.error.code).toBe('WHATSAPP_ALREADY_CONNECTED')

  expect((await call('POST', '/disconnect')).body.data.status).toBe('disconnected')
  await becomes('disconnected', 'stopped')
  expect((await call('GET', '/check?phone=%2B13035550100')).body.error.code).toBe('WHATSAPP_NOT_CONNECTED')
  await call('POST', '/enable')
  await becomes('connected')
  expect(network.phoneOf(phone).devices).toBe(1)

  expect((await call('POST', '/reset-auth')).body.data).toMatchObject({ disconnectReason: 'auth_reset' })
  await expect.poll(() => network.phoneOf(phone).devices).toBe(0)
  await call('POST', '/enable')
  await network.phoneOf(phone).scan(await qr())
  await becomes('connected')
  expect((await call('DELETE', '')).body.data).toMatchObject({ status: 'not_enabled', removed: true })
  expect([network.phoneOf(phone).devices, (await status()).status]).toEqual([0, 'not_enabled'])
  const left = await gateway.database.db.query(
    { name: '', text: 'select from vault v join lines l on l.id = v.line_id where l.address = $1' },
    [phone],
  )
  expect(left).toEqual([])
})

test('by letters, which the phone types', async () => {
  const { phone, call, becomes } = await number()
  const { code, pairingCode, phoneNumber } = (await call('POST', '/pairing-code')).body.data
  expect([code, phoneNumber]).toEqual([expect.stringMatching(/^[0-9A-Z]{8}$/), phone])
  expect(pairingCode).toBe(code)
  await network.phoneOf(phone).enterCode(code)
  await becomes('connected')
})

test('another phone than its own is let go again, and the right one can still come', async () => {
  const { phone, call, qr, becomes } = await number()
  const stranger = '+13035550177'
  await call('POST', '/enable')
  await network.phoneOf(stranger).scan(await qr())
  await becomes('disconnected', 'phone_number_mismatch')
  await expect.poll(() => network.phoneOf(stranger).devices).toBe(0)
  await call('POST', '/enable')
  await network.phoneOf(phone).scan(await qr())
  await becomes('connected')
})

test('whoever unlinks it on the phone ends it, and it shows a new code when it is switched on again', async () => {
  const { phone, call, qr, becomes, story } = await number()
  await call('POST', '/enable')
  await network.phoneOf(phone).scan(await qr())
  await becomes('connected')
  network.phoneOf(phone).unlink()
  await becomes('disconnected', 'auth_revoked')
  await call('POST', '/enable')
  const shown = await qr()
  await network.phoneOf(phone).scan(shown)
  await becomes('connected')
  const told = (await story.told()).map(({ type, data }) => `${type} ${data.status}`)
  expect(new Set(told)).toEqual(
    new Set(['connecting', 'qr_pending', 'connected', 'disconnected'].map((status) => `whatsapp.status ${status}`)),
  )
})

test('it says who is on WhatsApp', async () => {
  const { phone, call, qr, becomes } = await number()
  await call('POST', '/enable')
  await network.phoneOf(phone).scan(await qr())
  await becomes('connected')
  expect((await call('GET', '/check?phone=+13035550178')).body.data).toEqual({
    exists: true,
    jid: '13035550178@s.whatsapp.net',
  })
  expect((await call('GET', '/check?phone=%2B13035550107')).body.data).toEqual({ exists: false })
  expect((await call('GET', '/check?phone=nobody')).body.error.code).toBe('INVALID_PHONE_NUMBER')
})
