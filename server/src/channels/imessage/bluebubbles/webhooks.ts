/** Has the server call us. It knows addresses only, so those of ours are told by their path. */
import { ServerTrouble } from '../troubles.ts'
import { type Api, part } from './api.ts'
import { countOf, fieldsOf, listOf } from './json.ts'

const webhooksMax = 1_000
/** All there are: the one that tells of lost addresses cannot be had by its name (1.9.9). */
const everything = '*'

/** Leaves those of others alone. One that is posted anew keeps its old events, so a wrong one is taken away first. */
export async function listen(api: Api, url: string, signal: AbortSignal): Promise<void> {
  const { data } = await api.question({ method: 'GET', path: '/webhook' }, signal)
  let isThere = false
  for (const one of listOf(data, webhooksMax).map(fieldsOf)) {
    const id = countOf(one.id)
    if (id === null || typeof one.url !== 'string' || !areSiblings(one.url, url)) continue
    if (!isThere && one.url === url && isForEverything(one.events)) isThere = true
    else await remove(api, id, signal)
  }
  if (!isThere) await api.question({ method: 'POST', path: '/webhook', json: { url, events: [everything] } }, signal)
}

/** Has it call no address of ours any more. */
export async function unlisten(api: Api, url: string, signal: AbortSignal): Promise<void> {
  const { data } = await api.question({ method: 'GET', path: '/webhook' }, signal)
  for (const one of listOf(data, webhooksMax).map(fieldsOf)) {
    const id = countOf(one.id)
    if (id !== null && typeof one.url === 'string' && areSiblings(one.url, url)) await remove(api, id, signal)
  }
}

async function remove(api: Api, id: number, signal: AbortSignal): Promise<void> {
  try {
    await api.question({ method: 'DELETE', path: `/webhook/${part(String(id))}` }, signal)
  } catch (error) {
    // Somebody else was faster, which is as good.
    if (!(error instanceof ServerTrouble && error.status === 404)) throw error
  }
}

function isForEverything(events: unknown): boolean {
  return Array.isArray(events) && events.length === 1 && events[0] === everything
}

/** The same line's, on whatever host and with whatever token: only the last part of the path may differ. */
function areSiblings(one: string, other: string): boolean {
  const [left, right] = [folderOf(one), folderOf(other)]
  return left !== null && left === right
}

function folderOf(text: string): string | null {
  const url = URL.parse(text)
  // Behind a proxy there may be more in front of what is ours.
  return url === null ? null : (/\/v1\/providers\/.*(?=\/)|^.*(?=\/)/.exec(url.pathname)?.[0] ?? null)
}
