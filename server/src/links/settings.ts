/** What a connector is told of a line, and the address under which its provider reaches us. */
import type { Connector, LineSettings, Providers } from '../channels/connector.ts'
import type { SealedBox } from '../lib/sealed-box.ts'
import type { Channel } from '../model/channel.ts'
import type { Handle, LineId } from '../model/ids.ts'
import { providerAt, type StoredLine } from '../store/lines.ts'

type Connected = Pick<StoredLine, 'id' | 'provider' | 'url' | 'secret' | 'channelProviders'> & {
  address: Handle | null
}

export function settingsOf(box: Pick<SealedBox, 'open'>, line: Connected, channel: Channel): LineSettings {
  const { url, secret: sealed, place } = providerAt(line, channel)
  const secret = sealed === null ? null : box.open(sealed, place).toString()
  return { id: line.id, address: line.address, url, secret }
}

export function connectorOf(providers: Providers, line: Connected, channel: Channel): Connector | null {
  return providers.get(providerAt(line, channel).provider)?.get(channel) ?? null
}

export function callbackUrlOf(base: string, of: { lineId: LineId; channel: Channel; topic: string }): string {
  return `${base}/v1/providers/${of.lineId}/${of.channel}/${of.topic}`
}
