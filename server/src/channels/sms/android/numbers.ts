/** Senders as a phone names them, often in the form of its own country, as everybody else names them. */

/** Calling codes of one and two digits (ITU-T E.164); all others have three. */
const shortCodes: ReadonlySet<string> = new Set([
  ...['1', '7', '20', '27', '30', '31', '32', '33', '34', '36', '39', '40', '41', '43', '44', '45', '46', '47', '48'],
  ...['49', '51', '52', '53', '54', '55', '56', '57', '58', '60', '61', '62', '63', '64', '65', '66', '81', '82'],
  ...['84', '86', '90', '91', '92', '93', '94', '95', '98'],
])
const shortNumberMax = 6

/** Short codes, names and whatever cannot be told stay as they are. */
export function senderOf(text: string, line: string | null): string {
  const bare = text.replace(/[\s().-]/g, '')
  if (/^\+\d{3,15}$/.test(bare)) return bare
  if (!/^\d{1,20}$/.test(bare)) return text.trim()
  if (bare.length <= shortNumberMax) return bare
  const code = line === null ? null : callingCodeOf(line)
  return code === null || line === null ? bare : completed(bare, code, line.length - 1)
}

function completed(bare: string, code: string, usualLength: number): string {
  if (bare.startsWith('00')) return `+${bare.slice(2)}`
  if (code === '1' && bare.startsWith('011') && bare.length > 11) return `+${bare.slice(3)}`
  if (bare.startsWith(code) && bare.length === usualLength) return `+${bare}`
  if (code === '7' && bare.length === 11 && bare.startsWith('8')) return `+7${bare.slice(1)}`
  // In Italy the zero belongs to the number.
  if (bare.startsWith('0') && code !== '39') return `+${code}${bare.slice(1)}`
  return code.length + bare.length === usualLength ? `+${code}${bare}` : bare
}

function callingCodeOf(line: string): string | null {
  const digits = /^\+(\d{7,15})$/.exec(line)?.[1]
  if (digits === undefined) return null
  return [1, 2].map((length) => digits.slice(0, length)).find((code) => shortCodes.has(code)) ?? digits.slice(0, 3)
}
