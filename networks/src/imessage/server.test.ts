/** The server itself: who is let in, what is there, what it says of its Mac, and how it is gone. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, openClient } from './testing/client.ts'

const ada = '+14155550199'
let mac: Client
beforeEach(async () => {
  mac = await openClient()
})
afterEach(() => mac.stop())

test('it answers whoever knows the password, by any of three names', async () => {
  const { url, password } = mac.network
  const ping = async (query: string) => {
    const reply = await fetch(`${url}/api/v1/ping${query}`)
    return [reply.status, await reply.json()]
  }
  const pong = { status: 200, message: 'Ping received!', data: 'pong' }
  for (const name of ['password', 'guid', 'token']) expect(await ping(`?${name}=${password}`)).toEqual([200, pong])
  const refused = { status: 401, message: 'You are not authorized to access this resource' }
  const error = (message: string) => ({ ...refused, error: { type: 'Authentication Error', message } })
  expect(await ping('')).toEqual([401, error('Missing server password!')])
  expect(await ping('?password=wrong')).toEqual([401, error('Unauthorized')])
  mac.network.faults.refuse(true)
  expect(await ping(`?password=${password}`)).toEqual([401, error('Unauthorized')])
  mac.network.faults.refuse(false)
  expect((await ping(`?password=${password}`))[0]).toBe(200)
})

test('what is not there is not found, and says nothing of itself', async () => {
  const missing = await mac.fetch('GET nothing')
  expect([missing.status, await missing.text()]).toEqual([404, 'Not Found'])
  const method = await mac.fetch('PUT ping')
  expect([method.status, method.headers.get('allow')]).toEqual([405, 'GET'])
})

test.each(['{"chatGuid": ', '"text"', '7'])('the body %s is a mistake of the server', async (body) => {
  const headers = { 'content-type': 'application/json' }
  const reply = await mac.fetch('POST message/text', { body, headers })
  expect([reply.status, await reply.json()]).toMatchObject([
    500,
    { status: 500, message: 'An unhandled error has occurred!', error: { type: 'Server Error' } },
  ])
})

test('it tells what it runs on, and what is set up there', async () => {
  expect(await mac.ask('GET server/info')).toEqual({
    ...{ status: 200, message: 'Success' },
    data: {
      ...{ computer_id: 'loopback-mac', os_version: '14.6.1', server_version: '1.9.9', private_api: true },
      ...{ helper_connected: true, proxy_service: 'lan-url', detected_icloud: 'line@icloud.example' },
      ...{ detected_imessage: 'line@icloud.example', macos_time_sync: expect.any(Number) },
      ...{ local_ipv4s: ['127.0.0.1'], local_ipv6s: ['::1'] },
    },
  })
  Object.assign(mac.network.mac, { account: null, icloudAccount: null, macos: '12.7', helperConnected: false })
  expect((await mac.ask('GET server/info')).data).toMatchObject({
    ...{ detected_imessage: null, detected_icloud: null, os_version: '12.7', helper_connected: false },
  })
})

test('the account tells its addresses, and from which new chats begin', async () => {
  const account = () => mac.ask('GET icloud/account')
  expect((await account()).data).toMatchObject({
    ...{ apple_id: 'line@icloud.example', sms_forwarding_enabled: false, active_alias: '+15550100300' },
    vetted_aliases: [
      { Alias: '+15550100300', Status: 3 },
      { Alias: 'line@icloud.example', Status: 3 },
    ],
    login_status_message: 'Connected',
  })
  expect((await mac.ask('POST icloud/account/alias', { alias: 'line@icloud.example' })).status).toBe(200)
  expect((await account()).data.active_alias).toBe('line@icloud.example')
  expect((await mac.ask('POST icloud/account/alias', { alias: 'other@icloud.example' })).status).toBe(500)
})

test('without the Private API its calls are refused, some at the gate and some within', async () => {
  const chatGuid = await mac.chatWith(ada)
  const guid = mac.network.messages()[0]?.guid
  const path = encodeURIComponent(chatGuid)
  const outer = 'Please make sure you have completed the setup for the Private API, and your helper is connected!'
  const gated = [
    ...['POST message/react', 'POST attachment/upload', `POST chat/${path}/read`, `POST chat/${path}/typing`],
    ...[`PUT chat/${path}`, `POST chat/${path}/participant`, `POST chat/${path}/leave`, 'GET icloud/account'],
    ...['GET handle/availability/imessage', 'POST facetime/session'],
  ]
  for (const [state, words] of [
    [{ privateApi: false }, 'iMessage Private API is not enabled!'],
    [{ privateApi: true, helperConnected: false }, 'iMessage Private API Helper is not connected!'],
  ] as const) {
    Object.assign(mac.network.mac, state)
    const error = { type: 'iMessage Error', message: words }
    for (const call of gated) {
      const refused = await mac.ask(call, call.startsWith('GET') ? undefined : {})
      expect([call, refused]).toEqual([call, { status: 500, message: outer, error }])
    }
    const message = { chatGuid, message: 'Hi', method: 'private-api' }
    expect(await mac.ask('POST message/text', message)).toEqual({ status: 500, message: 'Message Send Error', error })
    const edit = { editedMessage: 'x', backwardsCompatibilityMessage: 'x' }
    expect(await mac.ask(`POST message/${guid}/edit`, edit)).toMatchObject({ message: 'Message Edit Error', error })
    const parts = [{ partIndex: 0, text: 'Hi' }]
    expect(await mac.ask('POST message/multipart', { chatGuid, parts })).toMatchObject({ status: 500, error })
    const begun = await mac.ask('POST chat/new', { addresses: [ada], message: 'Hi', method: 'private-api' })
    expect(begun).toMatchObject({ status: 500, error: { type: 'Server Error', message: words } })
    const facetime = await mac.ask('GET handle/availability/facetime', undefined, { address: ada })
    expect(facetime.error).toEqual({ type: 'Server Error', message: words })
  }
  expect((await mac.ask('GET message/count')).data).toEqual({ total: 1 })
})

test('it is gone, hangs, and is back where it was', async () => {
  const { network } = mac
  await network.cut()
  await expect(mac.ask('GET ping')).rejects.toThrow()
  await network.mend()
  expect((await mac.ask('GET ping')).status).toBe(200)
  await network.cut('silent')
  await expect(mac.fetch('GET ping', { signal: AbortSignal.timeout(200) })).rejects.toThrow()
  await network.mend()
  expect((await mac.ask('GET ping')).status).toBe(200)
})

test('two of them know nothing of each other', async () => {
  const other = await openClient({ mac: { macos: '26.0', aliases: ['+15550100301'] }, password: 'other' })
  const chatGuid = await mac.chatWith(ada)
  await mac.ask('POST message/text', { chatGuid, message: 'Hi', method: 'private-api' })
  other.network.person(ada).says('To the other')
  await Promise.all([mac.quiet(), other.quiet()])
  expect(other.heard.map(({ data }) => [data.text, data.originalROWID])).toEqual([['To the other', 1]])
  expect(other.network.chats().map(({ guid }) => guid)).toEqual([`any;-;${ada}`])
  expect(mac.network.messages().length).toBe(2)
  expect(other.network.person(ada).received).toEqual([])
  expect((await fetch(`${other.network.url}/api/v1/ping?password=${mac.network.password}`)).status).toBe(401)
  await other.stop()
})

test('what was asked is kept, of forms without their files', async () => {
  const form = new FormData()
  form.set('name', 'a.jpg')
  form.set('attachment', new Blob(['some bytes']), 'b.jpg')
  await mac.ask('POST message/attachment', form)
  const last = mac.network.requests().at(-1)
  expect([last?.method, last?.authorized, JSON.parse(last?.body ?? '')]).toEqual([
    ...['POST', true],
    { name: 'a.jpg', files: [{ field: 'attachment', name: 'b.jpg', bytes: 10 }] },
  ])
})
