/** Sends whose row is waited for: they are told apart by their letters and digits alone, so that some are mixed up. */

import type { Message } from '../store/rows.ts'
import { shownText } from '../store/shapes.ts'

interface Awaited {
  chatGuid: string
  /** Of a text its letters and digits, of a file its name without the ending. */
  text: string
  isFile: boolean
  tempGuid: string | null
  since: number
  until: number
  found(row: Message): void
}

const plain = (text: string) => text.replace(/[^A-Za-z0-9]/g, '')
const withoutEnding = (name: string) => name.replace(/\.[^.]*$/, '')
const textWaitMs = 120_000
const fileWaitMs = 1_200_000
/** The store's times are a little off. */
const earlierMs = 10_000

export interface Expected {
  chatGuid: string
  text: string
  isFile: boolean
  tempGuid: string | null
}

export class AwaitedSends {
  #awaited: Awaited[] = []

  /** Resolves with the row that it is taken for. */
  expect({ chatGuid, text, isFile, tempGuid }: Expected, now: number): Promise<Message> {
    this.#awaited = this.#awaited.filter(({ until }) => until > now)
    return new Promise((resolve) => {
      const until = now + (isFile ? fileWaitMs : textWaitMs)
      const key = isFile ? withoutEnding(text) : plain(text)
      this.#awaited.push({ chatGuid, text: key, isFile, tempGuid, since: now - earlierMs, until, found: resolve })
    })
  }

  /** The first that fits a row of our own, with the id that its sender gave it; it is not awaited any more. */
  claim(row: Message, now: number): { tempGuid: string | null } | null {
    const at = this.#awaited.findIndex((one) => one.until > now && isFor(one, row))
    const claimed = at < 0 ? undefined : this.#awaited.splice(at, 1)[0]
    if (claimed === undefined) return null
    claimed.found(row)
    return { tempGuid: claimed.tempGuid }
  }
}

function isFor({ chatGuid, text, isFile, since }: Awaited, row: Message): boolean {
  if (row.chat.guid !== chatGuid && !isSameNumber(row.chat.guid, chatGuid)) return false
  if (isFile) return row.attachments.some(({ name }) => withoutEnding(name) === text)
  return plain(shownText(row) ?? '') === text && since <= row.dateCreated
}

function isSameNumber(guid: string, wanted: string): boolean {
  return [/;-;\+/, /;-;\+\d/, /;-;\+\d\d/].some((prefix) => guid.replace(prefix, ';-;') === wanted)
}
