/** Settings from flags and environment: their order, their defaults, and the one sentence that a wrong one gets. */
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Config, ConfigError, readConfig, settings } from './config.ts'

function config(argv: string[] = [], env: Record<string, string> = {}): Config {
  const read = readConfig(argv, env)
  if (!('port' in read)) throw new Error('not a config')
  return read
}

function complaint(argv: string[], env: Record<string, string> = {}): string {
  try {
    readConfig(argv, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

test('an empty environment gives the documented defaults', () => {
  expect(config()).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    port: 7090,
    host: '127.0.0.1',
    dataDir: resolve('data'),
    databaseUrl: null,
    poolMax: 10,
    allowUnsafeDatabase: false,
    publicUrl: null,
    sandbox: true,
    sandboxNetworks: true,
    adminKey: null,
    masterKey: null,
    keyPrefix: 'tb_',
    roles: ['api', 'outbox', 'webhooks', 'links'],
    rateLimitPerMinute: 100,
    privateNetworks: 'loopback',
    trustProxy: false,
    media: { kind: 'file', dir: resolve('data/media') },
    mediaRetentionMs: 604_800_000,
    ffmpegPath: null,
    searchPath: '',
    webhookScheduleMs: [30_000, 300_000, 1_800_000, 7_200_000, 28_800_000, 86_400_000, 86_400_000],
    webhookTimeoutMs: 10_000,
    eventRetentionMs: 2_592_000_000,
    logLevel: 'auto',
    logFormat: 'auto',
  })
})

test('nobody can change a config', () => {
  const read = config()
  for (const part of [read, read.roles, read.media, read.webhookScheduleMs]) expect(Object.isFrozen(part)).toBe(true)
})

test('flags win over the environment, which wins over defaults', () => {
  const env = { PORT: '8001', HOST: '::1', UNRELATED: 'x' }
  expect(config(['--port', '8002'], env)).toMatchObject({ port: 8002, host: '::1' })
  expect(config(['--port=8003'], env).port).toBe(8003)
  expect(config([], env).port).toBe(8001)
})

test('an empty variable is an unset one', () => {
  expect(config([], { PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 7090, databaseUrl: null })
})

test('a value may hold an equals sign', () => {
  const url = 'postgres://u:p@h/d?options=-c%20x=y'
  expect(config([`--database-url=${url}`]).databaseUrl).toBe(url)
})

test.each<[Record<string, string>, boolean]>([
  [{}, true],
  [{ NODE_ENV: 'production' }, false],
  [{ DATABASE_URL: 'postgres://h/d' }, false],
  [{ DATABASE_URL: 'postgres://h/d', SANDBOX: 'on' }, true],
  [{ NODE_ENV: 'production', SANDBOX: 'on' }, true],
  [{ SANDBOX: 'off' }, false],
])('the sandbox with %j: %s', (env, on) => {
  expect(config([], env).sandbox).toBe(on)
})

test.each<[Record<string, string>, Config['privateNetworks']]>([
  [{}, 'loopback'],
  [{ SANDBOX: 'off' }, 'refused'],
  [{ ALLOW_PRIVATE_NETWORKS: 'off' }, 'refused'],
  [{ ALLOW_PRIVATE_NETWORKS: 'on' }, 'allowed'],
  [{ ALLOW_PRIVATE_NETWORKS: '1', SANDBOX: 'off' }, 'allowed'],
])('private networks with %j: %s', (env, expected) => {
  expect(config([], env).privateNetworks).toBe(expected)
})

test.each<[string, Config['trustProxy']]>([
  ['off', false],
  ['on', true],
  ['1', 1],
  ['10.0.0.1, 192.168.0.0/16,::1', ['10.0.0.1', '192.168.0.0/16', '::1']],
])('TRUST_PROXY=%s', (text, expected) => {
  expect(config([], { TRUST_PROXY: text }).trustProxy).toEqual(expected)
})

test.each<[string, Config['media']]>([
  ['file:./blobs', { kind: 'file', dir: resolve('blobs') }],
  ['file:///var/my%20blobs', { kind: 'file', dir: '/var/my blobs' }],
])('MEDIA_URL=%s', (text, expected) => {
  expect(config([], { MEDIA_URL: text }).media).toEqual(expected)
})

describe('media in S3', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret/+=' }
  const ofAws = {
    ...{ kind: 's3', bucket: 'bucket', prefix: '', endpoint: 'https://s3.us-east-1.amazonaws.com', pathStyle: false },
    ...{ region: 'us-east-1', accessKeyId: 'AKIA', secretAccessKey: 'secret/+=', sessionToken: null },
  }

  test.each<[Record<string, string>, object]>([
    [{ MEDIA_URL: 's3://bucket' }, {}],
    [{ MEDIA_URL: 's3://bucket/a/bü b/' }, { prefix: 'a/bü b' }],
    [
      { MEDIA_URL: 's3://bucket', AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN: 't' },
      { region: 'eu-west-1', endpoint: 'https://s3.eu-west-1.amazonaws.com', sessionToken: 't' },
    ],
    [
      { MEDIA_URL: 's3://bucket', AWS_REGION: 'cn-north-1' },
      { region: 'cn-north-1', endpoint: 'https://s3.cn-north-1.amazonaws.com.cn' },
    ],
    [{ MEDIA_URL: 's3://a.bucket' }, { bucket: 'a.bucket', pathStyle: true }],
    [
      { MEDIA_URL: 's3://bucket', S3_ENDPOINT: 'http://minio:9000/' },
      { endpoint: 'http://minio:9000', pathStyle: true },
    ],
  ])('%j', (env, expected) => {
    expect(config([], { ...keys, ...env }).media).toEqual({ ...ofAws, ...expected })
  })

  test('needs keys; without it they are nobody’s', () => {
    const lacking = 'MEDIA_URL with s3: needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
      expect(complaint([], { ...keys, [name]: '', MEDIA_URL: 's3://bucket' })).toBe(lacking)
    expect(complaint(['--media-url', 's3://bucket'])).toMatch(/^--media-url with s3: needs /)
    expect(config([], keys).media).toEqual({ kind: 'file', dir: resolve('data/media') })
  })
})

test('other values are read into their units', () => {
  const env = {
    ROLES: 'webhooks,api',
    PUBLIC_URL: 'https://gateway.example/sms/',
    WEBHOOK_SCHEDULE: '500ms, 2s',
    WEBHOOK_TIMEOUT: '1m',
    EVENT_RETENTION: '36h',
    MEDIA_RETENTION: '2h',
    FFMPEG_PATH: './ffmpeg',
    PATH: '/bin',
    ALLOW_UNSAFE_DATABASE: '1',
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  }
  expect(config([], env)).toMatchObject({
    roles: ['api', 'webhooks'],
    publicUrl: 'https://gateway.example/sms',
    webhookScheduleMs: [500, 2_000],
    webhookTimeoutMs: 60_000,
    eventRetentionMs: 129_600_000,
    mediaRetentionMs: 7_200_000,
    ffmpegPath: resolve('ffmpeg'),
    searchPath: '/bin',
    allowUnsafeDatabase: true,
    masterKey: env.MASTER_KEY,
  })
})

const wrong: Record<string, string[]> = {
  PORT: ['65536', '-1', '80.5', '0x50', 'http', ' 80'],
  HOST: ['http://x', 'a b', '-x', '1.2.3.4:80'],
  DATABASE_URL: ['mysql://h/d', 'localhost', 'postgres://h'],
  POOL_MAX: ['0', '1', '501', 'many'],
  ALLOW_UNSAFE_DATABASE: ['yes please', 'toString'],
  PUBLIC_URL: ['gateway.example', 'ftp://x', 'https://x/?a', 'https://x/#', 'https://u:p@x'],
  SANDBOX: ['true', 'ON'],
  SANDBOX_NETWORKS: ['auto', 'whatsapp'],
  ADMIN_KEY: ['short', 'a key with spaces in it, long'],
  MASTER_KEY: [
    'x',
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
    `${Buffer.alloc(32).toString('base64')}\n`,
  ],
  KEY_PREFIX: ['tb', 'TB_', '_', 'a_b_'],
  ROLES: ['api,', 'apis', 'api,api,api,api,api', 'outbox', 'api,links'],
  RATE_LIMIT_PER_MINUTE: ['-1', '1e3'],
  ALLOW_PRIVATE_NETWORKS: ['loopback'],
  TRUST_PROXY: ['0.5', '99', 'proxy', '10.0.0.0/33', '::1/129', '10.0.0.0/8/8'],
  MEDIA_URL: [
    ...['/media', 'file:', 'file://host/x', 's3://', 's3://B', 'http://x'],
    ...['s3://bucket//a', 's3://bucket/a//b', 's3://bucket/../b', 's3://bucket/a/.', 's3://bucket/a\tb'],
  ],
  AWS_ACCESS_KEY_ID: ['a key', 'x'.repeat(257)],
  AWS_SECRET_ACCESS_KEY: ['a secret', ' x'],
  AWS_SESSION_TOKEN: ['a token', 'é'],
  AWS_REGION: ['eu west', 'eu-central-1.amazonaws.com'],
  S3_ENDPOINT: ['minio:9000', 'https://u:p@x', 'https://x/?a'],
  MEDIA_RETENTION: ['30m', '7', 'forever'],
  WEBHOOK_SCHEDULE: ['30', '30s,', '0s', '8d', Array(21).fill('1s').join()],
  WEBHOOK_TIMEOUT: ['0s', '6m', '10 s', '10S'],
  EVENT_RETENTION: ['1h', '30', 'forever'],
  LOG_LEVEL: ['verbose'],
  LOG_FORMAT: ['text'],
}

const cases = Object.entries(wrong).flatMap(([name, texts]) => texts.map((text) => [name, text] as const))

test.each(cases)('%s=%j stops the start with one sentence that names it', (name, text) => {
  const flag = settings.find((setting) => setting.name === name)?.flag ?? ''
  for (const [said, as] of [
    [complaint([], { [name]: text }), name],
    [complaint([`${flag}=${text}`]), flag],
  ] as const) {
    expect(said.startsWith(`${as} must `)).toBe(true)
    expect(said).toMatch(/^[^\n]+\.$/)
  }
})

test('every setting but a directory and a program has wrong values', () => {
  expect(Object.keys(wrong).sort()).toEqual(
    settings
      .map(({ name }) => name)
      .filter((name) => name !== 'DATA_DIR' && name !== 'FFMPEG_PATH')
      .sort(),
  )
})

test('a secret is not repeated in the sentence', () => {
  const said = [
    complaint([], { DATABASE_URL: 'mysql://gateway:canary@h/d' }),
    complaint([], { ADMIN_KEY: 'canary' }),
    complaint(['--master-key', 'canary']),
    complaint([], { AWS_ACCESS_KEY_ID: 'canary x' }),
    complaint([], { AWS_SECRET_ACCESS_KEY: 'canary x' }),
    complaint([], { AWS_SESSION_TOKEN: 'canary x' }),
  ]
  expect(said.join()).not.toContain('canary')
  expect(complaint([], { PORT: 'canary' })).toContain('"canary"')
})

test.each([
  [['--prot', '80'], '--prot is not a setting: --help lists them all.'],
  [['80'], '80 is not a setting: --help lists them all.'],
  [['--toString=1'], '--toString is not a setting: --help lists them all.'],
  [['--port'], '--port needs a value.'],
  [['--port='], '--port needs a value.'],
  [['--port', '--host'], '--port needs a value.'],
  [['--port', '1', '--port=2'], '--port is given twice.'],
])('%j is refused', (argv, said) => {
  expect(complaint(argv)).toBe(said)
})

test('outbox and links go together', () => {
  expect(complaint([], { ROLES: 'outbox,api' })).toMatch(/^ROLES must name outbox and links together/)
  expect(config([], { ROLES: 'links,outbox' }).roles).toEqual(['outbox', 'links'])
})

test('--help tells every setting with its default, even beside a wrong one', () => {
  const read = readConfig(['--port', 'x', '--help'], {})
  const help = 'help' in read ? read.help : ''
  for (const setting of settings) {
    expect(help).toContain(`  ${setting.flag} `)
    expect(help).toContain(setting.meaning)
    expect(help).toContain(setting.default)
  }
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(140)
})

test('--version tells the version', () => {
  expect(readConfig(['--version'], {})).toEqual({ version: config().version })
})

test('a flag is its variable in small letters', () => {
  expect(settings.map(({ flag }) => flag.slice(2).toUpperCase().replaceAll('-', '_'))).toEqual(
    settings.map(({ name }) => name),
  )
})
