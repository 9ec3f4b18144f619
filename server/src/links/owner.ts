/** Whose an event is: a provider's account may have several lines, and bring what is for one over the connection of another. */
import type { Incoming } from '../channels/connector.ts'
import type { Source } from '../messaging/inbox.ts'
import type { Channel } from '../model/channel.ts'
import type { Handle } from '../model/ids.ts'
import { providerAt, type StoredLine } from '../store/lines.ts'
import type { HeldLine } from '../store/nodes.ts'

export interface Bringing {
  line: HeldLine
  source: Source
  lineAt(address: Handle): Promise<StoredLine | null>
}

/** Another line gets it only if it is reached by the very account that brought it, and stays with the bringer otherwise. */
export async function ownerOf(event: Incoming, { line, source, lineAt }: Bringing): Promise<Source> {
  const names = (event.kind === 'message' || event.kind === 'receipt' ? event.to : undefined) ?? []
  if (line.address === null || names.length === 0 || names.includes(line.address)) return source
  for (const name of names) {
    const other = await lineAt(name)
    if (other === null || other.customerId === null || other.status !== 'active') continue
    if (!other.channels.includes(source.channel)) continue
    if (accountOf(other, source.channel) !== accountOf(line, source.channel)) continue
    const { id: lineId, customerId, address, email } = other
    return { customerId, lineId, address, email, channel: source.channel }
  }
  return source
}

/** Settings in the query are a line's own. */
function accountOf(line: Parameters<typeof providerAt>[0], channel: Channel): string {
  const { provider, url } = providerAt(line, channel)
  const place = url === null ? null : URL.parse(url)
  return `${provider} ${place?.username} ${place?.host}`
}
