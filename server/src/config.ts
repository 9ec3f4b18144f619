/** Flags and environment → one checked, frozen Config: the reference of every setting and the only reader of the environment. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LogFormat, LogLevel } from './lib/log.ts'
import * as values from './lib/setting-values.ts'
import { StartRefused } from './lib/start-refused.ts'

export class ConfigError extends StartRefused {
  override name = 'ConfigError'
}

export type Role = 'api' | 'outbox' | 'webhooks' | 'links'

export interface Config {
  version: string
  /** 0 picks a free one. */
  port: number
  host: string
  dataDir: string
  /** Null: the embedded PostgreSQL in `dataDir`. */
  databaseUrl: string | null
  poolMax: number
  allowUnsafeDatabase: boolean
  /** Null: the address that HTTP listens on. */
  publicUrl: string | null
  sandbox: boolean
  /** Whether the loopback networks are started beside the sandbox. */
  sandboxNetworks: boolean
  /** Null, like the master key: the one generated into `dataDir`. */
  adminKey: string | null
  masterKey: string | null
  keyPrefix: string
  roles: readonly Role[]
  /** 0 is no limit. */
  rateLimitPerMinute: number
  privateNetworks: 'refused' | 'loopback' | 'allowed'
  /** Who may say in `X-Forwarded-For` whom a request comes from: nobody, everybody, that many hops, or these. */
  trustProxy: boolean | number | readonly string[]
  media: { kind: 'file'; dir: string } | S3Bucket
  mediaRetentionMs: number
  /** Null: what is found, if it can be locked up. */
  ffmpegPath: string | null
  /** Where programs are looked for. */
  searchPath: string
  webhookScheduleMs: readonly number[]
  webhookTimeoutMs: number
  eventRetentionMs: number
  logLevel: LogLevel | 'auto'
  logFormat: LogFormat
}

/** A bucket of AWS, or of another server that speaks as S3 does, and the keys to it. */
export interface S3Bucket {
  kind: 's3'
  bucket: string
  /** Before every name; empty for none. */
  prefix: string
  endpoint: string
  region: string
  /** The bucket in the path, not in the host name. */
  pathStyle: boolean
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | null
}

export interface Setting {
  name: string
  flag: string
  /** As it would be typed, or in words where it depends on something; empty when there is none. */
  default: string
  meaning: string
}

type Name = (typeof table)[number][0]

const table = [
  ['PORT', '7090', 'where HTTP listens; 0 picks a free port'],
  ['HOST', '127.0.0.1', 'the address HTTP listens on; 0.0.0.0 opens it to other machines'],
  ['DATA_DIR', './data', 'database, media, generated keys and sandbox.json'],
  ['DATABASE_URL', '', 'a PostgreSQL 15 or newer to use instead of the embedded one'],
  ['POOL_MAX', '10', 'the most database connections of this process'],
  ['ALLOW_UNSAFE_DATABASE', 'off', 'accept a database that may lose confirmed messages (fsync=off and the like)'],
  ['PUBLIC_URL', 'http://HOST:PORT', 'how the outside reaches the gateway: download links, callbacks of providers'],
  [
    'SANDBOX',
    'auto',
    'try it without a network: on, off, or auto (on with the embedded database unless NODE_ENV=production)',
  ],
  [
    'SANDBOX_NETWORKS',
    'on',
    'start networks on this machine beside the sandbox, and link its line with their WhatsApp',
  ],
  ['ADMIN_KEY', 'generated', 'key of the admin API; generated into DATA_DIR/keys.json'],
  ['MASTER_KEY', 'generated', '32 bytes in base64 that encrypt stored credentials; generated into DATA_DIR/keys.json'],
  ['KEY_PREFIX', 'tb_', 'what the API keys handed out begin with'],
  ['ROLES', 'api,outbox,webhooks,links', 'what this process does; several may share a database'],
  ['RATE_LIMIT_PER_MINUTE', '100', 'requests per API key and minute, unless its customer has another limit; 0 is none'],
  ['ALLOW_PRIVATE_NETWORKS', 'off, loopback in the sandbox', 'let webhooks, media and models be at private addresses'],
  ['TRUST_PROXY', 'off', 'believe X-Forwarded-For: on, off, a number of hops, or the addresses of the proxies'],
  ['MEDIA_URL', 'file:DATA_DIR/media', 'where media lies: file:DIRECTORY or s3://BUCKET/PREFIX'],
  ['AWS_ACCESS_KEY_ID', '', 'the key to media in s3:'],
  ['AWS_SECRET_ACCESS_KEY', '', 'the secret of that key'],
  ['AWS_SESSION_TOKEN', '', 'what belongs to a key that ends by itself'],
  ['AWS_REGION', 'us-east-1', 'the region of the bucket'],
  ['S3_ENDPOINT', 'that of AWS', 'the address of another server that speaks as S3 does'],
  ['MEDIA_RETENTION', '7d', 'how long files are kept after they were last needed'],
  [
    'FFMPEG_PATH',
    'found',
    'an ffmpeg you trust with what strangers send; else one that can be locked up, or the one of npm',
  ],
  ['WEBHOOK_SCHEDULE', '30s,5m,30m,2h,8h,24h,24h', 'delays between the attempts of a webhook'],
  ['WEBHOOK_TIMEOUT', '10s', 'how long one attempt of a webhook may take'],
  ['EVENT_RETENTION', '30d', 'how long events and finished attempts are kept'],
  ['LOG_LEVEL', 'auto', 'fatal, error, warn, info, debug, trace, silent, or auto (info; warn on a terminal)'],
  ['LOG_FORMAT', 'auto', 'json, pretty, or auto (pretty on a terminal)'],
] as const

export const settings: readonly Setting[] = table.map(([name, fallback, meaning]) => ({
  name,
  flag: `--${name.toLowerCase().replaceAll('_', '-')}`,
  default: fallback,
  meaning,
}))

/** What they hold must not show up in a terminal or a log. */
const secretNames: readonly Name[] = [
  ...(['DATABASE_URL', 'ADMIN_KEY', 'MASTER_KEY'] as const),
  ...(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const),
]
const roles: readonly Role[] = ['api', 'outbox', 'webhooks', 'links']
const dayMs = 86_400_000

/** What this process was started with. */
export function readOwnConfig(): ReturnType<typeof readConfig> {
  return readConfig(process.argv.slice(2), process.env)
}

export function readConfig(
  argv: readonly string[],
  env: Record<string, string | undefined>,
): Config | { help: string } | { version: string } {
  const version = ownVersion()
  if (argv.includes('--help') || argv.includes('-h')) return { help: helpText(version) }
  if (argv.includes('--version') || argv.includes('-v')) return { version }
  const given = gather(argv, env)
  const databaseUrl = optional(given, 'DATABASE_URL', databaseAddress)
  const dataDir = required(given, 'DATA_DIR', directory)
  const sandbox = readSandbox(given, databaseUrl !== null, env.NODE_ENV === 'production')
  return Object.freeze({
    version,
    port: required(given, 'PORT', values.integer(0, 65_535)),
    host: required(given, 'HOST', values.hostName),
    dataDir,
    databaseUrl,
    poolMax: required(given, 'POOL_MAX', values.integer(2, 500)),
    allowUnsafeDatabase: required(given, 'ALLOW_UNSAFE_DATABASE', values.onOff),
    publicUrl: optional(given, 'PUBLIC_URL', values.webAddress),
    sandbox,
    sandboxNetworks: required(given, 'SANDBOX_NETWORKS', values.onOff),
    adminKey: optional(given, 'ADMIN_KEY', adminKey),
    masterKey: optional(given, 'MASTER_KEY', values.base64Of(32)),
    keyPrefix: required(given, 'KEY_PREFIX', keyPrefix),
    roles: readRoles(given),
    rateLimitPerMinute: required(given, 'RATE_LIMIT_PER_MINUTE', values.integer(0, 1_000_000)),
    privateNetworks: readPrivateNetworks(given, sandbox),
    trustProxy: required(given, 'TRUST_PROXY', proxyTrust),
    media: Object.freeze(readMedia(given, dataDir)),
    mediaRetentionMs: required(given, 'MEDIA_RETENTION', values.duration(3_600_000, 3_650 * dayMs)),
    ffmpegPath: optional(given, 'FFMPEG_PATH', program),
    searchPath: env.PATH ?? '',
    webhookScheduleMs: required(given, 'WEBHOOK_SCHEDULE', values.listOf(values.duration(1, 7 * dayMs), 20)),
    webhookTimeoutMs: required(given, 'WEBHOOK_TIMEOUT', values.duration(100, 300_000)),
    eventRetentionMs: required(given, 'EVENT_RETENTION', values.duration(dayMs, 3_650 * dayMs)),
    logLevel: required(given, 'LOG_LEVEL', values.oneOf(logLevels)),
    logFormat: required(given, 'LOG_FORMAT', values.oneOf(['auto', 'json', 'pretty'])),
  })
}

const logLevels = ['auto', 'fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** A text and how the operator named it, so that a complaint names what he typed. */
type Given = ReadonlyMap<string, { text: string; as: string }>

function gather(argv: readonly string[], env: Record<string, string | undefined>): Given {
  const given = new Map<string, { text: string; as: string }>()
  for (const { name } of settings) {
    // An empty variable is how compose files and shells spell an unset one.
    const text = env[name]
    if (text) given.set(name, { text, as: name })
  }
  const seen = new Set<string>()
  for (let index = 0; index < argv.length; index += 1) {
    const [flag = '', ...inline] = (argv[index] ?? '').split('=')
    const setting = settings.find((one) => one.flag === flag)
    if (!setting) throw new ConfigError(`${flag} is not a setting: --help lists them all.`)
    if (seen.has(flag)) throw new ConfigError(`${flag} is given twice.`)
    seen.add(flag)
    const next = inline.length > 0 ? inline.join('=') : argv[++index]
    if (!next || (inline.length === 0 && next.startsWith('--'))) throw new ConfigError(`${flag} needs a value.`)
    given.set(setting.name, { text: next, as: flag })
  }
  return given
}

function optional<Value>(given: Given, name: Name, reader: values.Reader<Value>): Value | null {
  const found = given.get(name)
  if (!found) return null
  const value = reader.read(found.text)
  if (value !== undefined) return value
  const shown = secretNames.includes(name) ? '' : `, not ${JSON.stringify(found.text.slice(0, 80))}`
  throw new ConfigError(`${found.as} must ${reader.must}${shown}.`)
}

/** A default passes the same reader as what is given. */
function required<Value>(given: Given, name: Name, reader: values.Reader<Value>): Value {
  const value = optional(given, name, reader) ?? reader.read(fallbackOf(name))
  if (value === undefined) throw new Error(`the default of ${name} does not fit`)
  return value
}

function fallbackOf(name: Name): string {
  return table.find(([one]) => one === name)?.[1] ?? ''
}

const program: values.Reader<string> = { must: 'name a program', read: (text) => resolve(text) }
const directory: values.Reader<string> = { must: 'name a directory', read: (text) => resolve(text) }
const adminKey = values.matching(/^[\x21-\x7e]{24,200}$/, 'have 24 to 200 characters without spaces')
const keyPrefix = values.matching(/^[a-z][a-z0-9]{0,14}_$/, 'be 1 to 15 small letters and digits, then an underscore')

const databaseAddress: values.Reader<string> = {
  must: 'look like postgres://user:password@host:5432/database',
  read: (text) => {
    const url = URL.parse(text)
    return url && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1 ? text : undefined
  },
}

const mediaPlace: values.Reader<{ kind: 'file'; dir: string } | Pick<S3Bucket, 'kind' | 'bucket' | 'prefix'>> = {
  must: 'be file:DIRECTORY or s3://BUCKET/PREFIX',
  read: (text) => {
    const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.{0,200}))?$/.exec(text) ?? []
    if (bucket) return isPrefix(prefix) ? { kind: 's3', bucket, prefix: prefix.replace(/\/$/, '') } : undefined
    if (text.startsWith('file:///')) return { kind: 'file', dir: fileURLToPath(text) }
    const [, dir] = /^file:((?!\/\/).+)$/.exec(text) ?? []
    return dir ? { kind: 'file', dir: resolve(dir) } : undefined
  },
}

/** Without parts that some server or library would take for steps up or leave out. */
function isPrefix(text: string): boolean {
  const parts = text.replace(/\/$/, '').split('/')
  return text === '' || parts.every((part) => /^[^\p{Cc}]+$/u.test(part) && !/^\.\.?$/.test(part))
}

const accessKey = values.matching(/^[\x21-\x7e]{1,256}$/, 'have 1 to 256 characters without spaces')
const sessionToken = values.matching(/^[\x21-\x7e]{1,8192}$/, 'have 1 to 8192 characters without spaces')
const region = values.matching(/^[A-Za-z0-9-]{1,40}$/, 'be the name of a region such as eu-central-1')

function readMedia(given: Given, dataDir: string): Config['media'] {
  const place = optional(given, 'MEDIA_URL', mediaPlace) ?? { kind: 'file', dir: join(dataDir, 'media') }
  const keys = {
    accessKeyId: optional(given, 'AWS_ACCESS_KEY_ID', accessKey),
    secretAccessKey: optional(given, 'AWS_SECRET_ACCESS_KEY', accessKey),
    sessionToken: optional(given, 'AWS_SESSION_TOKEN', sessionToken),
  }
  const where = {
    region: required(given, 'AWS_REGION', region),
    own: optional(given, 'S3_ENDPOINT', values.webAddress),
  }
  if (place.kind === 'file') return place
  const { accessKeyId, secretAccessKey } = keys
  if (accessKeyId === null || secretAccessKey === null) {
    const as = given.get('MEDIA_URL')?.as
    throw new ConfigError(`${as} with s3: needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`)
  }
  const ofAws = `https://s3.${where.region}.amazonaws.com${where.region.startsWith('cn-') ? '.cn' : ''}`
  // No certificate of AWS is good for a host name that has a dot more, and few other servers have a name per bucket.
  const pathStyle = where.own !== null || place.bucket.includes('.')
  return {
    ...place,
    ...keys,
    accessKeyId,
    secretAccessKey,
    region: where.region,
    endpoint: where.own ?? ofAws,
    pathStyle,
  }
}

const proxyAddresses = values.listOf(values.network, 100)

const proxyTrust: values.Reader<Config['trustProxy']> = {
  must: 'be on, off, a number of hops, or a list of the addresses of the proxies',
  // A number comes first: here 1 means one hop, not "on".
  read: (text) => values.integer(1, 20).read(text) ?? values.onOff.read(text) ?? proxyAddresses.read(text),
}

function readSandbox(given: Given, ownDatabase: boolean, production: boolean): boolean {
  const choice = required(given, 'SANDBOX', values.oneOf(['auto', 'on', 'off']))
  return choice === 'auto' ? !ownDatabase && !production : choice === 'on'
}

function readPrivateNetworks(given: Given, sandbox: boolean): Config['privateNetworks'] {
  const allowed = optional(given, 'ALLOW_PRIVATE_NETWORKS', values.onOff) ?? sandbox
  if (!allowed) return 'refused'
  return given.has('ALLOW_PRIVATE_NETWORKS') ? 'allowed' : 'loopback'
}

function readRoles(given: Given): readonly Role[] {
  const named = required(given, 'ROLES', values.listOf(values.oneOf(roles), roles.length))
  if (named.includes('outbox') !== named.includes('links')) {
    const as = given.get('ROLES')?.as
    throw new ConfigError(
      `${as} must name outbox and links together, because a message leaves where its line is connected.`,
    )
  }
  return Object.freeze(roles.filter((role) => named.includes(role)))
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function helpText(version: string): string {
  const width = Math.max(...settings.map(({ flag }) => flag.length))
  const lines = settings.map(({ flag, default: fallback, meaning }) => {
    const shown = fallback === '' ? '' : ` [${fallback}]`
    return `  ${flag.padEnd(width)}  ${meaning}${shown}`
  })
  return [
    `switchboard ${version}: one API for WhatsApp, iMessage and SMS`,
    '',
    'Usage: npm start -- [settings]',
    '',
    'Each setting is a flag or the environment variable of the same name (--data-dir is DATA_DIR); the flag wins.',
    '',
    ...lines,
    `  ${'--help'.padEnd(width)}  this text`,
    `  ${'--version'.padEnd(width)}  the version`,
    '',
  ].join('\n')
}
