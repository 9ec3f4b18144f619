/** Which files are kept for whom and until when, what was made of them, and what messages fetched. */
import type { CustomerId, MessageId } from '../../model/ids.ts'
import type { KeptFile } from '../../model/media/file.ts'
import type { Db, Statement } from '../db.ts'

/** Longer is remembered, shorter is not: two messages may need the same file. No row: somebody is removing it. */
const keep: Statement = {
  name: 'files-keep',
  text: `insert into files as f (customer_id, hash, bytes, mime_type, facts, kept_until)
    values ($1, $2, $3, $4, $5::jsonb, gateway_now() + $6 * interval '1 millisecond')
    on conflict (customer_id, hash) do update set kept_until = greatest(f.kept_until, excluded.kept_until),
        removing_until = null
      where f.removing_until is null or f.removing_until < gateway_now()
    returning hash`,
}

const columns = `f.customer_id as "customerId", f.hash, f.bytes, f.mime_type as "mimeType", f.facts`

const one: Statement = {
  name: 'files-one',
  text: `select ${columns} from files f where customer_id = $1 and hash = $2`,
}

const formOf: Statement = {
  name: 'files-form',
  text: `select ${columns}, m.facts as form_facts from file_forms m
    join files f on f.customer_id = m.customer_id and f.hash = m.made
    where m.customer_id = $1 and m.hash = $2 and m.form = $3`,
}

const addForm: Statement = {
  name: 'files-add-form',
  text: `insert into file_forms (customer_id, hash, form, made, facts) values ($1, $2, $3, $4, $5::jsonb)
    on conflict (customer_id, hash, form) do update set made = excluded.made, facts = excluded.facts`,
}

const fetched: Statement = {
  name: 'files-fetched',
  text: `select m.attachment_id as "attachmentId", ${columns} from message_files m
    join files f on f.customer_id = m.customer_id and f.hash = m.hash
    where m.customer_id = $1 and m.message_id = $2`,
}

const addFetched: Statement = {
  name: 'files-add-fetched',
  text: `insert into message_files (customer_id, message_id, attachment_id, hash) values ($1, $2, $3, $4)
    on conflict (customer_id, message_id, attachment_id) do update set hash = excluded.hash`,
}

/** The picture that a group shows is not taken but looked at again later, so that it is in nobody's way until then. */
const takeOld: Statement = {
  name: 'files-take-old',
  text: `update files f set
      removing_until = case when s.shown then null else gateway_now() + $2 * interval '1 millisecond' end,
      kept_until = case when s.shown then gateway_now() + $3 * interval '1 millisecond' else f.kept_until end
    from (select customer_id, hash from files
      where kept_until < gateway_now() and (removing_until is null or removing_until < gateway_now())
      order by kept_until limit $1 for update skip locked) o
    left join lateral (select true as shown from conversations c where c.customer_id = o.customer_id
      and c.photo is not null and c.photo ->> 'hash' = o.hash limit 1) s on true
    where f.customer_id = o.customer_id and f.hash = o.hash
    returning f.customer_id as "customerId", f.hash, s.shown is not null as "isShown"`,
}

export interface OldFile {
  customerId: CustomerId
  hash: string
  /** By a group: it stays. */
  isShown: boolean
}

/** What is about to go is not found any more. */
const forget: Statement = {
  name: 'files-forget',
  text: 'delete from files where customer_id = $1 and hash = $2 and removing_until is not null',
}

type Row = Pick<KeptFile, 'customerId' | 'hash' | 'bytes' | 'mimeType'> & {
  facts: Pick<KeptFile, 'codecs' | 'durationMs' | 'width' | 'height'>
}

/** What was found when it was made and is not in the file itself: a waveform. */
export type FormFacts = Readonly<Record<string, unknown>>

export function createFileStore(db: Db) {
  return {
    /** Before its bytes are placed. False: its bytes are being removed, so ask again. */
    async keep({ customerId, hash, bytes, mimeType, ...file }: KeptFile, keptMs: number): Promise<boolean> {
      const { codecs, durationMs, width, height } = file
      const facts = JSON.stringify({ codecs, durationMs, width, height })
      return (await db.query(keep, [customerId, hash, bytes, mimeType, facts, keptMs])).length === 1
    },
    async get(customerId: CustomerId, hash: string): Promise<KeptFile | null> {
      const [row] = await db.query<Row>(one, [customerId, hash])
      return row === undefined ? null : fromRow(row)
    },
    async form(of: { customerId: CustomerId; hash: string }, form: string) {
      const [row] = await db.query<Row & { form_facts: FormFacts }>(formOf, [of.customerId, of.hash, form])
      return row === undefined ? null : { file: fromRow(row), facts: row.form_facts }
    },
    async addForm(of: { customerId: CustomerId; hash: string }, form: string, made: string, facts: FormFacts) {
      await db.query(addForm, [of.customerId, of.hash, form, made, JSON.stringify(facts)])
    },
    /** By the attachment they were fetched for. */
    async fetched(of: { customerId: CustomerId; id: MessageId }): Promise<ReadonlyMap<string, KeptFile>> {
      const rows = await db.query<Row & { attachmentId: string }>(fetched, [of.customerId, of.id])
      return new Map(rows.map((row) => [row.attachmentId, fromRow(row)]))
    },
    async addFetched(of: { customerId: CustomerId; id: MessageId }, attachmentId: string, hash: string) {
      await db.query(addFetched, [of.customerId, of.id, attachmentId, hash])
    },
    /** Files whose time is over; until `forget` or for so long nobody keeps them again. What is shown is kept for longer. */
    takeOld: (limit: number, forMs: number, shownMs: number) => db.query<OldFile>(takeOld, [limit, forMs, shownMs]),
    /** With everything that refers to it, once its bytes are gone. */
    async forget(customerId: CustomerId, hash: string): Promise<void> {
      await db.query(forget, [customerId, hash])
    },
  }
}

export type FileStore = ReturnType<typeof createFileStore>

function fromRow({ customerId, hash, bytes, mimeType, facts }: Row): KeptFile {
  const { codecs = null, durationMs = null, width = null, height = null } = facts
  return { customerId, hash, bytes: Number(bytes), mimeType, codecs, durationMs, width, height }
}
