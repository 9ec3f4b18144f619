/** Lines as operators and callers see them: made, given to customers, taken back. */
import type { Clock } from '../lib/clock.ts'
import { createKept } from '../lib/kept.ts'
import type { Mint } from '../lib/mint.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import { type Channel, channels as channelNames } from '../model/channel.ts'
import { type FieldError, GatewayError } from '../model/errors.ts'
import { mayBeOn } from '../model/handle.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'
import { type ChannelProviders, type LineStore, providerAt, type StoredLine, secretPlace } from '../store/lines.ts'
import { pageOf } from './callers.ts'

export interface NewLine {
  name: string
  address: Handle | null
  email: Handle | null
  provider: string
  channels: readonly Channel[]
  url: string | null
  password: string | null
  /** Channels that go through another provider than the rest. */
  providers: Partial<Record<Channel, NewProvider>>
  hostType: string | null
  hostInfo: string | null
}

export interface NewProvider {
  provider: string
  url: string | null
  password: string | null
}

/** Without a password the one it has stays; null takes the channel's own provider away. */
export type ProviderChange = (Omit<NewProvider, 'password'> & { password?: string | null }) | null

export type AdminLine = Line & {
  hostType: string | null
  hostInfo: string | null
  url: string | null
  /** Of channels with a provider of their own: where that is. */
  urls: Partial<Record<Channel, string | null>>
  createdAt: Date
  lastHealthCheck: Date | null
}

export type LineChange = Partial<Pick<NewLine, 'name' | 'url' | 'password' | 'hostType' | 'hostInfo' | 'channels'>> & {
  status?: Line['status']
  providers?: Partial<Record<Channel, ProviderChange>>
}

export interface LinesOptions {
  store: LineStore
  box: SealedBox
  clock: Clock
  mint: Mint
  customerExists(id: CustomerId): Promise<boolean>
  /** Which channels a line of each provider has, and what each of them says of its settings. */
  providers: ReadonlyMap<string, ReadonlyMap<Channel, Checking>>
  /** Something about lines changed. */
  changed(): void
}

interface Settings {
  address: Handle | null
  url: string | null
  secret: string | null
}

interface Checking {
  problemWith?(settings: Settings): FieldError | null
}

const cachedMs = 1_000
const cachedMax = 10_000

interface Parts {
  options: LinesOptions
  changed(): void
}

export function createLines(options: LinesOptions) {
  const { store, clock } = options
  const known = createKept<CustomerId, readonly StoredLine[]>({ clock, keptMs: cachedMs, keptMax: cachedMax })
  const parts: Parts = {
    options,
    changed: () => {
      known.forget()
      options.changed()
    },
  }
  return {
    /** For the message path: at most a second old. */
    ofCustomer: (customerId: CustomerId): Promise<readonly StoredLine[]> =>
      known.get(customerId, () => store.ofCustomer(customerId)),
    forget: known.forget,
    ...lineCalls(parts),
    ...numberCalls(parts),
  }
}

/** What operators do with lines, whoever they belong to. */
function lineCalls(parts: Parts) {
  const { store } = parts.options
  return {
    create: (line: NewLine) => create(parts, line),
    get: async (id: LineId) => shown(await must(parts, id)),
    page: async (page: { limit: number; after: LineId | null }) =>
      pageOf(await store.page(page.after, page.limit + 1), page.limit, shown),

    async change(id: LineId, change: LineChange): Promise<AdminLine> {
      const line = await must(parts, id)
      const { password, providers, ...rest } = change
      const sealed = password === undefined ? line.secret : sealedFor(parts, password, secretPlace(id, null))
      const channelProviders = providersAfter(parts, line, providers ?? {})
      const changed = { ...line, ...rest, secret: sealed, channelProviders }
      const { url, channels } = rest
      if (password !== undefined || [url, channels, providers].some((one) => one !== undefined))
        checkSettings(parts, changed)
      if (!(await store.change(changed))) throw notFound()
      parts.changed()
      return shown(await must(parts, id))
    },
    async remove(id: LineId): Promise<void> {
      if (!(await store.remove(id, null))) throw notFound()
      parts.changed()
    },
  }
}

/** Which lines are whose. */
function numberCalls(parts: Parts) {
  const { store, customerExists } = parts.options
  const customerMust = async (id: CustomerId) => {
    if (!(await customerExists(id))) throw new GatewayError('NOT_FOUND', 'There is no such customer.')
  }
  return {
    async addNumber(
      customer: CustomerId,
      input: { address: Handle; provider: string; line: LineId | null },
    ): Promise<AdminLine> {
      await customerMust(customer)
      const line = input.line === null ? await freeOrNew(parts, input) : await must(parts, input.line)
      if (line.address !== null && line.address !== input.address) {
        throw new GatewayError('VALIDATION_ERROR', 'The instance has another phone number.', {
          details: [{ path: 'phoneNumber', message: `the instance has ${line.address}` }],
        })
      }
      if (!(await store.assign(line.id, customer))) {
        throw new GatewayError('CONFLICT', 'This number belongs to a customer already. Remove it there first.')
      }
      parts.changed()
      return shown(await must(parts, line.id))
    },
    async numbers(customer: CustomerId): Promise<AdminLine[]> {
      await customerMust(customer)
      return (await store.ofCustomer(customer)).map(shown)
    },
    async removeNumber(customer: CustomerId, id: LineId): Promise<void> {
      if (!(await store.remove(id, customer))) throw notFound()
      parts.changed()
    },
    async makeDefault(customer: CustomerId, id: LineId): Promise<AdminLine> {
      if (!(await store.makeDefault(id, customer))) throw notFound()
      parts.changed()
      return shown(await must(parts, id))
    },
  }
}

async function must({ options }: Parts, id: LineId): Promise<StoredLine> {
  const line = await options.store.get(id)
  if (line === null) throw notFound()
  return line
}

async function create(parts: Parts, line: NewLine): Promise<AdminLine> {
  const { options } = parts
  const possible = providerNamed(parts, line.provider, 'provider')
  const id = options.mint() as LineId
  const channelProviders = providersAfter(parts, { id, channelProviders: {} }, line.providers)
  const own = channelNames.filter((channel) => channel in channelProviders)
  const asked = line.channels.length === 0 ? [...possible.keys()] : line.channels
  const channels = [...new Set([...asked.filter((channel) => possible.has(channel)), ...own])]
  const secret = sealedFor(parts, line.password, secretPlace(id, null))
  const fresh = { ...line, id, channels, secret, channelProviders }
  checkSettings(parts, fresh)
  if (!(await options.store.add(fresh))) {
    throw new GatewayError('CONFLICT', 'Another line has this phone number or e-mail address already.')
  }
  parts.changed()
  return shown(await must(parts, id))
}

/** What can be seen without connecting is said at once, rather than by a line that never connects. */
function checkSettings({ options }: Parts, line: Checked): void {
  for (const channel of line.channels) {
    const { address } = line
    if (address !== null && !mayBeOn(address, channel)) throw noSuchAddress(channel)
    const { provider, url, secret: sealed, place } = providerAt(line, channel)
    const secret = sealed === null ? null : options.box.open(sealed, place).toString()
    const problem = options.providers.get(provider)?.get(channel)?.problemWith?.({ address, url, secret }) ?? null
    if (problem === null) continue
    const isOwn = channel in line.channelProviders && problem.path !== 'phoneNumber'
    const path = isOwn ? `providers.${channel}.${problem.path}` : problem.path
    throw new GatewayError('VALIDATION_ERROR', `${path}: ${problem.message}`, {
      details: [{ path, message: problem.message }],
    })
  }
}

type Checked = Pick<StoredLine, 'id' | 'provider' | 'url' | 'secret' | 'channelProviders' | 'channels' | 'address'>

function providerNamed({ options }: Parts, name: string, path: string): ReadonlyMap<Channel, Checking> {
  const found = options.providers.get(name)
  if (found !== undefined) return found
  const known = [...options.providers.keys()].join(', ') || 'none yet'
  throw new GatewayError('VALIDATION_ERROR', `There is no provider "${name}" here. This gateway has: ${known}.`, {
    details: [{ path, message: `must be one of: ${known}` }],
  })
}

function sealedFor({ options }: Parts, password: string | null, place: string): Buffer | null {
  return password === null ? null : options.box.seal(Buffer.from(password), place)
}

function providersAfter(
  parts: Parts,
  line: Pick<StoredLine, 'id' | 'channelProviders'>,
  changes: NonNullable<LineChange['providers']>,
): ChannelProviders {
  const after: ChannelProviders = { ...line.channelProviders }
  for (const channel of channelNames) {
    const change = changes[channel]
    if (change === undefined) continue
    delete after[channel]
    if (change === null) continue
    const { provider, url, password } = change
    const path = `providers.${channel}.provider`
    if (!providerNamed(parts, provider, path).has(channel)) {
      const message = `${provider} has no ${channel}.`
      throw new GatewayError('VALIDATION_ERROR', `${path}: ${message}`, { details: [{ path, message }] })
    }
    const kept = line.channelProviders[channel]?.secret ?? null
    const sealed = password === undefined ? kept : sealedFor(parts, password, secretPlace(line.id, channel))
    after[channel] = { provider, url, secret: Buffer.isBuffer(sealed) ? sealed.toString('base64') : sealed }
  }
  return after
}

function noSuchAddress(channel: Channel): GatewayError {
  const message = `On ${channel} a line has a phone number in E.164 (a plus sign and 2 to 15 digits).`
  return new GatewayError('VALIDATION_ERROR', `phoneNumber: ${message}`, {
    details: [{ path: 'phoneNumber', message }],
  })
}

/** A line that was made before and is still free, or a new one. */
async function freeOrNew(
  parts: Parts,
  input: { address: Handle; provider: string },
): Promise<Pick<AdminLine, 'id' | 'address'>> {
  const line = await parts.options.store.byAddress(input.address)
  if (line !== null) return line
  const nothing = {
    email: null,
    channels: [],
    url: null,
    password: null,
    providers: {},
    hostType: null,
    hostInfo: null,
  }
  return create(parts, { ...nothing, name: input.address, address: input.address, provider: input.provider })
}

export type Lines = ReturnType<typeof createLines>

function notFound(): GatewayError {
  return new GatewayError('NOT_FOUND', 'There is no such instance.')
}

/** By name, so that what is added to a line later (a secret, say) is not shown by accident. */
function shown(line: StoredLine): AdminLine {
  const {
    id,
    customerId,
    name,
    address,
    email,
    channels,
    provider,
    providers,
    channelProviders,
    isDefault,
    status,
    links,
    hostType,
    hostInfo,
    url,
    createdAt,
    checkedAt,
  } = line
  return {
    id,
    customerId,
    name,
    address,
    email,
    channels,
    provider,
    providers,
    isDefault,
    status,
    links,
    hostType,
    hostInfo,
    url,
    urls: Object.fromEntries(Object.entries(channelProviders).map(([channel, own]) => [channel, own.url])),
    createdAt,
    lastHealthCheck: checkedAt,
  }
}
