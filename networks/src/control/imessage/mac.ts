/** What is set up on the pretended Mac, and what its owner does there. */
import type { Setting } from '../../control.ts'
import type { ImessageNetwork } from '../../imessage/imessage.ts'
import { call, optional } from '../call.ts'
import { nameOrNull, people, place, text, version, yesNo } from './fields.ts'

export function aboutMac({ mac, owner, quirks, breaches, fileNames }: ImessageNetwork): Setting[] {
  const shown = () => ({ mac, quirks, fileNames, breaches })
  return [
    { method: 'GET', name: 'mac', meaning: 'How the Mac is set up, and what names files were given.', set: shown },
    call(
      'mac',
      'Sets the Mac up otherwise; what is not named stays.',
      {
        macos: optional(version),
        privateApi: optional(yesNo),
        helperConnected: optional(yesNo),
        account: optional(nameOrNull),
        icloudAccount: optional(nameOrNull),
        aliases: optional(people),
        smsForwarding: optional(yesNo),
        facetimeCalling: optional(yesNo),
      },
      (said) => {
        Object.assign(mac, said)
        return { mac }
      },
    ),
    call('owner-say', 'The owner writes on the Mac, past the server.', { to: place, text }, (said) => ({
      guid: owner.says(said.to, said.text),
    })),
    call('owner-read', 'The owner reads a chat on the Mac.', { to: place }, (said) => {
      owner.reads(said.to)
      return { read: said }
    }),
  ]
}
