/** Limits on the shape of code: how long, how deep, how many parameters, and a first line that says what for. */
import type { ArrowFunctionExpression, Function as NamedFunction, Node } from 'oxc-parser'
import { childrenOf, lineAt, type Source, type Violation, walk } from './source.ts'

export const limits = { fileLines: 400, functionLines: 70, nesting: 4, parameters: 4 }

type FunctionNode = ArrowFunctionExpression | NamedFunction

export function longFiles(source: Source): Violation[] {
  const lines = source.text.trimEnd().split('\n').length
  if (lines <= limits.fileLines || isSchema(source.path)) return []
  return [
    {
      file: source.path,
      line: limits.fileLines + 1,
      found: `${lines} lines; a file has at most ${limits.fileLines}`,
      todo: 'Move one idea into a file of its own, named after it.',
    },
  ]
}

/** A schema is a list of shapes, read by looking up one of them: its length costs nobody anything. */
function isSchema(path: string): boolean {
  return /(^|[/-])schema\.ts$/.test(path)
}

export function longFunctions(source: Source): Violation[] {
  return functionsIn(source).flatMap(({ node, name, line }) => {
    const lines = lineAt(source, node.end) - lineAt(source, node.start) + 1
    if (lines <= limits.functionLines) return []
    const found = `${name} has ${lines} lines; a function has at most ${limits.functionLines}`
    return [{ file: source.path, line, found, todo: 'Name the steps it takes and let it call them.' }]
  })
}

export function deepFunctions(source: Source): Violation[] {
  return functionsIn(source).flatMap(({ node, name, line }) => {
    const depth = depthOf(node.body)
    if (depth <= limits.nesting) return []
    const found = `${name} nests ${depth} levels; a function nests at most ${limits.nesting}`
    return [
      { file: source.path, line, found, todo: 'Return early, or move the innermost level into a function of its own.' },
    ]
  })
}

export function manyParameters(source: Source): Violation[] {
  return functionsIn(source).flatMap(({ node, name, line }) => {
    const count = node.params.filter((param) => !(param.type === 'Identifier' && param.name === 'this')).length
    if (count <= limits.parameters) return []
    const found = `${name} takes ${count} parameters; a function takes at most ${limits.parameters}`
    return [{ file: source.path, line, found, todo: 'Take one object with named fields instead.' }]
  })
}

export function missingFirstLine(source: Source): Violation[] {
  const [first = '', second = ''] = source.lines
  const opening = first.startsWith('#!') ? second : first
  const says = opening.replace(/^\/\*\*?|^\/\/|\*\/$/g, '').trim()
  if (/^(\/\*|\/\/)/.test(opening) && says !== '' && !says.startsWith('@')) return []
  if (opening.trim() === '/**' && /^\s*\*\s+\S/.test(source.lines[source.lines.indexOf(opening) + 1] ?? '')) return []
  const todo = 'Begin with a comment that says in one sentence what the file is for.'
  return [{ file: source.path, line: 1, found: 'the first line does not say what the file is for', todo }]
}

function functionsIn(source: Source): { node: FunctionNode; name: string; line: number }[] {
  const found: { node: FunctionNode; name: string; line: number }[] = []
  walk(source.program, (node, above) => {
    if (isFunction(node)) found.push({ node, name: nameOf(node, above.at(-1)), line: lineAt(source, node.start) })
  })
  return found
}

function isFunction(node: Node): node is FunctionNode {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

function nameOf(node: FunctionNode, parent: Node | undefined): string {
  if (node.id) return `\`${node.id.name}\``
  if (parent?.type === 'VariableDeclarator' && parent.id.type === 'Identifier') return `\`${parent.id.name}\``
  const keyed =
    parent?.type === 'MethodDefinition' || parent?.type === 'Property' || parent?.type === 'PropertyDefinition'
  if (keyed && parent.key.type === 'Identifier') return `\`${parent.key.name}\``
  return 'a function without a name'
}

const levels = /^(IfStatement|For(In|Of)?Statement|(Do)?WhileStatement|SwitchStatement|TryStatement)$/

/** Levels of control flow; `else if` stays on its level, and a function inside starts anew. */
function depthOf(node: Node | null): number {
  if (node === null) return 0
  const inside = childrenOf(node).filter((child) => !isFunction(child))
  const deepest = Math.max(0, ...inside.map((child) => depthOf(child) - Number(isElseIf(node, child))))
  return deepest + Number(levels.test(node.type))
}

function isElseIf(node: Node, child: Node): boolean {
  return node.type === 'IfStatement' && child.type === 'IfStatement' && node.alternate === child
}
