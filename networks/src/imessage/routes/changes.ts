/** Calls that change what was sent: edit and unsend. What Apple does not take is answered with 200 all the same. */
import type { Answered } from '../../sms/door.ts'
import { badRequest, imessageError, success } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import { atLeast, check, numeric, required, text } from '../http/rules.ts'
import { CannotAct, mustHavePrivateApi } from '../mac/private-api.ts'
import { takeBack } from '../people/person.ts'
import type { Message } from '../store/rows.ts'
import { messageJson } from '../store/shapes.ts'
import type { World } from '../world.ts'

const partIndex = [numeric, atLeast(0)]
const editRules = { editedMessage: [required, text], backwardsCompatibilityMessage: [required, text], partIndex }
const editableMs = 900_000
const editsMax = 5
const unsendableMs = 120_000
const waitMaxMs = 30_000

export const changes: readonly Route[] = [
  { method: 'POST', path: 'message/:guid/edit', answer: edit },
  { method: 'POST', path: 'message/:guid/unsend', answer: unsend },
]

async function edit(world: World, { params: [guid = ''], body }: Ask): Promise<Answered> {
  check(body, editRules)
  const row = selected(world, guid)
  const words = String(body.editedMessage)
  const change = () => {
    const now = world.clock.now()
    const isTaken = row.isFromMe && now - row.dateCreated <= editableMs && row.edits < editsMax && row.text !== null
    // On macOS 26 the helper of 1.9.9 edits nothing.
    if (!isTaken || world.quirks.ignoresEdits || world.mac.major >= 26) return
    const runs = [{ start: 0, length: words.length, part: 0 }]
    Object.assign(row, { text: words, runs, dateEdited: now, edits: row.edits + 1 })
    for (const { address } of row.chat.participants) world.parties.of(address).message(guid)?.edits.push(words)
    world.watcher.touch(row)
  }
  await changed(world, { row, change, outer: 'Message Edit Error' })
  return success({ message: 'Message edited!', data: shown(world, row) })
}

async function unsend(world: World, { params: [guid = ''], body }: Ask): Promise<Answered> {
  check(body, { partIndex })
  const row = selected(world, guid)
  const change = () => {
    const now = world.clock.now()
    const isTaken = row.isFromMe && now - row.dateCreated <= unsendableMs && row.text !== null
    if (!isTaken || world.quirks.ignoresUnsends) return
    takeBack(row, now)
    for (const { address } of row.chat.participants) {
      const received = world.parties.of(address).message(guid)
      if (received !== undefined) Object.assign(received, { isUnsent: true, text: null })
    }
    world.watcher.touch(row)
  }
  await changed(world, { row, change, outer: 'Unsend Message Error' })
  return success({ message: 'Message unsent!', data: shown(world, row) })
}

function selected({ store }: World, guid: string): Message {
  const row = store.message(guid)
  if (row === null) throw badRequest('Selected message does not exist!')
  return row
}

interface Changing {
  row: Message
  change(): void
  outer: string
}

/** Waits until the date of the last edit is another; when it never is, that is all there is to it. */
async function changed(world: World, { row, change, outer }: Changing): Promise<void> {
  const { privateApi, clock, waits, stopped, mac } = world
  try {
    mustHavePrivateApi(world)
    if (mac.major < 13) throw new CannotAct('Unsend message is only supported on macOS Ventura and newer!')
    const before = row.dateEdited ?? 0
    await privateApi.turn()
    await clock.sleep(waits.rowMs, stopped.signal)
    change()
    await privateApi.until(() => (row.dateEdited ?? 0) > before, waitMaxMs)
  } catch (error) {
    if (error instanceof CannotAct) throw imessageError(outer, error.message)
    throw error
  }
}

function shown({ shape }: World, row: Message) {
  return messageJson(row, { ...shape, attachments: false, attributedBody: true, summary: true })
}
