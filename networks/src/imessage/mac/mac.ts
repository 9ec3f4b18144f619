/** What is set up on a Mac when nothing else is said. */
import type { Mac } from '../world.ts'

export type MacOptions = Partial<Omit<Mac, 'major'>>

export function macOf(given: MacOptions): Mac {
  const account = 'line@icloud.example'
  return {
    ...{ macos: '14.6.1', privateApi: true, helperConnected: true, account, icloudAccount: account },
    ...{ aliases: ['+15550100300', account], smsForwarding: false, facetimeCalling: false, isRegistered: true },
    ...given,
    get major() {
      return Number.parseInt(this.macos, 10)
    },
  }
}
