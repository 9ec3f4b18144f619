/** Watches over what would have led the real server astray: it puts names into paths and commands as they come. */

export interface Breach {
  /** The call that brought it. */
  path: string
  name: string
  why: string
}

const dangers: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/[/\\]/, 'leaves its folder'],
  [/\.\./, 'leaves its folder'],
  [/["'`$;]/, 'is read by the shell'],
  [/[\r\n\0]/, 'breaks the line'],
  [/^[.-]/, 'is hidden, or an option'],
]

const keptMax = 1_000

export interface Watch {
  readonly breaches: readonly Breach[]
  readonly names: readonly string[]
  seeName(path: string, name: string): void
}

export function createWatch(): Watch {
  const breaches: Breach[] = []
  const names: string[] = []
  return {
    breaches,
    names,
    seeName(path, name) {
      if (names.length < keptMax) names.push(name)
      const danger = dangers.find(([pattern]) => pattern.test(name))
      if (danger !== undefined && breaches.length < keptMax) breaches.push({ path, name, why: danger[1] })
    },
  }
}
