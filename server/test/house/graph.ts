/** The graph of imports: no circles, and nothing that only its own test knows. */
import type { Import, Source, Violation } from './source.ts'

/** Circles of imports that exist at run time; a type that points back is erased and harmless. */
export function cycles(sources: readonly Source[]): Violation[] {
  const known = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: Violation[] = []
  const follow = (source: Source, trail: readonly string[]): void => {
    for (const { file, typeOnly, line } of source.imports) {
      const target = file === null || typeOnly ? undefined : known.get(file)
      if (!target || done.has(target.path)) continue
      const begin = trail.indexOf(target.path)
      if (begin >= 0) found.push(cycleAt(source, line, [...trail.slice(begin), target.path]))
      else follow(target, [...trail, target.path])
    }
    done.add(source.path)
  }
  for (const source of sources) if (!done.has(source.path)) follow(source, [source.path])
  return found
}

function cycleAt(source: Source, line: number, circle: readonly string[]): Violation {
  const todo = 'Move what both need into a third file, or hand it in as an argument.'
  return { file: source.path, line, found: `closes a circle of imports: ${circle.join(' → ')}`, todo }
}

/** Files that are started rather than imported. */
const entries = new Set([
  ...['server/src/main.ts', 'server/src/doctor/main.ts', 'server/src/media/tools/ffmpeg/wasm-process.ts'],
  'networks/src/main.ts',
])

/** A file that nobody imports, or nobody but the test beside it, is not part of the product. */
export function orphans(sources: readonly Source[]): Violation[] {
  const importers = Map.groupBy(
    sources.flatMap((source) => source.imports.map((one) => ({ from: source.path, one }))).filter(isFileImport),
    ({ one }) => one.file,
  )
  const product = sources.filter(
    ({ path, isTest }) => !isTest && /^(server|networks)\/src\//.test(path) && !entries.has(path),
  )
  return product.flatMap(({ path }) => {
    const neighbour = path.replace(/\.ts$/, '.test.ts')
    const users = (importers.get(path) ?? []).filter(({ from }) => from !== neighbour && from !== path)
    if (users.length > 0) return []
    const todo = 'Use it, or delete it together with its test.'
    return [{ file: path, line: 1, found: 'is imported by nothing but its own test', todo }]
  })
}

function isFileImport(pair: { from: string; one: Import }): pair is { from: string; one: Import & { file: string } } {
  return pair.one.file !== null
}
