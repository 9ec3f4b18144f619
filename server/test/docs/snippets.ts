/** The `sh` blocks of a Markdown file, as a reader would copy them. */

export interface Snippet {
  line: number
  script: string
}

export function shellSnippets(markdown: string): Snippet[] {
  const lines = markdown.split('\n')
  const snippets: Snippet[] = []
  let start: number | null = null
  for (const [index, line] of lines.entries()) {
    if (start === null && line.trim() === '```sh') start = index + 1
    else if (start !== null && line.trim() === '```') {
      snippets.push({ line: start + 1, script: lines.slice(start, index).join('\n') })
      start = null
    }
  }
  return snippets
}
