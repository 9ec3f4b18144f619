/** SMS over SMPP 3.4: a line is a bind to some SMSC, and its number, short code or name. */
import type { Capabilities } from '../../../model/channel.ts'
import { SendFailure } from '../../../model/delivery.ts'
import type { Connection, Connector, Host, LineSettings } from '../../connector.ts'
import { inParts, noFiles, plainSms } from '../capabilities.ts'
import { confirming } from '../confirming.ts'
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
      if ('problem' in read) return brokenConnection(read.problem.message, host)
      const { optOutReplies, segmentsMax } = read.settings
      return new SmppConnection(
        tools,
        read.settings,
        confirming(host, optOutReplies),
        inParts(capabilities, segmentsMax),
      )
    },
    test: (line, signal) => tryOut(tools, line, signal),
  }
}

/** Settings that nothing can be done with, such as those of an older version: said once, and never tried. */
function brokenConnection(problem: string, host: Host): Connection {
  const failure = () => new SendFailure('retryable', 'SMS_SEND_FAILED', problem, { scope: 'link' })
  return {
    capabilities,
    actions: {},
    start: async () => {
      host.log.error({ channel: 'sms' }, problem)
      host.setState({ status: 'disconnected', reason: 'close_settings', retryAt: null })
    },
    stop: async () => host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null }),
    reach: async () => 'unknown',
    send: () => Promise.reject(failure()),
  }
}

async function tryOut(
  tools: SmppTools,
  line: LineSettings,
  signal: AbortSignal,
): Promise<{ ok: boolean; detail: string }> {
  const read = readSettings(line)
  if ('problem' in read) return { ok: false, detail: read.problem.message }
  const { settings } = read
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
