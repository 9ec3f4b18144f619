/** For tests: a pretended Mac whose time passes fast, people with phones, and the backend that speaks to it. */

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { type ImessageNetwork, type ImessageOptions, openImessage } from '../../../networks/src/imessage/imessage.ts'
import { type FastClock, fastClock } from '../../../networks/src/imessage/testing/fast-clock.ts'
import { People } from '../../../networks/src/people.ts'
import type { Backend, ServerChat } from '../../src/channels/imessage/backend.ts'
import { createBlueBubbles } from '../../src/channels/imessage/bluebubbles/bluebubbles.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import type { OutgoingFile } from '../../src/model/media/file.ts'
import { until } from '../support/gateway.ts'

export const ada = '+14155550199'
export const bo = 'bo@people.example'

export interface Stage {
  network: ImessageNetwork
  people: People
  /** The Mac's. */
  clock: FastClock
  backend: Backend
  /** The chat of two, which somebody begins by writing. */
  chatWith(address: string): Promise<ServerChat>
  /** Nothing is under way any more. */
  quiet(): Promise<void>
}

/** Waits of minutes pass in a second. */
export async function openStage(options: Partial<ImessageOptions> = {}): Promise<Stage> {
  const people = new People()
  const clock = fastClock(100)
  const waits = { lockMs: 0, rowMs: 100, watchMs: 100 }
  const network = await openImessage({ people, clock, waits, ...options })
  const http = createSafeFetch({ clock: systemClock, policy: 'loopback', own: () => [] })
  onTestFinished(async () => {
    await http.close()
    await network.stop()
  })
  const { password, url: origin } = network
  const quiet = () => until(async () => network.busy === 0, 'the Mac to be done')
  return {
    ...{ network, people, clock, quiet },
    backend: createBlueBubbles({ clock: systemClock, http }, { origin, basePath: '', password }),
    async chatWith(address) {
      network.person(address).says('Hello')
      await quiet()
      const guid = network.chats().find(({ identifier }) => identifier === address)?.guid
      if (guid === undefined) throw new Error('Nobody began a chat.')
      return guid as ServerChat
    },
  }
}

export function fileOf(bytes: Buffer, changes: Partial<OutgoingFile> = {}): OutgoingFile {
  return {
    ...{ id: 'F', kind: 'image', mimeType: 'image/png', filename: null, bytes: bytes.length, voiceNote: false },
    ...{ durationMs: null, width: null, height: null, waveform: null, thumbnail: null },
    open: async () => Readable.from([bytes]),
    linkFor: () => '',
    ...changes,
  }
}

export async function bytesOf(source: Promise<Readable>): Promise<Buffer> {
  return buffer(await source)
}
