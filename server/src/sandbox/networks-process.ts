/** The loopback networks as a process beside the gateway: it is told nothing but where to listen, and ends when the gateway does. */
import { fork } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../lib/clock.ts'

export interface NetworksProcess {
  /** Of its control API. */
  url: string
  /** Resolves when it has ended, however that came. */
  gone: Promise<void>
  stop(): Promise<void>
}

export interface NetworksPlace {
  /** The program. */
  main: string
  /** For what WhatsApp keeps between two runs. */
  dir: string
  /** Where WhatsApp listened before, so that a line finds it again; 0 takes a free one. */
  whatsappPort: number
  /** Where Node keeps what it has compiled; null: nowhere. */
  compileCache: string | null
}

const readyWithinMs = 30_000
const stopWithinMs = 3_000

/** Rejects with the reason in one line when it cannot be started. */
export async function startNetworks(
  place: NetworksPlace,
  { clock, end }: { clock: Clock; end: AbortSignal },
): Promise<NetworksProcess> {
  const { main, dir, whatsappPort, compileCache } = place
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const flags = ['--port', '--smpp-port', '--twilio-port', '--android-port', '--imessage-port']
  const anywhere = flags.flatMap((flag) => [flag, '0'])
  const whatsapp = ['--whatsapp-port', String(whatsappPort), '--whatsapp-state', join(dir, 'whatsapp.json')]
  const child = fork(main, [...anywhere, ...whatsapp], {
    // Nothing of the gateway's secrets or its flags; and no signal that a terminal sends to all.
    ...{ env: compileCache === null ? {} : { NODE_COMPILE_CACHE: compileCache }, execArgv: [], detached: true },
    ...{ cwd: dirname(main), stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  })
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 1_000)
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.on('error', (error) => {
      complaint ||= error.message
      if (child.pid === undefined) resolve()
    })
  })
  const over = new AbortController()
  const told = new Promise<string>((resolve) => {
    child.once('message', (message) => resolve((message as { url: string }).url))
  })
  const late = clock.sleep(readyWithinMs, AbortSignal.any([over.signal, end])).then(() => null)
  const url = await Promise.race([told, late, gone.then(() => null)])
  over.abort()
  const stop = async () => {
    const waited = new AbortController()
    // What it has to save it saves now; it ends by itself when nobody holds on to it.
    if (child.connected) child.disconnect()
    void clock.sleep(stopWithinMs, waited.signal).then(() => waited.signal.aborted || child.kill('SIGKILL'))
    await gone
    waited.abort()
  }
  if (url !== null) return { url, gone, stop }
  await stop()
  throw new Error(complaint.split('\n', 1)[0] || 'They were not ready in time.')
}
