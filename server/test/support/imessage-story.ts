/** Stories over a pretended Mac: what was told of a line, with people called by their names, and silence told from slowness. */
import { expect } from 'vitest'
import type { Person } from '../../../networks/src/imessage/people/person.ts'
import { until } from './gateway.ts'
import { type ImessageLine, type ImessageLineOptions, openImessageLine } from './imessage-line.ts'
import { type Story, type Told, tell } from './story.ts'
import { worded } from './worded.ts'

export interface Scene extends Omit<ImessageLine, 'somebody'> {
  /** Somebody new, who is called so in what is told; by number, or by the address that is given. */
  somebody(name: string, address?: string): Person
  /** From here on everything counts. */
  begin(): Promise<ImessageStory>
}

export interface ImessageStory extends Story {
  /** Sends from the line, to a person or into a chat, and answers with the id. */
  writes(to: Person | string, text: string | null, more?: object): Promise<string>
  /** These are told, in this order, and nothing else. */
  hears(...lines: readonly string[]): Promise<void>
  /** The same, in whatever order: of several chats none waits for the others. */
  hearsOf(...lines: readonly string[]): Promise<void>
  /** The data of the last event of this kind. */
  last(type: string): Promise<Told['data']>
}

export async function openScene(options: ImessageLineOptions = {}): Promise<Scene> {
  const { somebody, ...line } = await openImessageLine(options)
  const names = new Map([[line.line.address as string, 'us']])
  const called = (name: string, address?: string): Person => {
    const person = somebody(address)
    names.set(person.address, name)
    return person
  }
  const ending = called('The last')
  return { ...line, somebody: called, begin: () => begin(line, ending, names) }
}

/** Longer than the Mac is left alone. */
const pollMs = 31_000

async function begin(
  line: Omit<ImessageLine, 'somebody'>,
  ending: Person,
  names: ReadonlyMap<string, string>,
): Promise<ImessageStory> {
  const { gateway, network, line: ours } = line
  const story = await tell(gateway)
  const told = async () =>
    (await story.told()).filter(({ type, data }) => type !== 'whatsapp.status' && data.from !== ending.address)
  const heard = async () => (await told()).map((one) => worded(one, names))
  /** Once what the Mac has last is told, all that went before it has been; and again when everything was looked at anew. */
  const comeLast = async () => {
    await until(async () => network.busy <= network.hanging, 'the Mac to be at rest')
    const since = await tell(gateway)
    ending.says(`That is all ${performance.now()}`)
    await until(async () => (await since.told()).some(({ data }) => data.from === ending.address), 'the last of it')
    await gateway.settled()
  }
  const quiet = async () => {
    await comeLast()
    await gateway.pass(pollMs)
    await comeLast()
  }
  const enough = async (lines: readonly string[]) => {
    // Whatever is slower than this comes up in what differs.
    await until(async () => (await heard()).length >= lines.length, lines.at(-1) ?? '').catch(() => {})
    if ((await heard()).length >= lines.length) await quiet()
  }
  return {
    ...story,
    told,
    heard,
    writes: (to, text, more = {}) =>
      story.send({
        ...{ to: typeof to === 'string' ? to : to.address, from: ours.address },
        ...(text !== null && { content: { text } }),
        ...more,
      }),
    async hears(...lines) {
      await enough(lines)
      expect(await heard()).toEqual(lines)
    },
    async hearsOf(...lines) {
      await enough(lines)
      expect((await heard()).sort()).toEqual([...lines].sort())
    },
    async last(type) {
      const { data } = (await told()).findLast((one) => one.type === type) ?? {}
      return data
    },
  }
}

/** What is told of a message that goes well. */
export function out(what: string): string[] {
  return [`message.queued ${what}`, `message.sent ${what}`, `message.delivered ${what}`]
}
