/** Which part of a file a request asks for, after RFC 9110: one range, the whole, or nothing that exists. Pure. */

export type Part =
  | { status: 200 }
  | { status: 206; start: number; end: number }
  /** The caller has it already. */
  | { status: 304 }
  | { status: 416 }

export interface Asking {
  range?: string | undefined
  ifRange?: string | undefined
  ifNoneMatch?: string | undefined
}

/** Several ranges at once are answered with the whole, which is always right. */
export function partOf({ range, ifRange, ifNoneMatch }: Asking, bytes: number, mark: string): Part {
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, mark)) return { status: 304 }
  const asked = range === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(range.trim())
  if (asked === null || (ifRange !== undefined && ifRange.trim() !== mark)) return { status: 200 }
  const [, first = '', last = ''] = asked
  if (first === '' && last === '') return { status: 200 }
  if (first === '') {
    const count = Math.min(Number(last), bytes)
    return count === 0 ? { status: 416 } : { status: 206, start: bytes - count, end: bytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  if (last !== '' && Number(last) < start) return { status: 200 }
  return start >= bytes ? { status: 416 } : { status: 206, start, end }
}

function matches(list: string, mark: string): boolean {
  return list.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === mark)
}
