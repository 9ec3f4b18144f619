/** Verbs asked of the process that holds a line: a row goes there, the answer comes back on it, and it runs at most once. */
import type { Channel } from '../model/channel.ts'
import type { LineId } from '../model/ids.ts'
import type { Db, Statement } from './db.ts'

export interface Command {
  id: string
  lineId: LineId
  channel: Channel
  verb: string
  args: readonly unknown[]
}

export type CommandAnswer =
  | { ok: true; value: unknown }
  | { ok: false; error: 'send' | 'gateway'; kind: string; code: string; scope: string; message: string }

const ask: Statement = {
  name: 'commands-ask',
  text: `insert into link_commands (id, line_id, channel, verb, args, deadline)
    values ($1, $2, $3, $4, $5, gateway_now() + $6 * interval '1 ms')`,
}

/** Taken means run: whoever takes it and dies leaves it unanswered, and the asker hears "no answer in time". */
const take: Statement = {
  name: 'commands-take',
  text: `update link_commands c set taken_at = gateway_now() from (
      select id from link_commands where line_id = any($1::uuid[]) and taken_at is null and deadline > gateway_now()
      order by id limit 50 for update skip locked) mine
    where c.id = mine.id returning c.id, c.line_id, c.channel, c.verb, c.args`,
}
const answer: Statement = { name: 'commands-answer', text: 'update link_commands set answer = $2 where id = $1' }
const read: Statement = {
  name: 'commands-read',
  text: 'select answer from link_commands where id = $1 and answer is not null',
}
const clean: Statement = {
  name: 'commands-clean',
  text: `delete from link_commands where deadline < gateway_now() - interval '1 hour'`,
}

interface CommandRow {
  id: string
  line_id: LineId
  channel: Channel
  verb: string
  args: unknown[]
}

export function createCommandStore(db: Db) {
  return {
    async ask(command: Command, withinMs: number): Promise<void> {
      const { id, lineId, channel, verb, args } = command
      await db.query(ask, [id, lineId, channel, verb, JSON.stringify(args), withinMs])
    },
    async take(lines: readonly LineId[]): Promise<Command[]> {
      const rows = await db.query<CommandRow>(take, [lines])
      return rows.map((row) => ({
        id: row.id,
        lineId: row.line_id,
        channel: row.channel,
        verb: row.verb,
        args: row.args,
      }))
    },
    async answer(id: string, given: CommandAnswer): Promise<void> {
      await db.query(answer, [id, JSON.stringify(given)])
    },
    async read(id: string): Promise<CommandAnswer | null> {
      return (await db.query<{ answer: CommandAnswer }>(read, [id]))[0]?.answer ?? null
    },
    async clean(): Promise<void> {
      await db.query(clean)
    },
  }
}

export type CommandStore = ReturnType<typeof createCommandStore>
