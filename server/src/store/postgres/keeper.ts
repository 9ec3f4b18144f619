/** Keeps the embedded PostgreSQL running while the gateway does: a server that died (out of memory, kill -9) is started again. */
import { lookUpLiving } from '../../lib/processes.ts'
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts'

export interface KeptPostgres {
  connection: EmbeddedPostgres['connection']
  stop(): Promise<void>
}

const lookMs = 500
/** Not sooner again after a start that failed: a full disk does not get emptier by trying. */
const failedPauseMs = 5_000

export async function keepEmbeddedPostgres(options: EmbeddedOptions): Promise<KeptPostgres> {
  const { clock, log } = options
  const stopping = new AbortController()
  let server = await startEmbeddedPostgres(options)

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMs, stopping.signal)
      if (stopping.signal.aborted || lookUpLiving(server.pid) !== null) continue
      try {
        server = await startEmbeddedPostgres(options)
        log.warn({ pid: server.pid }, 'The database had ended and was started again')
      } catch (error) {
        log.error({ err: error }, 'The database has ended and cannot be started; it is tried again')
        await clock.sleep(failedPauseMs, stopping.signal)
      }
    }
  }

  const watching = watch()
  return {
    connection: server.connection,
    async stop() {
      stopping.abort()
      await watching
      await server.stop()
    },
  }
}
