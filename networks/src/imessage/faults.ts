/** What can be made to go wrong, called by name; `Doings` remembers what it is asked for. */
import type { LateFiles, SendFate } from './doings.ts'
import { chatOfTwo } from './mac/arriving.ts'
import type { Lost } from './mac/webhooks.ts'
import { CannotBeDone, type World } from './world.ts'

/** A message that comes to the Mac long after it was written, as when its store is filled from the cloud. */
export interface OldMessage {
  from: string
  text: string
  /** It was written so long ago. */
  agoMs: number
  /** A group; the chat of two when nothing is said. */
  chat?: string
}

export interface Faults {
  nextSends(fate: SendFate, count?: number): void
  /** Null: sends go well again. */
  allSends(fate: SendFate | null): void
  /** So many next answers deny that somebody is on iMessage who is. */
  denyNext(count: number): void
  /** The next send takes effect, and its answer never comes. */
  loseNextAnswer(): void
  loseWebhooks(lost: Lost): void
  /** The watcher of the store misses every change until it is woken, or something happens on the Mac: see `touch`. */
  sleep(isAsleep: boolean): void
  touch(): void
  /** Files are there so long after the message that they belong to; null: with it. */
  lateFiles(late: LateFiles | null): void
  /** Whatever the password is, it is not the right one. */
  refuse(isOn: boolean): void
  /** The Mac looks well, and nothing comes or goes any more. */
  deregister(isOn: boolean): void
  /** Apple takes these addresses from the account, which is told. */
  removeAliases(aliases: readonly string[]): void
  /** These old messages are told as new ones; their guids, or so many of the newest. */
  resend(which: readonly string[] | number): void
  /** The server starts again: it says hello, and has forgotten what it told; so many old messages it tells as new. */
  restart(resends?: number): void
  /** New rows with old dates, of which nobody is told. */
  backfill(messages: readonly OldMessage[]): readonly string[]
  /** The file is no longer on the Mac's disk; a forced download brings it back. */
  purgeFile(guid: string): void
}

export function faultsOf(world: World): Faults {
  const { doings, webhooks, watcher, store, mac } = world
  const resend = (which: readonly string[] | number) => {
    const newest = typeof which === 'number' ? (which === 0 ? [] : store.messages.slice(-which)) : null
    watcher.repeat(newest ?? store.messages.filter(({ guid }) => Array.isArray(which) && which.includes(guid)))
  }
  return {
    nextSends: (fate, count) => doings.nextSends(fate, count),
    allSends: (fate) => doings.allSends(fate),
    denyNext: (count) => doings.denyNext(count),
    loseNextAnswer: () => doings.loseNextAnswer(),
    loseWebhooks: (lost) => webhooks.lose(lost),
    sleep: (isAsleep) => watcher.sleep(isAsleep),
    touch: () => watcher.rouse(),
    lateFiles(late) {
      doings.lateFiles = late
    },
    refuse(isOn) {
      doings.isUnauthorized = isOn
    },
    deregister(isOn) {
      mac.isRegistered = !isOn
    },
    removeAliases(aliases) {
      mac.aliases = mac.aliases.filter((one) => !aliases.includes(one))
      webhooks.tell('imessage-aliases-removed', { aliases })
    },
    resend,
    restart(resends = 0) {
      world.restart()
      resend(resends)
    },
    backfill: (messages) => messages.map((message) => fillIn(world, message)),
    purgeFile(guid) {
      const attachment = store.attachment(guid)
      if (attachment === null) throw new CannotBeDone('There is no such file.')
      attachment.isOnDisk = false
    },
  }
}

function fillIn(world: World, { from, text, agoMs, chat: guid }: OldMessage): string {
  const { store, clock } = world
  const at = clock.now() - agoMs
  const chat = guid === undefined ? chatOfTwo(world, from) : store.chat(guid)
  if (chat === null) throw new CannotBeDone('There is no such chat.')
  const runs = [{ start: 0, length: text.length, part: 0 }]
  const handle = store.handleOf(from, chat.kind)
  return store.add({ chat, isFromMe: false, handle, text, runs, dateCreated: at, dateRead: at }).guid
}
