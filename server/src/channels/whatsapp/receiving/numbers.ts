/** Who is behind a name that says nothing of it, as far as the library has heard so. */
import type { Handle } from '../../../model/ids.ts'
import { nameIn, pairOf, spelled, type Us } from '../names.ts'
import type { Person } from './stanzas.ts'

export interface Numbers {
  /** The number behind a LID; both as JIDs, and what it answers may name a device. */
  numberOf(lid: string): Promise<string | null>
  /** The other way round. */
  lidOf(number: string): Promise<string | null>
}

/** The number is what a chat of two goes by as soon as anybody knows it. */
export async function underNumber(
  person: Person,
  { numberOf, us }: Pick<Numbers, 'numberOf'> & { us: Us },
): Promise<Person> {
  if (person.handle.startsWith('+')) return person
  const phone = nameIn(await numberOf(person.handle))
  if (phone?.kind !== 'phone') return person
  return { handle: `+${phone.user}` as Handle, pair: pairOf(us, person.handle, spelled(phone)) }
}

/** A member of a group as the group itself names its members, be it by LIDs or by numbers. */
export async function namedLike(member: string, sample: string, { numberOf, lidOf }: Numbers): Promise<string> {
  const [name, wanted] = [nameIn(member), nameIn(sample)]
  if (name === null || wanted === null || name.kind === 'group' || name.kind === wanted.kind) return member
  const other = nameIn(await (name.kind === 'phone' ? lidOf(spelled(name)) : numberOf(spelled(name))))
  return other?.kind === wanted.kind ? spelled(other) : member
}
