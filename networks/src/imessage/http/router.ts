/** Which call is meant: the first route that fits, with what stands in the place of its names. */
import type { Answered } from '../../sms/door.ts'
import type { World } from '../world.ts'
import type { SentFile } from './multipart.ts'
import type { Fields } from './rules.ts'

export interface Ask {
  /** What stood in the place of each name, in order. */
  params: readonly string[]
  query: Fields
  body: Fields
  files: ReadonlyMap<string, SentFile>
  path: string
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below /api/v1; a segment that begins with a colon stands for any one segment. */
  path: string
  /** Nothing is even looked at unless the Private API is there. */
  isGated?: boolean
  answer(world: World, ask: Ask): Answered | Promise<Answered>
}

export type Found = { route: Route; params: readonly string[] } | { allowed: readonly string[] }

/** What is allowed is empty when there is nothing at all. */
export function routeFor(routes: readonly Route[], method: string, path: string): Found {
  const prefix = '/api/v1/'
  const segments = path.startsWith(prefix) ? decoded(path.slice(prefix.length).replace(/\/$/, '')) : null
  if (segments === null) return { allowed: [] }
  const fitting = routes.flatMap((route) => {
    const params = paramsIn(route.path, segments)
    return params === null ? [] : [{ route, params }]
  })
  const found = fitting.find(({ route }) => route.method === method)
  return found ?? { allowed: [...new Set(fitting.map(({ route }) => route.method))] }
}

function decoded(path: string): string[] | null {
  try {
    return path.split('/').map(decodeURIComponent)
  } catch {
    // A path that cannot be decoded names nothing.
    return null
  }
}

function paramsIn(pattern: string, segments: readonly string[]): string[] | null {
  const wanted = pattern.split('/')
  if (wanted.length !== segments.length) return null
  const pairs = wanted.map((name, at) => ({ name, given: segments[at] ?? '' }))
  if (pairs.some(({ name, given }) => (name.startsWith(':') ? given === '' : name !== given))) return null
  return pairs.filter(({ name }) => name.startsWith(':')).map(({ given }) => given)
}
