/** Twilio and SignalWire, pretended, as harnesses for the conformance suite. */
import { People } from '../../../networks/src/people.ts'
import { openTwilio } from '../../../networks/src/sms/twilio.ts'
import type { Harness } from '../../src/channels/conformance-stage.ts'
import { createTwilioConnector } from '../../src/channels/sms/twilio/connector.ts'
import { restHarness } from './rest-harness.ts'

export function twilioHarness(shape: 'twilio' | 'signalwire'): Harness {
  return restHarness({
    name: `SMS by ${shape}`,
    connectorWith: (tools) => createTwilioConnector(shape, tools),
    people: () => new People(),
    network: async ({ people, clock, address, door }) => {
      const provider = await openTwilio({ people, clock, shape, numbers: [address] })
      provider.setInbound(address, door.callbackUrl('inbound'))
      const says = (from: string, to: string, text: string, file?: Uint8Array) => {
        provider.say(from, to, text, file === undefined ? [] : [{ mimeType: 'image/png', bytes: file }])
      }
      const network = {
        ...{
          cut: provider.cut,
          mend: provider.mend,
          loseNextAnswer: provider.loseNextAnswer,
          stop: provider.stop,
          says,
        },
        get hanging() {
          return provider.hanging
        },
        get busy() {
          return provider.busy
        },
        get waiting() {
          return provider.waiting
        },
      }
      return { network, line: { url: provider.url, secret: provider.authToken } }
    },
  })
}
