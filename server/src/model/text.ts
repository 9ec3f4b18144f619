/** Text from outside, as a database can keep it. */

/** PostgreSQL takes neither NUL nor halves of surrogate pairs; networks and people send both. */
export function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
