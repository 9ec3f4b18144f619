/** The guide's ways to verify a delivery, taken from the page as they stand: each takes what we sign and nothing else. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { seededChance } from '../../src/lib/chance.ts'
import { mintSecret, type Secret, shownPublicKey, shownSecret } from '../../src/webhooks/secrets.ts'
import { until } from '../support/gateway.ts'
import { type Received, standardClient, textbubblesClient } from '../webhooks/clients.ts'
import { type Genuine, mutations, receivedOf } from '../webhooks/mutations.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/guides/webhooks.md'), 'utf8')
/** A block that names its file in a comment at its beginning. */
const files = new Map(
  [...guide.matchAll(/^```(?:js|python|bash)\n((?:#!.*\n)?(?:\/\/|#) ([a-z-]+\.(?:mjs|py|sh))\b[\s\S]*?)^```$/gm)].map(
    ([, text = '', name = '']) => [name, text],
  ),
)

let home = ''

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'switchboard-snippets-'))
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
  for (const [name, text] of files) writeFileSync(join(home, name), text, { mode: 0o755 })
})

afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

/** One thing to verify, and with what. */
interface Question {
  name: string
  scheme: 'standard' | 'x-signature' | 'public-key'
  secret: string
  received: Received
  genuine: boolean
}

type Ask = (questions: readonly Question[]) => boolean[]

const [secret, previous, outdated, stranger] = [mintSecret(null), mintSecret(null), mintSecret(null), mintSecret(null)]
const supplied: Secret = { ...secret, supplied: 'a-secret-of-your-own' }

function genuineOf(keys: readonly Secret[], asymmetric = false): Genuine {
  const timestamp = Math.floor(Date.now() / 1000) - 20
  const body = Buffer.from(
    JSON.stringify({ id: 'evt_1', type: 'message.inbound', data: { text: 'grüße. 🎈 "quoted" \\ .{} 1.50' } }),
  )
  const signing = { id: 'evt_0199a2c4-7b21', timestamp, body }
  const other = { id: 'evt_other-1', timestamp: timestamp - 1, body: Buffer.from('{"id":"evt_other-1"}') }
  const signed = { dialect: 'textbubbles' as const, keys, asymmetric, signing, other, outdated, stranger }
  return { ...signed, received: receivedOf(signed) }
}

function questionsOf(name: string, received: Received, of: Secret, genuine: boolean): Question[] {
  const about = { name, received, genuine }
  return [
    { ...about, scheme: 'standard', secret: shownSecret(of) },
    { ...about, scheme: 'x-signature', secret: of.supplied ?? shownSecret(of) },
  ]
}

function genuineQuestions(): Question[] {
  const rotated = genuineOf([secret, previous], true)
  const empty = { ...genuineOf([secret]).signing, body: Buffer.alloc(0) }
  return [
    ...questionsOf('one key', genuineOf([secret]).received, secret, true),
    ...questionsOf('a supplied secret', genuineOf([supplied]).received, supplied, true),
    ...questionsOf('the new secret', rotated.received, secret, true),
    ...questionsOf('the old secret', rotated.received, previous, true),
    ...questionsOf('no body', receivedOf(genuineOf([secret]), [secret], empty), secret, true),
  ]
}

/** Every kind of mutation, and times that are signed correctly but are no recent number of seconds. */
function forgedQuestions(perKind: number): Question[] {
  const chance = seededChance('snippets')
  const bent = [...mutations].flatMap(([kind, mutation]) =>
    Array.from({ length: perKind }, (_, number) => {
      const key = number % 2 === 0 ? secret : supplied
      return questionsOf(kind, mutation(genuineOf([key], true), chance), key, false)
    }).flat(),
  )
  return [...bent, ...oddTimes().flatMap((text) => questionsOf(`time ${text}`, signedAt(text), secret, false))]
}

function oddTimes(): string[] {
  const now = Math.floor(Date.now() / 1000)
  const arabic = String(now).replaceAll(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)))
  const written = ['.0', '.', 'abc', 'e0', '\t', 'n'].map((end) => `${now}${end}`)
  const signs = [`+${now}`, `-${now}`, ` ${now}`, `0x${now.toString(16)}`, arabic]
  // Still ahead of its time after the minute in which the slowest of them are asked.
  const ahead = String(now + 300 + 90)
  return [...written, ...signs, '', 'NaN', 'Infinity', '9'.repeat(400), String(now - 302), ahead]
}

function signedAt(timestamp: string): Received {
  const body = Buffer.from('{"id":"evt_1"}')
  const mac = (key: string | Buffer, prefix: string) => createHmac('sha256', key).update(prefix).update(body)
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${mac(Buffer.from(secret.random, 'base64'), `evt_1.${timestamp}.`).digest('base64')}`,
    'x-timestamp': timestamp,
    'x-signature': `sha256=${mac(shownSecret(secret), `${timestamp}.`).digest('hex')}`,
  }
  return { headers, body }
}

/** Runs a program that answers each line with true or false. */
function askProgram(program: string, args: readonly string[], questions: readonly Question[]): boolean[] {
  const lines = questions.map(({ received: { headers, body }, ...rest }) =>
    JSON.stringify({ ...rest, headers, body: body.toString('base64') }),
  )
  const said = execFileSync(program, args, { cwd: home, input: lines.join('\n'), encoding: 'utf8', stdio: 'pipe' })
  return said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as boolean)
}

const askNode =
  (imports: string, expression: string): Ask =>
  (questions) => {
    const script = `${imports}
      import { readFileSync } from 'node:fs'
      for (const line of readFileSync(0, 'utf8').split('\\n')) {
        const { scheme, headers, body: text, secret } = JSON.parse(line)
        const body = Buffer.from(text, 'base64')
        console.log(${expression})
      }`
    return askProgram(process.execPath, ['--input-type=module', '--eval', script], questions)
  }

const askPython: Ask = (questions) => {
  const script = `
import base64, json, sys
sys.path.insert(0, ".")
from verify import verify_standard, verify_x_signature
sys.stdin.reconfigure(encoding="utf-8")
for line in sys.stdin:
    asked = json.loads(line)
    verify = verify_standard if asked["scheme"] == "standard" else verify_x_signature
    print(json.dumps(verify(asked["headers"], base64.b64decode(asked["body"]), asked["secret"])))
`
  return askProgram('python3', ['-c', script], questions)
}

const askShell: Ask = (questions) =>
  questions.map(({ scheme, received, secret: text }) => {
    const lines = Object.entries(received.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    writeFileSync(join(home, 'headers.txt'), lines.join(''))
    writeFileSync(join(home, 'body.json'), received.body)
    const env = { ...process.env, WEBHOOK_SECRET: text }
    const run = spawnSync('bash', ['verify.sh', scheme, 'headers.txt', 'body.json'], {
      cwd: home,
      env,
      encoding: 'utf8',
    })
    expect(run.stderr).toBe('')
    expect([0, 1]).toContain(run.status)
    return run.status === 0
  })

/** What a server would never hand over: a header with a control character in it. */
const isPlain = ({ received }: Question) => Object.values(received.headers).every((value) => /^[ -~\t]*$/.test(value))

function expectRightAnswers(ask: Ask, questions: readonly Question[]): void {
  const answers = ask(questions)
  expect(answers).toHaveLength(questions.length)
  const wrong = questions.filter(({ genuine }, index) => answers[index] !== genuine)
  expect(wrong.map(({ name, scheme, received: { headers } }) => ({ name, scheme, headers })).slice(0, 3)).toEqual([])
}

const isInstalled = (program: string) => spawnSync(program, ['--version']).status === 0

test('the guide has the files that it speaks of', () => {
  const expected = ['package.mjs', 'public-key.mjs', 'receiver.mjs', 'send.sh', 'verify.mjs', 'verify.py', 'verify.sh']
  expect([...files.keys()].sort()).toEqual(expected)
})

test('the delivery that the guide shows is signed with the secret that it shows', () => {
  const [, head = '', text = ''] = /^```http\n([\s\S]*?)\n\n([\s\S]*?)\n```$/m.exec(guide) ?? []
  const pairs = head
    .split('\n')
    .slice(1)
    .map((line) => line.split(': '))
  const headers = Object.fromEntries(pairs.map(([name = '', value = '']) => [name.toLowerCase(), value]))
  const [shown = ''] = /whsec_[A-Za-z0-9+/]{43}=/.exec(guide) ?? []
  const received = { headers, body: Buffer.from(text) }
  expect(JSON.parse(text)).toMatchObject({ id: headers['webhook-id'], type: headers['x-event-type'] })
  vi.useFakeTimers({ toFake: ['Date'], now: Number(headers['webhook-timestamp']) * 1000 })
  try {
    expect(standardClient(shown)(received)).toBe(true)
    expect(textbubblesClient(shown)(received)).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

describe('Node', () => {
  const ask = askNode(
    "import { verifyStandard, verifyXSignature } from './verify.mjs'",
    "(scheme === 'standard' ? verifyStandard : verifyXSignature)(headers, body, secret)",
  )
  const askPackage = askNode(
    "import { verified } from './package.mjs'\nimport { WebhookVerificationError } from 'standardwebhooks'",
    `(() => {
      try { verified(headers, body, secret); return true } catch (error) {
        if (error instanceof WebhookVerificationError) return false
        throw error
      }
    })()`,
  )
  const askPublicKey = askNode(
    "import { verifyWithPublicKey } from './public-key.mjs'",
    'verifyWithPublicKey(headers, body, secret)',
  )
  const withScheme = (questions: Question[], scheme: Question['scheme']) =>
    questions.filter((question) => question.scheme === scheme)

  test('without libraries', () => {
    expectRightAnswers(ask, [...genuineQuestions(), ...forgedQuestions(40)])
  })

  test('with the package, which is lax about how a time is written', () => {
    const forged = forgedQuestions(40).filter(({ name }) => !name.startsWith('time '))
    expectRightAnswers(askPackage, withScheme([...genuineQuestions(), ...forged], 'standard'))
  })

  test('with the public key', () => {
    const signed = questionsOf('signed', genuineOf([secret], true).received, secret, true)
    const rotated = questionsOf(
      'signed with another as well',
      genuineOf([previous, secret], true).received,
      secret,
      true,
    )
    const unsigned = questionsOf('not signed with it', genuineOf([secret]).received, secret, false)
    const foreign = questionsOf('by another', genuineOf([stranger], true).received, secret, false)
    const all = [...signed, ...rotated, ...unsigned, ...foreign, ...forgedQuestions(40)]
    const publicKey = shownPublicKey(secret)
    const asked = withScheme(all, 'standard').map((one) => ({
      ...one,
      scheme: 'public-key' as const,
      secret: publicKey,
    }))
    expectRightAnswers(askPublicKey, asked)
  })

  test.each(['', 'whsec_', 'whsec_AAAA', 'secret'])('no secret (%j) takes nothing', (text) => {
    const [standard, stamped] = questionsOf('no secret', signedAt('1'), secret, false) as [Question, Question]
    expect(() => ask([{ ...standard, secret: text }])).toThrow()
    if (text === '') expect(() => ask([{ ...stamped, secret: text }])).toThrow()
  })
})

test('Python, without libraries', ({ skip }) => {
  skip(!isInstalled('python3'), 'python3 is not installed')
  expectRightAnswers(askPython, [...genuineQuestions(), ...forgedQuestions(40)])
  const [standard, stamped] = questionsOf('no secret', signedAt('1'), secret, false) as [Question, Question]
  for (const text of ['', 'whsec_', 'whsec_AAAA']) expect(() => askPython([{ ...standard, secret: text }])).toThrow()
  expect(() => askPython([{ ...stamped, secret: '' }])).toThrow()
})

describe('by hand', () => {
  beforeAll(() => {
    for (const program of ['openssl', 'curl']) {
      const found = spawnSync(program, [program === 'curl' ? '--version' : 'version']).status === 0
      if (!found) throw new Error(`These tests run the guide's scripts, which need ${program} on the PATH.`)
    }
  })

  test('bash and openssl', () => {
    expectRightAnswers(askShell, [...genuineQuestions(), ...forgedQuestions(1).filter(isPlain)])
  }, 60_000)

  test('the receiver takes what the script sends, and each event once', async () => {
    const { url, receiver, printed } = await startReceiver(shownSecret(secret))
    try {
      const { headers, body } = genuineOf([secret]).received
      const post = async (sent: string) => (await fetch(url, { method: 'POST', headers, body: sent })).status
      expect(await Promise.all([post(body.toString()), post(`${body} `), post('')])).toEqual([204, 401, 401])
      expect(await post(body.toString())).toBe(204)
      expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401)
      const send = (text: string) => {
        const env = { ...process.env, WEBHOOK_SECRET: text }
        return execFileSync('bash', ['send.sh', url], { cwd: home, env, encoding: 'utf8' })
      }
      expect(send(shownSecret(stranger))).toBe('401\n')
      expect(send(shownSecret(secret))).toBe('204\n')
      await until(
        async () => printed().some((line) => line.startsWith('webhook.test ')),
        'the last event to be printed',
      )
      expect(printed()).toEqual([
        'message.inbound evt_0199a2c4-7b21',
        expect.stringMatching(/^webhook\.test evt_test_[0-9a-f]{16}$/),
      ])
    } finally {
      const ended = once(receiver, 'exit')
      receiver.kill()
      await ended
    }
  })
})

async function startReceiver(text: string) {
  const env = { ...process.env, WEBHOOK_SECRET: text, PORT: '0' }
  const receiver: ChildProcess = spawn(process.execPath, ['receiver.mjs'], {
    cwd: home,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  receiver.stdout?.on('data', (chunk) => (said += chunk))
  const lines = () => said.split('\n').slice(0, -1)
  await until(async () => lines().length > 0, 'the receiver to listen')
  const port = /^listening on (\d+)$/.exec(lines()[0] ?? '')?.[1]
  return { url: `http://127.0.0.1:${port}`, receiver, printed: () => lines().slice(1) }
}
