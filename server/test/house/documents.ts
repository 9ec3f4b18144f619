/** Rules on the documents: the map matches the house, links resolve, settings are explained, pages stay short. */
import { posix } from 'node:path'
import type { Violation } from './source.ts'

export interface Document {
  path: string
  text: string
}

/** A page that is read before anything else is short enough to be read whole. */
export const pageLinesMax = { 'ARCHITECTURE.md': 150, 'CONTRIBUTING.md': 120, 'STYLE.md': 80 }

export function longPages(documents: readonly Document[]): Violation[] {
  return Object.entries(pageLinesMax).flatMap(([path, most]) => {
    const page = documents.find((document) => document.path === path)
    const lines = page?.text.trimEnd().split('\n').length ?? 0
    if (page && lines <= most) return []
    const found = page ? `${lines} lines; it has at most ${most}` : 'is missing'
    return [{ file: path, line: null, found, todo: 'Keep what a newcomer needs, and move the rest to docs/.' }]
  })
}

/** Folders below server/src are named as `room/` or `server/src/room/`; every place that is named exists. */
export function staleMap(map: Document, files: readonly string[]): Violation[] {
  const named = linesOf(map).flatMap(({ line, text }) =>
    [...text.matchAll(/`([\w./-]+)`/g)].map(([, place = '']) => ({ line, place })),
  )
  const gone = named.filter(({ place }) => isPlace(place) && !standsFor(place, files))
  const mapped = new Set(named.map(({ place }) => place.replace(/^server\/src\//, '')))
  const rooms = new Set(files.filter((file) => file.startsWith('server/src/')).flatMap(foldersAbove))
  return [
    ...gone.map(({ line, place }) => {
      const todo = 'Name what is there now, or take it off the map.'
      return { file: map.path, line, found: `names ${place}, which does not exist`, todo }
    }),
    ...[...rooms]
      .sort()
      .filter((room) => !mapped.has(`${room}/`))
      .map((room) => {
        const todo = `Say in one line what \`${room}/\` is for.`
        return { file: map.path, line: null, found: `does not name ${room}/`, todo }
      }),
  ]
}

/** A path rather than a word of code: a folder with its slash, or a file below some folder. */
function isPlace(text: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)*\/$/.test(text) || /^[\w.-]+(\/[\w.-]+)+\.(ts|mjs|md|json|sql)$/.test(text)
}

function standsFor(place: string, files: readonly string[]): boolean {
  const at = (path: string) => files.some((file) => file === path || (path.endsWith('/') && file.startsWith(path)))
  return at(place) || at(`server/src/${place}`)
}

/** `server/src/channels/sms/smpp.ts` lies in `channels` and `channels/sms`. */
function foldersAbove(file: string): string[] {
  const parts = posix.dirname(file).split('/').slice(2)
  return parts.map((_, depth) => parts.slice(0, depth + 1).join('/'))
}

export function brokenLinks(documents: readonly Document[], files: readonly string[]): Violation[] {
  return documents.flatMap((document) =>
    linesOf(document).flatMap(({ line, text }) => {
      const targets = [...text.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(
        ([, target = '']) => target,
      )
      return targets
        .filter((target) => !resolves(target, document, documents, files))
        .map((target) => {
          const todo = 'Point it at a file and heading that exist, relative to this one.'
          return { file: document.path, line, found: `links to ${target}, which is not there`, todo }
        })
    }),
  )
}

function resolves(target: string, from: Document, documents: readonly Document[], files: readonly string[]): boolean {
  if (/^(https?|mailto):/.test(target)) return true
  if (target.startsWith('/')) return false
  const [path = '', heading] = target.split('#')
  const file = path === '' ? from.path : posix.normalize(posix.join(posix.dirname(from.path), path))
  const page = documents.find((document) => document.path === file)
  if (heading !== undefined && page) return headingsOf(page).includes(heading)
  return page !== undefined || files.some((one) => one === file || one.startsWith(`${file.replace(/\/$/, '')}/`))
}

/** As the usual renderers name them: small letters, punctuation dropped, spaces as hyphens. */
function headingsOf(document: Document): string[] {
  const titles = linesOf(document).flatMap(({ text }) => /^#+\s+(.*)$/.exec(text)?.[1] ?? [])
  return titles.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

/** Lines outside fenced code, which is an example and not a promise. */
function linesOf({ text }: Document): { line: number; text: string }[] {
  let fenced = false
  return text.split('\n').flatMap((line, place) => {
    const fence = /^\s*(```|~~~)/.test(line)
    if (fence) fenced = !fenced
    return fence || fenced ? [] : [{ line: place + 1, text: line }]
  })
}

export function emptyChangelog(changelog: Document): Violation[] {
  const section = /^## Unreleased$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(changelog.text)?.[1] ?? ''
  if (/^- \S/m.test(section)) return []
  const todo = 'Tell in a line what a caller can notice; a release refuses an empty section.'
  return [{ file: changelog.path, line: null, found: 'has nothing under "## Unreleased"', todo }]
}

/** Wherever a page says `npm run something`, examples included, that command exists. */
export function unknownCommands(documents: readonly Document[], commands: readonly string[]): Violation[] {
  return documents.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, place) => {
      const named = [...line.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, command = '']) => command)
      return named
        .filter((command) => !commands.includes(command))
        .map((command) => {
          const todo = 'Name a command of the root package.json, or add it there.'
          return { file: path, line: place + 1, found: `tells to run "npm run ${command}", which does not exist`, todo }
        })
    }),
  )
}

/** The guide explains each setting in a table row that begins with its name; the example file lists the same names. */
export function unexplainedSettings(settings: readonly string[], guide: Document, example: Document): Violation[] {
  const explained = new Set(
    [...guide.text.matchAll(/^\| *((?:`[A-Z][A-Z0-9_]+`(?:, *)?)+) *\|/gm)].flatMap(
      ([, cell = '']) => cell.match(/[A-Z][A-Z0-9_]+/g) ?? [],
    ),
  )
  const listed = new Set([...example.text.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name = '']) => name))
  const lacking = (
    document: Document,
    names: Iterable<string>,
    known: ReadonlySet<string>,
    todo: string,
  ): Violation[] =>
    [...names]
      .filter((name) => !known.has(name))
      .map((name) => ({ file: document.path, line: null, found: `does not have ${name}`, todo }))
  const unknown = (document: Document, names: Iterable<string>): Violation[] =>
    [...names]
      .filter((name) => !settings.includes(name))
      .map((name) => {
        return {
          file: document.path,
          line: null,
          found: `has ${name}, which nothing reads`,
          todo: 'Take it out, or add it to config.ts.',
        }
      })
  return [
    ...lacking(guide, settings, explained, 'Add a row to its table of settings.'),
    ...lacking(example, settings, listed, 'Add a commented line with its default.'),
    ...unknown(guide, explained),
    ...unknown(example, listed),
  ]
}
