/** Source files as the house rules see them: path, lines, syntax tree and imports. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { type Comment, type Node, parseSync, visitorKeys } from 'oxc-parser'

export interface Source {
  /** From the root of the repository, with forward slashes. */
  path: string
  text: string
  lines: readonly string[]
  program: Node
  comments: readonly Comment[]
  imports: readonly Import[]
  isTest: boolean
}

export interface Import {
  specifier: string
  /** The imported file from the root of the repository, or null for a library. */
  file: string | null
  typeOnly: boolean
  line: number
}

/** What a rule found, and what to do about it. */
export interface Violation {
  file: string
  /** Null when it is about the file or folder as a whole. */
  line: number | null
  found: string
  todo: string
}

export const root = join(import.meta.dirname, '../../..')

const notOurs = new Set(['node_modules', '.git', 'data', 'dist', 'coverage'])

/** Every file below the folders, from the root of the repository; a folder that does not exist holds none. */
export function filesUnder(...folders: string[]): string[] {
  return folders.flatMap((folder) => filesIn(join(root, folder))).sort()
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => !notOurs.has(entry.name))
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [relative(root, path).split(sep).join('/')]
  })
}

export function readSources(...folders: string[]): Source[] {
  return filesUnder(...folders)
    .filter((path) => /\.(ts|mts|mjs|tsx)$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')))
}

export function parseSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text)
  if (errors[0]) throw new Error(`${path} does not parse: ${errors[0].message}`)
  const isTest = path.endsWith('.test.ts') || path.startsWith('server/test/')
  const bare = { path, text, lines: text.split('\n'), program, comments, imports: [], isTest }
  return { ...bare, imports: importsOf(bare) }
}

export function lineAt(source: Source, offset: number): number {
  return source.text.slice(0, offset).split('\n').length
}

/** Visits every node, parents first, with the chain of nodes above it (nearest last). */
export function walk(
  node: Node,
  visit: (node: Node, above: readonly Node[]) => void,
  above: readonly Node[] = [],
): void {
  visit(node, above)
  const below = [...above, node]
  for (const child of childrenOf(node)) walk(child, visit, below)
}

export function childrenOf(node: Node): Node[] {
  const record = node as unknown as Record<string, unknown>
  return (visitorKeys[node.type] ?? []).flatMap((key) => [record[key]].flat().filter(isNode))
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function importsOf(source: Source): Import[] {
  const found: Import[] = []
  const add = (node: Node, specifier: string, typeOnly: boolean) =>
    found.push({ specifier, file: fileOf(source.path, specifier), typeOnly, line: lineAt(source, node.start) })
  walk(source.program, (node) => {
    if (node.type === 'ImportDeclaration') add(node, node.source.value, node.importKind === 'type')
    if (node.type === 'ExportAllDeclaration') add(node, node.source.value, node.exportKind === 'type')
    if (node.type === 'ExportNamedDeclaration' && node.source) add(node, node.source.value, node.exportKind === 'type')
    if (node.type === 'TSImportType') add(node, node.source.value, true)
    if (node.type === 'ImportExpression' && isText(node.source)) add(node, node.source.value, false)
    const worker = workerFile(node)
    if (worker) add(node, worker, false)
  })
  return found
}

/** `new URL('./other.ts', import.meta.url)` starts that file by its path, so it counts as importing it. */
function workerFile(node: Node): string | null {
  if (node.type !== 'NewExpression' || node.callee.type !== 'Identifier' || node.callee.name !== 'URL') return null
  const path = node.arguments[0]
  return path && isText(path) && /^\.{1,2}\/.*\.(ts|mjs)$/.test(path.value) ? path.value : null
}

function isText(node: Node): node is Node & { type: 'Literal'; value: string } {
  return node.type === 'Literal' && typeof node.value === 'string'
}

function fileOf(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : null
}

/** One paragraph per violation: where, what, and what to do. Empty when the house is in order. */
export function printed(violations: readonly Violation[]): string {
  const place = ({ file, line }: Violation) => (line === null ? file : `${file}:${line}`)
  return violations.map((one) => `${place(one)}  ${one.found}\n    ${one.todo}`).join('\n')
}

/** Fails a test with the findings alone: where in the test they were noticed tells nobody anything. */
export function expectNone(violations: readonly Violation[]): void {
  if (violations.length === 0) return
  const failure = new Error(`${violations.length} found\n\n${printed(violations)}\n`)
  failure.stack = ''
  throw failure
}
