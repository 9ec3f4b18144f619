/** What a part found, as a table for the terminal and as Markdown for docs/benchmarks.md. */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

export interface Table {
  title: string
  columns: readonly string[]
  rows: readonly (readonly string[])[]
  /** What must be known to read the figures. */
  notes: readonly string[]
}

export function machineLine(database: string): string {
  const [first] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const model = (first?.model ?? 'unknown processor').trim()
  return `${model}, ${cpus().length} cores, ${memory}, ${kernel()}, Node ${process.versions.node}${database === '' ? '' : `, ${database}`}`
}

function kernel(): string {
  try {
    return `Linux ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim().split('-')[0]}`
  } catch {
    return process.platform
  }
}

export function plainTable({ title, columns, rows, notes }: Table): string {
  const all = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  const ruler = widths.map((width) => '-'.repeat(width)).join('  ')
  return ['', title, '', lineOf(columns), ruler, ...rows.map(lineOf), ...notes.map((note) => `  ${note}`), ''].join(
    '\n',
  )
}

export function markdown(tables: readonly Table[], machine: string, date: string): string {
  const sections = tables.map(({ title, columns, rows, notes }) => {
    const lineOf = (row: readonly string[]) => `| ${row.join(' | ')} |`
    const table = [lineOf(columns), lineOf(columns.map(() => '---')), ...rows.map(lineOf)].join('\n')
    return [`### ${title}`, `${date}; ${machine}.`, table, ...(notes.length > 0 ? [notes.join(' ')] : [])].join('\n\n')
  })
  return sections.join('\n\n')
}
