/** Addresses as the server writes them: numbers as E.164 for a Mac in the United States, everything else as it came. */

export function addressFrom(text: string): string {
  const bare = text.replace(/[\s()-]/g, '')
  if (bare.includes('@') || bare.startsWith('+')) return bare
  if (/^\d{10}$/.test(bare)) return `+1${bare}`
  return /^1\d{10}$/.test(bare) ? `+${bare}` : bare
}
