/** SMS over SMPP 3.4: a line is a bind to some SMSC, and its number, short code or name. */
import type { Capabilities } from '../../../model/channel.ts'
import type { Connector, LineSettings } from '../../connector.ts'
import { inParts, noFiles, plainSms } from '../capabilities.ts'
import { confirming } from '../confirming.ts'
import { neverConnected } from '../never.ts'
import { SmppConnection, type SmppTools } from './connection.ts'
import { openSession } from './session.ts'
import { problemWith, readSettings } from './settings.ts'

const capabilities: Capabilities = { ...plainSms, media: noFiles, dedupesByRef: false }

export function createSmppConnector(tools: SmppTools): Connector {
  return {
    channel: 'sms',
    capabilities,
    problemWith,
    open: (line, host) => {
      const read = readSettings(line)
      if (!read.ok) return neverConnected(capabilities, host, read.problem.message)
      const { optOutReplies, segmentsMax } = read.value
      return new SmppConnection(tools, read.value, confirming(host, optOutReplies), inParts(capabilities, segmentsMax))
    },
    test: (line, signal) => tryOut(tools, line, signal),
  }
}

async function tryOut(
  tools: SmppTools,
  line: LineSettings,
  signal: AbortSignal,
): Promise<{ ok: boolean; detail: string }> {
  const read = readSettings(line)
  if (!read.ok) return { ok: false, detail: read.problem.message }
  const { value: settings } = read
  const nobody = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const { clock, ca } = tools
  const opened = await openSession(
    {
      ...{ clock, ca, settings, log: nobody },
      as: settings.bind === 'pair' ? 'transmitter' : 'transceiver',
      // Whatever comes in meanwhile is not acknowledged, and comes again when the line is bound.
      hear: () => undefined,
      proved: () => undefined,
    },
    signal,
  )
  if ('trouble' in opened) return { ok: false, detail: opened.trouble.detail }
  await opened.session.close()
  const place = `${settings.host}:${settings.port}`
  const secured = settings.secure ? ', over TLS' : ''
  return { ok: true, detail: `${place} let ${settings.systemId} bind as ${settings.bind}${secured}.` }
}
