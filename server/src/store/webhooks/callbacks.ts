/** Callbacks of single messages: signed with a secret of their customer's, known by the origins they lead to. */
import type { SealedBox } from '../../lib/sealed-box.ts'
import type { CustomerId } from '../../model/ids.ts'
import type { SecretGeneration } from '../../model/webhook.ts'
import type { Db, Statement } from '../db.ts'

/** Two that change it at once see each other's. */
const lockCustomer: Statement = {
  name: 'callbacks-lock',
  text: 'select from customers where id = $1 for no key update',
}
const callbackSecrets: Statement = {
  name: 'callback-secrets',
  text: 'select callback_secrets, callback_rotated_at from customers where id = $1',
}
const setCallbackSecrets: Statement = {
  name: 'callback-secrets-set',
  text: `update customers set callback_secrets = $2, callback_rotated_at = gateway_now() where id = $1
    returning callback_rotated_at`,
}
/** Only known by its callbacks, and nothing was heard of them for long. */
const forgetCallbacks: Statement = {
  name: 'callbacks-forget',
  text: `delete from webhooks w where w.kind = 'callback' and w.created_at < gateway_now() - interval '7 days'
    and w.lease_until < gateway_now() and not exists (select from webhook_queue q where q.webhook_id = w.id)`,
}

export function createCallbackStore(db: Db, box: SealedBox) {
  return {
    async rotatedAt(customerId: CustomerId): Promise<Date | null> {
      const [row] = await db.query<{ callback_rotated_at: Date | null }>(callbackSecrets, [customerId])
      return row?.callback_rotated_at ?? null
    },

    async change(
      customerId: CustomerId,
      decide: (known: readonly SecretGeneration[]) => readonly SecretGeneration[] | null,
    ): Promise<{ secrets: readonly SecretGeneration[]; rotatedAt: Date }> {
      return db.transaction(async (tx) => {
        await tx.query(lockCustomer, [customerId])
        const [row] = await tx.query<CallbackRow>(callbackSecrets, [customerId])
        const known = openCallbackSecrets(box, customerId, row?.callback_secrets ?? null)
        const secrets = decide(known)
        if (secrets === null) return { secrets: known, rotatedAt: row?.callback_rotated_at ?? new Date(0) }
        const sealed = box.seal(Buffer.from(JSON.stringify(secrets)), placeOfCallbacks(customerId))
        const [changed] = await tx.query<{ callback_rotated_at: Date }>(setCallbackSecrets, [customerId, sealed])
        if (changed === undefined) throw new Error(`Customer ${customerId} is gone.`)
        return { secrets, rotatedAt: changed.callback_rotated_at }
      })
    },

    /** Rows of origins that nothing leads to any more. */
    async forget(): Promise<void> {
      await db.query(forgetCallbacks)
    },
  }
}

export type CallbackStore = ReturnType<typeof createCallbackStore>

interface CallbackRow {
  callback_secrets: Buffer | null
  callback_rotated_at: Date | null
}

function placeOfCallbacks(id: CustomerId): string {
  return `callbacks/${id}`
}

export function openCallbackSecrets(box: SealedBox, id: CustomerId, sealed: Buffer | null): SecretGeneration[] {
  return sealed === null ? [] : (JSON.parse(box.open(sealed, placeOfCallbacks(id)).toString()) as SecretGeneration[])
}
