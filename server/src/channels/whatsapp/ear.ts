/** What those who translate what is heard may ask: who is who, who is in a group, and for the files of messages. */
import { jidDecode } from 'baileys'
import type { Clock } from '../../lib/clock.ts'
import type { SafeFetch } from '../../lib/egress/safe-fetch.ts'
import type { GroupBook } from './groups/group-book.ts'
import type { WhatsappSettings } from './line.ts'
import type { Us } from './names.ts'
import type { Ear } from './receiving/heard.ts'
import { createMedia } from './receiving/media.ts'
import type { NoticeEar } from './receiving/notices.ts'
import type { Pairs } from './receiving/pairs.ts'
import type { Here } from './receiving/stanzas.ts'
import type { Ground } from './session/ground.ts'
import type { Up } from './session/session.ts'

export interface EarParts {
  ground: Ground
  up(): Up | null
  fetch: SafeFetch
  settings: WhatsappSettings
  clock: Clock
  pairs: Pairs
  book: GroupBook
}

/** The largest file there is on WhatsApp, sealed, and more time than it takes on a slow line. */
const file = { bytesMax: 2_200_000_000, withinMs: 15 * 60_000 } as const
const picture = { bytesMax: 16_000_000, withinMs: 30_000 } as const

export function usIn({ credentials }: Pick<Ground, 'credentials'>): Us {
  const { id = '', lid } = credentials.me ?? {}
  return { pn: jidDecode(id)?.user ?? '', lid: (lid === undefined ? null : jidDecode(lid)?.user) ?? null }
}

export function earOf(parts: EarParts): Ear & NoticeEar & Here {
  const { ground, up, fetch, settings, clock, pairs, book } = parts
  const names = () => up()?.live.socket.signalRepository.lidMapping
  const get = async (url: string, { bytesMax, withinMs }: { bytesMax: number; withinMs: number }) =>
    fetch.open({
      ...{ method: 'GET', url, headers: {}, body: null, redirectsMax: 0 },
      ...{ timeoutMs: withinMs, responseBytesMax: bytesMax },
    })
  return {
    get us() {
      return usIn(ground)
    },
    pairs,
    clock,
    // Who cannot be asked now knows nothing: the name that is there is used, and the other comes with a later message.
    numberOf: async (lid) =>
      (await names()
        ?.getPNForLID(lid)
        .catch(() => null)) ?? null,
    lidOf: async (number) =>
      (await names()
        ?.getLIDForPN(number)
        .catch(() => null)) ?? null,
    group: (chat) => book.info(chat).catch(() => null),
    media: createMedia({
      host: settings.mediaHost,
      get: (url) => get(url, file),
      reupload: async (message) => {
        const live = up()?.live
        if (live === undefined) throw new Error('The link is not connected: nobody can be asked for the file.')
        return live.socket.updateMediaMessage(message)
      },
    }),
    picture: async (chat) => {
      const url = await up()?.live.socket.profilePictureUrl(chat, 'image')
      if (url === undefined) throw new Error('WhatsApp does not say where the picture is.')
      const { status, body } = await get(url, picture)
      if (status === 200) return body
      body.destroy()
      throw new Error(`WhatsApp answered ${status} for the picture.`)
    },
  }
}
