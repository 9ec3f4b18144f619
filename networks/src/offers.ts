/** Each network as the control API knows it: what a line needs to reach it, who can write there, and what can go wrong. */

import { possible } from './control/call.ts'
import { Refused } from './control/door.ts'
import { aboutGroups as aboutImessageGroups } from './control/imessage/groups.ts'
import { aboutMac } from './control/imessage/mac.ts'
import { aboutMishaps as aboutImessageMishaps } from './control/imessage/mishaps.ts'
import { aboutPeople } from './control/imessage/people.ts'
import { inboundIn } from './control/input.ts'
import { aboutChats } from './control/whatsapp/doings.ts'
import { aboutGroups } from './control/whatsapp/groups.ts'
import { aboutMishaps } from './control/whatsapp/mishaps.ts'
import { aboutPhones } from './control/whatsapp/phones.ts'
import type { Fault, Network } from './control.ts'
import { openImessage } from './imessage/imessage.ts'
import type { People } from './people.ts'
import { openAndroidGateway } from './sms/android.ts'
import { openSmsc } from './sms/smsc.ts'
import { openTwilio } from './sms/twilio.ts'
import type { Clock } from './time.ts'
import { storeIn } from './whatsapp/keeping.ts'
import { openWhatsapp } from './whatsapp/whatsapp.ts'

export interface Offer {
  network: Network
  stop(): Promise<void>
}

interface Place {
  people: People
  clock: Clock
  port: number
}

export async function offerSmpp(place: Place): Promise<Offer> {
  const smsc = await openSmsc(place)
  return {
    network: {
      channel: 'sms',
      meaning: 'SMS, by SMPP 3.4. Any system id will do.',
      line: { url: `smpp://gateway@127.0.0.1:${smsc.port}`, password: 'secret' },
      say: (from, to, text) => smsc.say(from, to, text),
      faults: {
        cut: { meaning: 'Every connection ends; new ones are taken.', once: true, set: () => smsc.cutAll() },
        refuse: { meaning: 'Whoever binds is refused.', set: (isOn) => smsc.refuse(isOn) },
        silence: { meaning: 'Nothing is read or answered.', set: (isOn) => smsc.freeze(isOn) },
        loseNextAnswer: lostAnswer(smsc),
      },
    },
    stop: () => smsc.stop(),
  }
}

export async function offerTwilio(place: Place): Promise<Offer> {
  const twilio = await openTwilio(place)
  return {
    network: {
      channel: 'sms',
      meaning: 'SMS and MMS, by the API of Twilio.',
      line: { url: twilio.url, password: twilio.authToken },
      say: (from, to, text) => twilio.say(from, to, text),
      faults: {
        ...cuts(twilio),
        loseNextAnswer: lostAnswer(twilio),
      },
      settings: [
        {
          name: 'inbound',
          meaning: 'Where messages to a number are told, as its console says at Twilio: {"number", "url"}.',
          set(body) {
            const { number, url } = inboundIn(body)
            twilio.setInbound(number, url)
            return { inbound: { number, url } }
          },
        },
      ],
    },
    stop: () => twilio.stop(),
  }
}

export async function offerAndroid(place: Place): Promise<Offer> {
  const phone = await openAndroidGateway(place)
  const isHeard = () => phone.webhooks().some(({ event }) => event === 'sms:received')
  return {
    network: {
      channel: 'sms',
      meaning: 'SMS, by the API of SMS Gateway for Android.',
      line: { url: phone.url, password: `${phone.password}:${phone.signingKey}` },
      say(from, to, text) {
        if (!isHeard()) throw new Refused(409, 'No line has registered a webhook for `sms:received` here yet.')
        phone.say(from, to, text)
      },
      faults: {
        ...cuts(phone),
        loseNextAnswer: lostAnswer(phone),
        fallSilent: { meaning: 'Webhooks are not called.', set: (isOn) => phone.fallSilent(isOn) },
      },
    },
    stop: () => phone.stop(),
  }
}

/** Every stanza is so late while the link is slow. */
const slowMs = 500
/** Enough to log in and to send a few messages. */
const breaksAt = 40

export async function offerWhatsapp(place: Place, statePath?: string): Promise<Offer> {
  const state = statePath === undefined ? undefined : storeIn(statePath)
  const whatsapp = await openWhatsapp({ ...place, state })
  const { faults, lineUrl } = whatsapp
  return {
    network: {
      channel: 'whatsapp',
      meaning:
        'WhatsApp, as its linked devices speak it. The URL also says what a device must trust here. There is no password.',
      line: { url: lineUrl, password: '' },
      say: (from, to, text) => possible(() => whatsapp.person(from).says(to, text)),
      faults: {
        cut: { meaning: 'Every connection ends; new ones are taken.', once: true, set: () => faults.cutAll() },
        refuse: { meaning: 'New connections are turned away.', set: (isOn) => faults.refuse(isOn) },
        silence: { meaning: 'Nothing is read or answered.', set: (isOn) => faults.freeze(isOn) },
        slow: { meaning: `Everything is ${slowMs} ms late.`, set: (isOn) => faults.slow(isOn ? slowMs : 0) },
        breaks: {
          meaning: `Each connection breaks at ${breaksAt} stanzas, and the last of them is lost.`,
          set: (isOn) => faults.breakAt(isOn ? breaksAt : 0),
        },
        loseNext: { meaning: 'The next message never arrives.', once: true, set: () => faults.loseNext() },
        loseNextAnswer: lostAnswer(faults),
        restrictNext: { meaning: 'The next message is refused with 463.', once: true, set: () => faults.nackNext(463) },
        refuseUploads: { meaning: 'No file can be uploaded.', set: (isOn) => faults.refuseUploads(isOn) },
      },
      settings: [aboutPhones, aboutChats, aboutGroups, aboutMishaps].flatMap((about) => about(whatsapp)),
    },
    stop: () => whatsapp.stop(),
  }
}

export async function offerBlueBubbles(place: Place): Promise<Offer> {
  const imessage = await openImessage(place)
  const { faults, mac, url, password } = imessage
  return {
    network: {
      channel: 'imessage',
      meaning: 'iMessage, by the API of BlueBubbles server 1.9.9 on a pretended Mac.',
      line: { url, password },
      // The line is whoever sits at this Mac, whatever address of theirs is named.
      say: (from, _, text) => possible(() => imessage.person(from).says(text)),
      faults: {
        ...cuts(imessage),
        loseNextAnswer: lostAnswer(imessage.faults),
        fallSilent: { meaning: 'Webhooks are not called.', set: (isOn) => faults.loseWebhooks(isOn ? 'all' : null) },
        sleep: { meaning: 'Changes are noticed only once it is woken.', set: (isOn) => faults.sleep(isOn) },
        refuse: { meaning: 'The password is the wrong one.', set: (isOn) => faults.refuse(isOn) },
        deregister: { meaning: 'It looks well, and nothing comes or goes.', set: (isOn) => faults.deregister(isOn) },
        loseHelper: {
          meaning: 'The helper of the Private API is not connected.',
          set(isOn) {
            mac.helperConnected = !isOn
          },
        },
      },
      settings: [aboutMac, aboutPeople, aboutImessageGroups, aboutImessageMishaps].flatMap((about) => about(imessage)),
    },
    stop: () => imessage.stop(),
  }
}

function lostAnswer(network: { loseNextAnswer(): void }): Fault {
  return {
    meaning: 'The next message is taken, and its answer never comes.',
    once: true,
    set: () => network.loseNextAnswer(),
  }
}

interface Cuttable {
  cut(how?: 'refuses' | 'silent'): Promise<void>
  mend(): Promise<void>
}

/** Mended before it is cut another way: of two ways to be cut only one is true at a time. */
function cuts(door: Cuttable): Network['faults'] {
  const turned = (how: 'refuses' | 'silent') => async (isOn: boolean) => {
    await door.mend()
    if (isOn) await door.cut(how)
  }
  return {
    cut: { meaning: 'Every connection ends, and no new one is taken.', set: turned('refuses') },
    silence: { meaning: 'Connections are taken, and nothing is answered.', set: turned('silent') },
  }
}
