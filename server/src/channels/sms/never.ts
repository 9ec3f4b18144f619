/** The link of a line whose settings are no good: it waits for better ones. */
import type { Capabilities } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { Connection, Host } from '../connector.ts'
import { reachOf } from './chats.ts'

export function neverConnected(capabilities: Capabilities, host: Host, problem: string): Connection {
  return {
    capabilities,
    actions: {},
    start: async () => {
      host.log.error({ problem }, 'The settings of the line are not valid.')
      host.setState({ status: 'disconnected', reason: 'close_settings', retryAt: null })
    },
    stop: async () => host.setState({ status: 'disconnected', reason: 'stopped', retryAt: null }),
    reach: async (handle) => reachOf(handle),
    send: () => Promise.reject(new SendFailure('retryable', 'SMS_SEND_FAILED', problem, { scope: 'link' })),
  }
}
