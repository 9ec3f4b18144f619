/** The calls that link a number with WhatsApp, as a client meets them: numbers in paths, answers, and every refusal. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Handle } from '../../../src/model/ids.ts'
import { startTestGateway, type TestGateway, until } from '../../support/gateway.ts'
import { type Ask, askerOf, type Options, withoutRequestId } from '../ask.ts'

let gateway: TestGateway
let ask: Ask
beforeAll(async () => {
  gateway = await startTestGateway()
  ask = await askerOf(gateway)
})
afterAll(async () => {
  await gateway.stop()
  expect(gateway.errors).toEqual([])
})

const path = (call: string, number = '+15550100100') => call.replace(':n', number)
const status = async (number?: string) => (await ask(path('GET /v1/whatsapp/numbers/:n/status', number))).body.data
const statusIs = (wanted: string, number?: string) =>
  until(async () => (await status(number)).status === wanted, `the status ${wanted}`)
const refusal = async (call: string, body?: unknown, options?: Options) => {
  const answer = await ask(call, body, options)
  return [answer.status, answer.body.error?.code]
}

const calls: readonly [call: string, scope: 'read' | 'manage'][] = [
  ['POST /v1/whatsapp/numbers/:n/enable', 'manage'],
  ['GET /v1/whatsapp/numbers/:n/status', 'read'],
  ['GET /v1/whatsapp/numbers/:n/qr', 'read'],
  ['POST /v1/whatsapp/numbers/:n/pairing-code', 'manage'],
  ['POST /v1/whatsapp/numbers/:n/disconnect', 'manage'],
  ['POST /v1/whatsapp/numbers/:n/reset-auth', 'manage'],
  ['DELETE /v1/whatsapp/numbers/:n', 'manage'],
  ['GET /v1/whatsapp/numbers/:n/check?phone=%2B14155550199', 'read'],
  ['GET /v1/whatsapp/numbers/:n/signup-codes', 'read'],
]

describe('whose the number is', () => {
  test.each(calls)('%s: the number of another customer is like one of nobody', async (call) => {
    const answer = async (number: string) => {
      const { status, text } = await ask(path(call, number))
      return [status, withoutRequestId(text)]
    }
    const gone = await answer('+19995550000')
    expect(gone).toEqual([403, expect.stringContaining('NUMBER_NOT_OWNED')])
    const theirs = ['+15550100200', '15550100200', '%2B15550100200', '%2015550100200']
    for (const number of [...theirs, 'nobody', '1', '%00', '..%2F..', '%F0%9F%92%A9', 'x'.repeat(3_000)])
      expect(await answer(number)).toEqual(gone)
  })

  test('and nothing happened to it', async () => {
    const key = { key: gateway.otherApiKey }
    const { body } = await ask(path('GET /v1/whatsapp/numbers/:n/status', '+15550100200'), undefined, key)
    expect(body.data).toMatchObject({ phoneNumber: '+15550100200', status: 'connected', disconnectReason: null })
    expect((await ask('GET /v1/whatsapp', undefined, key)).body.data).toHaveLength(1)
  })

  test.each(['+15550100100', '15550100100', '%2B15550100100', '%2015550100100'])('is named as %s', async (number) => {
    expect(await status(number)).toMatchObject({ phoneNumber: '+15550100100', status: 'connected' })
  })

  test.each(calls)('%s asks for the scope %s', async (call, scope) => {
    const key = await gateway.createKey(['send', scope === 'read' ? 'manage' : 'read'])
    expect(await refusal(path(call), undefined, { key })).toEqual([403, 'FORBIDDEN'])
  })
})

test('lists the numbers of the caller, each with its link', async () => {
  const { body } = await ask('GET /v1/whatsapp')
  expect(body).toMatchObject({ success: true })
  expect(body.data).toEqual([
    {
      phoneNumber: '+15550100100',
      instanceName: '+15550100100',
      isDefault: true,
      whatsapp: {
        status: 'connected',
        jid: '15550100100:1@s.whatsapp.net',
        lastConnectedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        lastDisconnectedAt: null,
        disconnectReason: null,
      },
    },
  ])
})

describe('who is on WhatsApp', () => {
  const check = (phone: string) => ask(path(`GET /v1/whatsapp/numbers/:n/check${phone}`))
  test.each(['?phone=%2B14155550199', '?phone=+14155550199', '?phone=14155550199', '?phone=%2B1%20(415)%20555-0199'])(
    'somebody who is: %s',
    async (phone) => {
      const { status, body } = await check(phone)
      expect([status, body.data]).toEqual([200, { exists: true, jid: '14155550199@s.whatsapp.net' }])
    },
  )

  test('somebody who is not', async () => {
    expect((await check('?phone=%2B14155550107')).body.data).toEqual({ exists: false })
  })

  test.each(['', '?phone=', '?phone=ada', '?phone=%2B', '?phone=ada@example.com', '?phone=%2B1234567890123456'])(
    'no number: %s',
    async (phone) => {
      const { status, body } = await check(phone)
      expect([status, body.error.code]).toEqual([400, 'INVALID_PHONE_NUMBER'])
    },
  )

  test('is not known while the number is not linked', async () => {
    await ask(path('POST /v1/whatsapp/numbers/:n/disconnect'))
    const call = path('GET /v1/whatsapp/numbers/:n/check?phone=%2B14155550199')
    expect(await refusal(call)).toEqual([400, 'WHATSAPP_NOT_CONNECTED'])
    await ask(path('POST /v1/whatsapp/numbers/:n/enable'))
    await statusIs('connected')
  })
})

describe('a code to type', () => {
  const call = path('POST /v1/whatsapp/numbers/:n/pairing-code')

  test('is refused to a number that is linked', async () => {
    expect(await refusal(call)).toEqual([409, 'WHATSAPP_ALREADY_CONNECTED'])
  })

  test('is refused to a number that has credentials still, and so is linked by being enabled', async () => {
    await ask(path('POST /v1/whatsapp/numbers/:n/disconnect'))
    expect(await refusal(call)).toEqual([409, 'WHATSAPP_ALREADY_CONNECTED'])
    expect(await status()).toMatchObject({ status: 'connected' })
  })

  test('is asked for a phone with a number, this one or another', async () => {
    await ask(path('POST /v1/whatsapp/numbers/:n/reset-auth'))
    const asked = async (body?: object) => (await ask(call, body)).body.data.phoneNumber
    expect(await asked()).toBe('+15550100100')
    expect(await asked({})).toBe('+15550100100')
    expect(await asked({ phoneNumber: '+14155550177' })).toBe('+14155550177')
    expect(await refusal(call, { phoneNumber: 'ada' })).toEqual([400, 'INVALID_PHONE_NUMBER'])
    expect(await refusal(call, { phoneNumber: 7 })).toEqual([400, 'VALIDATION_ERROR'])
    await gateway.network.scan('+15550100100')
    await statusIs('connected')
  })
})

describe('an instance, by its operator', () => {
  const instance = (step: string, id: string = gateway.customer.line.id) => `/v1/admin/instances/${id}/whatsapp/${step}`

  test('shows what its customer sees, and takes the same orders', async () => {
    expect((await ask(`GET ${instance('status')}`)).body.data).toEqual(await status())
    const disconnected = await ask(`POST ${instance('disconnect')}`)
    expect(disconnected.body.data).toEqual({
      phoneNumber: '+15550100100',
      status: 'disconnected',
      disconnectReason: 'stopped',
    })
    // On this network it may be up before the answer is.
    const enabled = await ask(`POST ${instance('enable')}`)
    expect(['connecting', 'connected']).toContain(enabled.body.data.status)
    await statusIs('connected')
    expect((await ask(`POST ${instance('reset-auth')}`)).body.data).toMatchObject({ disconnectReason: 'auth_reset' })
    expect((await ask(`GET ${instance('status')}`)).body.data).toMatchObject({ status: 'disconnected', jid: null })
    const again = await ask(`POST ${instance('enable')}`)
    expect(['connecting', 'qr_pending']).toContain(again.body.data.status)
    await statusIs('qr_pending')
    await gateway.network.scan('+15550100100')
    await statusIs('connected')
  })

  test.each(['GET status', 'POST enable', 'POST disconnect', 'POST reset-auth'])(
    '%s: is not found if it is not there, and opens to the admin key only',
    async (call) => {
      const [method = '', step = ''] = call.split(' ')
      for (const id of ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650', 'no-id'])
        expect(await refusal(`${method} ${instance(step, id)}`)).toEqual([404, 'NOT_FOUND'])
      const key = gateway.apiKey
      expect(await refusal(`${method} ${instance(step)}`, undefined, { key })).toEqual([401, 'UNAUTHORIZED'])
    },
  )

  test('that is out of use is connected by nobody: what needs a link says so, what is ordered waits', async () => {
    const { id } = await gateway.gateway.admin.addNumber(gateway.customer.id, {
      address: '+15550100300' as Handle,
      provider: 'sandbox',
      line: null,
    })
    await statusIs('connected', '+15550100300')
    await ask(`PATCH /v1/admin/instances/${id}`, { status: 'inactive' })
    for (const step of ['reset-auth', 'pairing-code'])
      expect(await refusal(path(`POST /v1/whatsapp/numbers/:n/${step}`, '+15550100300'))).toEqual([
        400,
        'INVALID_STATUS',
      ])
    expect(await refusal(path('DELETE /v1/whatsapp/numbers/:n', '+15550100300'))).toEqual([400, 'INVALID_STATUS'])
    expect(await refusal(`POST ${instance('reset-auth', id)}`)).toEqual([400, 'INVALID_STATUS'])
    expect((await ask(`POST ${instance('disconnect', id)}`)).body.data.status).toBe('disconnected')
    expect((await ask(`POST ${instance('enable', id)}`)).body.data.status).toBe('disconnected')
    await ask(`PATCH /v1/admin/instances/${id}`, { status: 'active' })
    await statusIs('connected', '+15550100300')
    await ask(`DELETE /v1/admin/customers/${gateway.customer.id}/numbers/${id}`)
  })
})
