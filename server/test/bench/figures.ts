/** Figures from samples: quantiles, medians, and how they are written. */

export interface Spread {
  count: number
  p50: number
  p99: number
  p999: number
  max: number
}

export function spreadOf(samples: Iterable<number>): Spread {
  const sorted = Float64Array.from(samples).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The spread whose every figure is the median of that figure over the rounds. */
export function medianSpread(rounds: readonly Spread[]): Spread {
  const of = (name: keyof Spread) => median(rounds.map((round) => round[name]))
  return { count: of('count'), p50: of('p50'), p99: of('p99'), p999: of('p999'), max: of('max') }
}

export function rate(perSecond: number): string {
  const step = perSecond >= 1_000 ? 10 : 1
  return (Math.round(perSecond / step) * step).toLocaleString('en-GB').replaceAll(',', ' ')
}

export function ms(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (value === Number.POSITIVE_INFINITY) return 'never'
  return `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)} ms`
}

export function share(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)} %`
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}
