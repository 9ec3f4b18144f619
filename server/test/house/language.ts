/** Parts of the language the house does without: ways around the type checker, and default exports. */
import type { Node } from 'oxc-parser'
import { lineAt, type Source, type Violation, walk } from './source.ts'

export function waysAroundTypes(source: Source): Violation[] {
  const found: Violation[] = []
  const add = (offset: number, what: string, todo: string) =>
    found.push({ file: source.path, line: lineAt(source, offset), found: what, todo })
  walk(source.program, (node) => {
    if (node.type === 'TSAnyKeyword') add(node.start, 'uses `any`', 'Name the type, or take `unknown` and check it.')
    if (node.type === 'TSNonNullExpression' || isDefinite(node)) {
      add(node.start, 'claims with `!` that a value is there', 'Check it, and say what happens when it is not.')
    }
  })
  for (const comment of source.comments) {
    const mark = /@ts-(ignore|expect-error|nocheck)/.exec(comment.value)
    if (mark) add(comment.start, `silences the type checker with ${mark[0]}`, 'Mend the type instead.')
  }
  return found
}

function isDefinite(node: Node): boolean {
  return (node.type === 'VariableDeclarator' || node.type === 'PropertyDefinition') && node.definite === true
}

/** A tool that loads its configuration by default export leaves no choice. */
const configurations = /(^|\/)[a-z]+\.config\.(ts|mjs)$/

export function defaultExports(source: Source): Violation[] {
  if (configurations.test(source.path)) return []
  const found: Violation[] = []
  const todo = 'Export it by name, so that it is called the same everywhere.'
  walk(source.program, (node) => {
    const named =
      node.type === 'ExportNamedDeclaration' && node.specifiers.some(({ exported }) => nameIs(exported, 'default'))
    if (node.type !== 'ExportDefaultDeclaration' && !named) return
    found.push({ file: source.path, line: lineAt(source, node.start), found: 'has a default export', todo })
  })
  return found
}

function nameIs(node: Node, name: string): boolean {
  return (node.type === 'Identifier' && node.name === name) || (node.type === 'Literal' && node.value === name)
}
