/** One call of the control API about one network: its fields are checked, and what cannot be done is said in words. */

import type { Setting } from '../control.ts'
import { CannotBeDone as CannotOnImessage } from '../imessage/world.ts'
import { CannotBeDone as CannotOnWhatsapp } from '../whatsapp/world.ts'
import { Refused } from './door.ts'
import { type Check, fieldsIn } from './input.ts'

interface Field<Value> extends Check {
  isOptional: boolean
  /** For the compiler alone. */
  value?: Value
}

type Fields = Readonly<Record<string, Field<unknown>>>
type Said<Wanted extends Fields> = { [Name in keyof Wanted]: Wanted[Name] extends Field<infer Value> ? Value : never }

export function field<Value>(check: Check): Field<Value> {
  return { ...check, isOptional: false }
}

export function optional<Value>(check: Field<Value>): Field<Value | undefined> {
  return { ...check, isOptional: true }
}

export function call<Wanted extends Fields>(
  name: string,
  meaning: string,
  wanted: Wanted,
  act: (said: Said<Wanted>) => unknown,
): Setting {
  const names = Object.entries(wanted).map(([one, { isOptional }]) => (isOptional ? `"${one}"?` : `"${one}"`))
  return {
    name,
    meaning: `${meaning.replace(/\.$/, '')}: {${names.join(', ')}}.`,
    set: (body) => possible(() => act(saidIn(body, wanted))),
  }
}

function saidIn<Wanted extends Fields>(body: unknown, wanted: Wanted): Said<Wanted> {
  const said = fieldsIn(body, wanted)
  const required = Object.keys(wanted).filter((name) => wanted[name]?.isOptional === false)
  if (required.some((name) => !(name in said))) {
    const named = required.map((name) => `\`${name}\``)
    const [last = '', ...others] = named.toReversed()
    throw new Refused(400, `Name ${others.length > 0 ? `${others.toReversed().join(', ')} and ` : ''}${last}.`)
  }
  // Every field that is required is there, and each that is there fits.
  return said as Said<Wanted>
}

/** What cannot be done is the asker's mistake. */
export async function possible(work: () => unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CannotOnWhatsapp || error instanceof CannotOnImessage) throw new Refused(409, error.message)
    throw error
  }
}
