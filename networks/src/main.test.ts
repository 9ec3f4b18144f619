/** The process as it is started: what it says, that its networks answer, and that it ends when it is told to. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'

const main = new URL('./main.ts', import.meta.url).pathname
const started = new Set<ChildProcess>()
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  started.clear()
})

function run(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  started.add(child)
  return { child, ended: once(child, 'close').then(([code]) => code), stdout: child.stdout, stderr: child.stderr }
}

const anywhere = [
  '--port',
  '0',
  '--smpp-port',
  '0',
  '--twilio-port',
  '0',
  '--android-port',
  '0',
  '--whatsapp-port',
  '0',
  '--imessage-port',
  '0',
]

interface Line {
  provider: string
  channels: string[]
  url: string
  password: string
}

async function networks() {
  const process = run(...anywhere)
  let said = ''
  for await (const chunk of process.stdout) {
    said += chunk
    if (said.includes('Ctrl-C')) break
  }
  const lines = [...said.matchAll(/^ {2}("provider".*)$/gm)].map(([, line]): Line => JSON.parse(`{${line}}`))
  const control = /http:\/\/127\.0\.0\.1:\d+\/$/m.exec(said)?.[0] ?? ''
  return { ...process, said, lines, control }
}

async function ask(url: string, body?: object) {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(url, body === undefined ? {} : sent)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const basic = ({ url, password }: Line) => {
  const { username } = new URL(url)
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
}

test('it says what a line needs, and the networks are there', async () => {
  const { lines, control, child, ended } = await networks()
  expect(lines).toEqual([
    {
      provider: 'smpp',
      channels: ['sms'],
      url: expect.stringMatching(/^smpp:\/\/gateway@127\.0\.0\.1:\d+$/),
      password: 'secret',
    },
    {
      provider: 'twilio',
      channels: ['sms'],
      url: expect.stringMatching(/^http:\/\/AC\w{32}@127/),
      password: expect.any(String),
    },
    {
      provider: 'android',
      channels: ['sms'],
      url: expect.stringMatching(/^http:\/\/\w+@127/),
      password: expect.stringMatching(/^[^:]+:[^:]+$/),
    },
    {
      provider: 'whatsapp',
      channels: ['whatsapp'],
      url: expect.stringMatching(
        /^ws:\/\/127\.0\.0\.1:\d+\/ws\/chat\?noiseRoot=[\w-]{43}&mediaHost=127\.0\.0\.1:\d+&ca=[\w-]+$/,
      ),
    },
    {
      provider: 'bluebubbles',
      channels: ['imessage'],
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      password: expect.any(String),
    },
  ])
  const [, twilio] = lines as [Line, Line, Line, Line, Line]
  const { username, origin } = new URL(twilio.url)
  const messages = `${origin}/2010-04-01/Accounts/${username}/Messages.json`
  const body = new URLSearchParams({ From: '+15550100100', To: '+14155550199', Body: 'Hello' })
  const sent = await fetch(messages, { method: 'POST', headers: basic(twilio), body })
  expect(sent.status).toBe(201)
  const got = await ask(`${control}people/+14155550199/received`)
  expect(got.body).toMatchObject({ received: [{ network: 'twilio', from: '+15550100100', text: 'Hello' }] })
  const said = { network: 'twilio', to: '+15550100100', text: 'Hello yourself' }
  expect((await ask(`${control}people/+14155550199/say`, said)).status).toBe(200)
  const listed = await fetch(messages, { headers: basic(twilio) })
  expect(((await listed.json()) as { messages: object[] }).messages).toMatchObject([{ body: 'Hello yourself' }, {}])
  const unheard = await ask(`${control}people/+14155550199/say`, { ...said, network: 'android' })
  expect([unheard.status, unheard.body.error]).toEqual([409, expect.stringContaining('webhook')])
  expect((await ask(`${control}people/+14155550199/say`, { ...said, network: 'smpp' })).status).toBe(200)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('each network can be cut off and mended, and keeps its port', async () => {
  const { lines, control } = await networks()
  const reaches = async ({ url }: Line) => {
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    return isThere
  }
  for (const line of [...lines.slice(1, 3), ...lines.slice(4)]) {
    for (const [faults, isThere] of [
      [{ cut: true }, false],
      [{ cut: true }, false],
      [{ silence: true }, true],
      [{ cut: true }, false],
      [{ cut: false }, true],
    ] as const) {
      expect((await ask(`${control}networks/${line.provider}/faults`, faults)).status).toBe(200)
      expect([line.provider, faults, await reaches(line)]).toEqual([line.provider, faults, isThere])
    }
  }
  const { body } = await ask(control)
  const calls = (body.calls as { call: string; meaning: string }[]).filter(({ call }) => call.endsWith('/faults'))
  const names = calls.map(({ meaning }) => [...meaning.matchAll(/(\w+): /g)].map(([, name]) => name))
  expect(names).toEqual([
    ['cut', 'refuse', 'silence', 'loseNextAnswer'],
    ['cut', 'silence', 'loseNextAnswer'],
    ['cut', 'silence', 'loseNextAnswer', 'fallSilent'],
    ['cut', 'refuse', 'silence', 'slow', 'breaks', 'loseNext', 'loseNextAnswer', 'restrictNext', 'refuseUploads'],
    ['cut', 'silence', 'loseNextAnswer', 'fallSilent', 'sleep', 'refuse', 'deregister', 'loseHelper'],
  ])
  const lost = await Promise.all(
    lines.map(({ provider }) => ask(`${control}networks/${provider}/faults`, { loseNextAnswer: true })),
  )
  expect(lost.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  for (const wrong of [
    { number: '+15550100100' },
    { number: '+15550100100', url: 'file:///x' },
    { number: 'x/', url: 'http://a' },
  ])
    expect((await ask(`${control}networks/twilio/inbound`, wrong)).status).toBe(400)
  const inbound = { number: '+15550100100', url: 'http://127.0.0.1:9/hook' }
  expect((await ask(`${control}networks/twilio/inbound`, inbound)).body).toEqual({ inbound })
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it, whoever is connected', async (signal) => {
  const { lines, control, child, ended } = await networks()
  const sockets = [...lines.map(({ url }) => url), control].map((url) =>
    connect(Number(new URL(url).port), '127.0.0.1'),
  )
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const stream = await fetch(`${control}events`)
  child.kill(signal)
  expect(await ended).toBe(0)
  for (const socket of sockets) socket.destroy()
  await stream.body?.cancel().catch(() => {})
})

test('whoever starts it as a child is told where it is, and takes it along', async () => {
  const child = fork(main, anywhere, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  started.add(child)
  const ended = once(child, 'exit')
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  expect((await fetch(url)).status).toBe(200)
  child.disconnect()
  expect(await ended).toEqual([0, null])
})

test('a port that is taken is named, and nothing is left behind', async () => {
  const { lines } = await networks()
  const taken = new URL(lines[0]?.url ?? '').port
  for (const flag of ['--smpp-port', '--android-port', '--whatsapp-port', '--imessage-port', '--port']) {
    const second = run(...anywhere, flag, taken)
    expect([await text(second.stderr), await second.ended]).toEqual([
      `Port ${taken} is taken. --help lists the flags that choose another.\n`,
      1,
    ])
  }
})

test('it explains itself when asked, or when it is asked wrongly', async () => {
  const helped = run('--help')
  expect([await text(helped.stdout), await helped.ended]).toEqual([expect.stringContaining('--smpp-port'), 0])
  const wrong = run('--ports', '1')
  expect([await text(wrong.stderr), await wrong.ended]).toEqual([expect.stringContaining('--ports'), 1])
})
