/** Lines as operators and callers see them: made, given to customers, taken back. */
import type { Clock } from '../lib/clock.ts'
import { createKept } from '../lib/kept.ts'
import type { Mint } from '../lib/mint.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import type { Channel } from '../model/channel.ts'
import { GatewayError } from '../model/errors.ts'
import type { CustomerId, Handle, LineId } from '../model/ids.ts'
import type { Line } from '../model/line.ts'
import type { LineStore, StoredLine } from '../store/lines.ts'
import { pageOf } from './callers.ts'

export interface NewLine {
  name: string
  address: Handle | null
  email: Handle | null
  provider: string
  channels: readonly Channel[]
  url: string | null
  password: string | null
  hostType: string | null
  hostInfo: string | null
}

export type AdminLine = Line & {
  hostType: string | null
  hostInfo: string | null
  url: string | null
  createdAt: Date
  lastHealthCheck: Date | null
}

export type LineChange = Partial<Pick<NewLine, 'name' | 'url' | 'password' | 'hostType' | 'hostInfo' | 'channels'>> & {
  status?: Line['status']
}

export interface LinesOptions {
  store: LineStore
  box: SealedBox
  clock: Clock
  mint: Mint
  customerExists(id: CustomerId): Promise<boolean>
  /** Which channels a line of each provider has. */
  providers: ReadonlyMap<string, readonly Channel[]>
  /** Something about lines changed. */
  changed(): void
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
  const { store, box } = parts.options
  return {
    create: (line: NewLine) => create(parts, line),
    get: async (id: LineId) => shown(await must(parts, id)),
    page: async (page: { limit: number; after: LineId | null }) =>
      pageOf(await store.page(page.after, page.limit + 1), page.limit, shown),

    async change(id: LineId, change: LineChange): Promise<AdminLine> {
      const line = await must(parts, id)
      const { password, ...rest } = change
      const secret =
        password === undefined ? line.secret : password === null ? null : box.seal(Buffer.from(password), `lines/${id}`)
      if (!(await store.change({ ...line, ...rest, secret }))) throw notFound()
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
  const possible = options.providers.get(line.provider)
  if (possible === undefined) {
    const known = [...options.providers.keys()].join(', ') || 'none yet'
    throw new GatewayError(
      'VALIDATION_ERROR',
      `There is no provider "${line.provider}" here. This gateway has: ${known}.`,
      {
        details: [{ path: 'provider', message: `must be one of: ${known}` }],
      },
    )
  }
  const id = options.mint() as LineId
  const channels = line.channels.length === 0 ? possible : line.channels.filter((channel) => possible.includes(channel))
  const secret = line.password === null ? null : options.box.seal(Buffer.from(line.password), `lines/${id}`)
  if (!(await options.store.add({ ...line, id, channels, secret }))) {
    throw new GatewayError('CONFLICT', 'Another line has this phone number or e-mail address already.')
  }
  parts.changed()
  return shown(await must(parts, id))
}

/** A line that was made before and is still free, or a new one. */
async function freeOrNew(
  parts: Parts,
  input: { address: Handle; provider: string },
): Promise<Pick<AdminLine, 'id' | 'address'>> {
  const line = await parts.options.store.byAddress(input.address)
  if (line !== null) return line
  const nothing = { email: null, channels: [], url: null, password: null, hostType: null, hostInfo: null }
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
    isDefault,
    status,
    links,
    hostType,
    hostInfo,
    url,
    createdAt,
    lastHealthCheck: checkedAt,
  }
}
