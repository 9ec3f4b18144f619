/** A phone with the app SMS Gateway, pretended, as a harness for the conformance suite. */
import { People } from '../../../networks/src/people.ts'
import { openAndroidGateway } from '../../../networks/src/sms/android.ts'
import type { Harness } from '../../src/channels/conformance-stage.ts'
import { createAndroidConnector } from '../../src/channels/sms/android/connector.ts'
import { restHarness } from './rest-harness.ts'

export function androidHarness(): Harness {
  return restHarness({
    name: 'SMS by an Android phone',
    // The phone takes every number, and learns later that nobody has it.
    knowsStrangers: false,
    connectorWith: createAndroidConnector,
    people: () => new People(),
    network: async ({ people, clock, address }) => {
      const phone = await openAndroidGateway({ people, clock, sims: [address] })
      const says = (from: string, to: string, text: string, file?: Uint8Array) => {
        phone.say(from, to, text, file === undefined ? [] : [{ mimeType: 'image/png', bytes: file }])
      }
      const network = {
        ...{ cut: phone.cut, mend: phone.mend, loseNextAnswer: phone.loseNextAnswer, stop: phone.stop, says },
        get hanging() {
          return phone.hanging
        },
        get busy() {
          return phone.busy
        },
        get waiting() {
          return phone.waiting
        },
      }
      return { network, line: { url: phone.url, secret: `${phone.password}:${phone.signingKey}` } }
    },
  })
}
