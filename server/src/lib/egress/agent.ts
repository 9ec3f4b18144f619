/** For libraries that upload by themselves, to a host that the service they speak to has named. */
import { Agent } from 'node:https'

/** `ca` is whom to believe instead of the authorities of this machine. */
export function uploadAgent(ca: string | null): Agent {
  return new Agent({ keepAlive: false, ...(ca === null ? {} : { ca }) })
}
