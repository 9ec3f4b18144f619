/** Says where a JSON text goes wrong: the position that cannot stand, or the key that is there twice. Read only for texts already refused. */

const backslash = 92

/** Where the closing quote of the string opened at `start` is; the end of the text when there is none. */
export function endOfString(text: string, start: number): number {
  let from = start + 1
  for (;;) {
    const end = text.indexOf('"', from)
    if (end === -1) return text.length
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1
    if (slashes % 2 === 0) return end
    from = end + 1
  }
}

type Token =
  | { kind: '{' | '}' | '[' | ']' | ':' | ',' | 'literal' | 'trouble'; at: number }
  | { kind: 'string'; at: number; end: number; value: string | null }

const pattern =
  /[\t\n\r ]*(?:([{}[\],:])|(")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y

/** Ends at the end of the text, or with the first thing that is no token. */
function* tokensOf(text: string): Generator<Token> {
  let at = 0
  for (;;) {
    const gap = skipSpace(text, at)
    if (gap === text.length) return
    pattern.lastIndex = gap
    const match = pattern.exec(text)
    if (match === null) return yield { kind: 'trouble', at: gap }
    at = gap + match[0].length
    if (match[1] !== undefined) yield { kind: match[1] as '{', at: gap }
    else if (match[2] === undefined) yield { kind: 'literal', at: gap }
    else {
      const end = endOfString(text, gap)
      yield { kind: 'string', at: gap, end, value: end === text.length ? null : stringOf(text.slice(gap, end + 1)) }
      at = end + 1
    }
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

function stringOf(text: string): string | null {
  try {
    return JSON.parse(text) as string
  } catch {
    // No string: a control character or a broken escape, which the caller words.
    return null
  }
}

type Expects = 'value' | 'key' | 'keyOrEnd' | 'valueOrEnd' | 'colon' | 'next' | 'end'

/** One sentence with the first position at which the text stops being JSON. */
export function whereItBreaks(text: string): string {
  const open: string[] = []
  let expects: Expects = 'value'
  for (const token of tokensOf(text)) {
    const next: Expects | null = token.kind === 'trouble' ? null : nextAfter(expects, token.kind, open)
    if (next === null) return `Position ${token.at}: ${JSON.stringify(text[token.at])} cannot stand here.`
    if (token.kind === 'string' && token.end === text.length) return `Position ${token.at}: this string does not end.`
    if (token.kind === 'string' && token.value === null) {
      return `Position ${token.at}: this string holds a control character or a broken escape.`
    }
    expects = next
  }
  return `Position ${text.length}: the text ends too early.`
}

/** What may follow after this token; null when the token itself must not stand here. */
function nextAfter(expects: Expects, kind: Token['kind'], open: string[]): Expects | null {
  const after = (): Expects => (open.length === 0 ? 'end' : 'next')
  const takesValue = expects === 'value' || expects === 'valueOrEnd'
  if (kind === 'string' && (expects === 'key' || expects === 'keyOrEnd')) return 'colon'
  if (kind === 'string' || kind === 'literal') return takesValue ? after() : null
  if (kind === ':') return expects === 'colon' ? 'value' : null
  if (kind === ',' && expects === 'next') return open.at(-1) === '{' ? 'key' : 'value'
  if (kind === '{' || kind === '[') {
    if (!takesValue) return null
    open.push(kind)
    return kind === '{' ? 'keyOrEnd' : 'valueOrEnd'
  }
  const opener = kind === '}' ? '{' : '['
  const mayClose = kind !== ',' && (expects === 'next' || expects === (kind === '}' ? 'keyOrEnd' : 'valueOrEnd'))
  return mayClose && open.pop() === opener ? after() : null
}

interface Level {
  /** Null inside an array. */
  keys: Set<string> | null
  step: string
  index: number
}

/** The path of the first key that its object already has, in a text that is JSON; null when there is none. */
export function repeatedKey(text: string): string | null {
  const levels: Level[] = []
  let last = ''
  for (const token of tokensOf(text)) {
    const level = levels.at(-1)
    if (token.kind === 'string') last = token.value ?? ''
    else if (token.kind === '{') levels.push({ keys: new Set(), step: '', index: 0 })
    else if (token.kind === '[') levels.push({ keys: null, step: '[0]', index: 0 })
    else if (token.kind === '}' || token.kind === ']') levels.pop()
    else if (token.kind === ',' && level?.keys === null) {
      level.index += 1
      level.step = `[${level.index}]`
    } else if (token.kind === ':' && level?.keys) {
      level.step = last
      if (level.keys.has(last)) return levels.map(({ step }) => step).reduce(joinPath)
      level.keys.add(last)
    }
  }
  return null
}

/** `content.mediaUrls[2]` */
export function joinPath(path: string, step: string): string {
  if (path === '' || step === '') return path + step
  return step.startsWith('[') ? `${path}${step}` : `${path}.${step}`
}
