/** What only one file may touch: the environment, the time, chance, outgoing requests and the terminal. */
import type { Node } from 'oxc-parser'
import { lineAt, type Source, type Violation, walk } from './source.ts'

interface Keeper {
  what: string
  /** Files below server/src that may touch it. */
  kept: readonly string[]
  touches: (node: Node) => boolean
  todo: string
}

const time = 'Ask lib/clock.ts, so that tests and simulations can move it.'

const keepers: readonly Keeper[] = [
  {
    what: 'reads the environment',
    // The doctor runs where there is no gateway, and so no configuration.
    kept: ['config.ts', 'doctor/main.ts'],
    touches: (node) =>
      isMember(node, 'process', 'env') ||
      takesOut(node, 'process', 'env') ||
      importsName(node, /^(node:)?process$/, 'env'),
    todo: 'Add a setting to config.ts and take it as an argument.',
  },
  {
    what: 'reads the time itself',
    kept: ['lib/clock.ts'],
    touches: (node) =>
      isMember(node, 'Date', 'now') ||
      isMember(node, 'performance', 'now') ||
      isMember(node, 'process', 'hrtime') ||
      isBareDate(node),
    todo: time,
  },
  {
    what: 'sets a timer itself',
    kept: ['lib/clock.ts'],
    touches: (node) =>
      callsGlobal(node, 'setTimeout') ||
      callsGlobal(node, 'setInterval') ||
      isMember(node, 'AbortSignal', 'timeout') ||
      isImportOf(node, /^(node:)?timers(\/promises)?$/),
    todo: time,
  },
  {
    what: 'draws a random number itself',
    kept: ['lib/clock.ts'],
    touches: (node) => isMember(node, 'Math', 'random'),
    todo: 'Ask lib/clock.ts, so that a seed repeats the run; for secrets use node:crypto.',
  },
  {
    what: 'calls fetch',
    kept: ['lib/egress/safe-fetch.ts'],
    touches: (node) => callsGlobal(node, 'fetch'),
    todo: 'Go through lib/egress/safe-fetch.ts, which cannot reach private addresses.',
  },
  {
    what: 'writes to the console',
    kept: [],
    touches: (node) => node.type === 'MemberExpression' && isIdentifier(node.object, 'console'),
    todo: 'Log through the logger that was handed in.',
  },
  {
    what: 'writes to the terminal',
    kept: ['main.ts', 'lib/log.ts', 'doctor/main.ts'],
    touches: (node) => isMember(node, 'process', 'stdout') || isMember(node, 'process', 'stderr'),
    todo: 'Log through the logger that was handed in; only a main.ts talks to a person.',
  },
]

export function strayUses(source: Source): Violation[] {
  if (source.isTest || !source.path.startsWith('server/src/')) return []
  const own = source.path.slice('server/src/'.length)
  const minding = keepers.filter(({ kept }) => !kept.includes(own))
  const found: Violation[] = []
  walk(source.program, (node) => {
    for (const { what, touches, todo } of minding) {
      if (touches(node)) found.push({ file: source.path, line: lineAt(source, node.start), found: what, todo })
    }
  })
  return found
}

function isIdentifier(node: Node | null | undefined, name: string): boolean {
  return node?.type === 'Identifier' && node.name === name
}

/** `object.property`, `object['property']`, and the same through `globalThis`. */
function isMember(node: Node, object: string, property: string): boolean {
  if (node.type !== 'MemberExpression' || !isNamed(node.property, property)) return false
  return isIdentifier(node.object, object) || isMember(node.object, 'globalThis', object)
}

function isNamed(node: Node, name: string): boolean {
  return isIdentifier(node, name) || (node.type === 'Literal' && node.value === name)
}

/** `const { property } = object` */
function takesOut(node: Node, object: string, property: string): boolean {
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'ObjectPattern' || !isIdentifier(node.init, object))
    return false
  return node.id.properties.some((one) => one.type === 'Property' && isNamed(one.key, property))
}

function isImportOf(node: Node, specifier: RegExp): boolean {
  return node.type === 'ImportDeclaration' && node.importKind !== 'type' && specifier.test(node.source.value)
}

function importsName(node: Node, specifier: RegExp, name: string): boolean {
  if (node.type !== 'ImportDeclaration' || !isImportOf(node, specifier)) return false
  return node.specifiers.some((one) => one.type === 'ImportSpecifier' && isNamed(one.imported, name))
}

function isBareDate(node: Node): boolean {
  const makes = node.type === 'NewExpression' || node.type === 'CallExpression'
  return makes && isIdentifier(node.callee, 'Date') && (node.type === 'CallExpression' || node.arguments.length === 0)
}

function callsGlobal(node: Node, name: string): boolean {
  return (
    node.type === 'CallExpression' && (isIdentifier(node.callee, name) || isMember(node.callee, 'globalThis', name))
  )
}
