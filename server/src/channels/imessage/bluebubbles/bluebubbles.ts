/** A Mac behind a BlueBubbles server 1.9.9 or later, by its REST API. */
import { parseAddress } from '../../../model/handle.ts'
import type { Handle } from '../../../model/ids.ts'
import type { Backend, Standing } from '../backend.ts'
import type { Place } from '../settings.ts'
import { ServerTrouble } from '../troubles.ts'
import { type Api, type BlueBubblesTools, createApi } from './api.ts'
import { type Fields, fieldsOf, isTrue, listOf, nameOf } from './json.ts'
import { createReading } from './reading.ts'
import { createSending } from './sending.ts'
import { createVerbs } from './verbs.ts'
import { listen } from './webhooks.ts'

export function createBlueBubbles(tools: BlueBubblesTools, place: Place): Backend {
  const api = createApi(tools, place)
  const reading = createReading(api, tools.clock)
  let version: string | null = null
  const look = async (signal: AbortSignal) => {
    const standing = await standingOf(api, signal)
    version = standing.serverVersion
    return standing
  }
  const stopsTyping = async (signal: AbortSignal) => isAfter(version ?? (await look(signal)).serverVersion, [1, 9, 9])
  return {
    look,
    listen: (url, signal) => listen(api, url, signal),
    ...reading,
    ...createSending(api),
    ...createVerbs({ api, reading, stopsTyping }),
  }
}

async function standingOf(api: Api, signal: AbortSignal): Promise<Standing> {
  const info = fieldsOf((await api.question({ method: 'GET', path: '/server/info' }, signal)).data)
  const serverVersion = nameOf(info.server_version) ?? ''
  // Something answers in the same manner, but it is no server of this kind.
  if (serverVersion === '') throw new ServerTrouble(200)
  const hasHelper = isTrue(info.private_api) && isTrue(info.helper_connected)
  return {
    serverVersion,
    macos: Number(/^(\d{1,3})(\.|$)/.exec(nameOf(info.os_version) ?? '')?.[1] ?? 0),
    privateApi: hasHelper ? 'connected' : isTrue(info.private_api) ? 'unconnected' : 'off',
    imessage: nameOf(info.detected_imessage),
    icloud: nameOf(info.detected_icloud),
    aliases: hasHelper ? await aliasesOf(api, signal) : null,
  }
}

async function aliasesOf(api: Api, signal: AbortSignal): Promise<readonly Handle[] | null> {
  try {
    return aliasesIn(fieldsOf((await api.question({ method: 'GET', path: '/icloud/account' }, signal)).data))
  } catch (error) {
    // The helper goes and comes, and Macs that are older do not tell. What else is known of the Mac still holds.
    if (error instanceof ServerTrouble && error.status >= 500) return null
    throw error
  }
}

const aliasesMax = 200

function aliasesIn(account: Fields): readonly Handle[] | null {
  const { vetted_aliases: vetted, aliases } = account
  if (!Array.isArray(vetted) && !Array.isArray(aliases)) return null
  const names = Array.isArray(vetted)
    ? listOf(vetted, aliasesMax).map((one) => fieldsOf(one).Alias)
    : listOf(aliases, aliasesMax)
  const handles = names.map((name) => parseAddress(nameOf(name) ?? ''))
  return [...new Set(handles.filter((one) => one !== null))]
}

/** Also true of a version that cannot be read: it is not the old one. */
function isAfter(version: string, old: readonly number[]): boolean {
  const numbers =
    /^v?(\d+)\.(\d+)(?:\.(\d+))?/
      .exec(version)
      ?.slice(1)
      .map((text) => Number(text ?? 0)) ?? []
  const [place, number] = [...numbers.entries()].find(([at, one]) => one !== old[at]) ?? []
  if (place === undefined || number === undefined) return numbers.length === 0
  return number > (old[place] ?? 0)
}
