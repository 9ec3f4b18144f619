/** What a line would do, done with the Mac's own address: whatever the server says, only what can be seen after counts. */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Backend, Bubble, Standing } from '../channels/imessage/backend.ts'
import { createApi } from '../channels/imessage/bluebubbles/api.ts'
import { unlisten } from '../channels/imessage/bluebubbles/webhooks.ts'
import { chatWith, namesOnServer } from '../channels/imessage/names.ts'
import type { Place } from '../channels/imessage/settings.ts'
import type { Clock } from '../lib/clock.ts'
import type { SafeFetch } from '../lib/egress/safe-fetch.ts'
import type { Handle } from '../model/ids.ts'
import type { OutgoingFile } from '../model/media/file.ts'
import { Ailment, type Findings, NotTried } from './findings.ts'
import { type Hook, openHook } from './hook.ts'
import { silentMemo } from './memo.ts'

export interface Trying {
  backend: Backend
  findings: Findings
  clock: Clock
  standing: Standing
  sendTo: Handle | null
  listenUrl: URL | null
  place: Place
  http: SafeFetch
  signal: AbortSignal
}

const names = ['webhook', 'text', 'delivery', 'tapback', 'edit', 'unsend', 'typing', 'voice note']
const arrivesWithinMs = 30_000
const looksEveryMs = 500

export async function tryOut(trying: Trying): Promise<void> {
  const { findings, sendTo, standing } = trying
  const reason = sendTo === null ? 'Say --send-to with an address of the Mac to try it.' : strangerIn(standing, sendTo)
  if (sendTo === null || reason !== null) {
    for (const name of names) await findings.attempt(name, () => Promise.reject(new NotTried(reason ?? '')), '')
    return
  }
  const hook = await begin(trying)
  try {
    const first = await trySending(trying, sendTo, hook)
    await tryPrivately(trying, first)
  } finally {
    await end(trying, hook)
  }
}

function strangerIn({ aliases }: Standing, sendTo: Handle): string | null {
  return aliases === null || aliases.includes(sendTo)
    ? null
    : 'Nothing is sent to an address that is not the Mac’s own.'
}

/** Null: the server does not call us; why, was told. */
function begin({ backend, findings, clock, listenUrl, signal }: Trying): Promise<Hook | null> {
  const listening = async () => {
    if (listenUrl === null) throw new NotTried('Say --listen-url with an address of this machine to try it.')
    const hook = await openHook(listenUrl, clock)
    try {
      await backend.listen(hook.url, signal)
      return hook
    } catch (error) {
      await hook.close()
      throw error
    }
  }
  return findings.attempt('webhook', listening, 'The server has taken it; whether it calls is seen below.')
}

async function end({ clock, place, http }: Trying, hook: Hook | null): Promise<void> {
  if (hook === null) return
  await hook.close()
  // Also after the examination was broken off: nothing of it should stay on the Mac.
  await unlisten(createApi({ clock, http }, place), hook.url, new AbortController().signal)
}

/** Null: nothing was sent. */
async function trySending(trying: Trying, to: Handle, hook: Hook | null): Promise<Bubble | null> {
  const { backend, findings, standing, signal } = trying
  const privately = standing.privateApi === 'connected'
  const sent = await findings.attempt('text', () => sendText(backend, { to, privately }, signal), 'It was sent.')
  const seen = (isSo: (bubble: Bubble) => Promise<boolean>) => async () => {
    if (sent === null) throw new NotTried('Nothing was sent.')
    await arrived(trying, () => isSo(sent))
  }
  const isDelivered = async ({ guid }: Bubble) => (await backend.row(guid, signal))?.isDelivered === true
  await findings.attempt('delivery', seen(isDelivered), 'It was delivered.')
  if (hook !== null) {
    await findings.attempt(
      'webhook call',
      seen(async () => hook.isCalled),
      'The server calls this machine.',
    )
  }
  return sent
}

async function sendText(
  backend: Backend,
  { to, privately }: { to: Handle; privately: boolean },
  signal: AbortSignal,
): Promise<Bubble> {
  const [tempId, text] = [`doctor-${randomUUID()}`, 'A test from the doctor of Switchboard. Nothing has to be done.']
  for (const name of namesOnServer(chatWith(to))) {
    if ((await backend.chat(name, signal)) === null) continue
    const draft = { chat: name, tempId, privately, replyTo: null, effect: null, text }
    const { guid } = await backend.sendText(draft, signal)
    return { chat: name, guid }
  }
  const { chat, row } = await backend.startChat({ people: [to], tempId, privately, text, effect: null }, signal)
  if (row === null) throw new Ailment('The chat was begun, but the server did not say by which message.')
  return { chat: chat.chat, guid: row.guid }
}

async function tryPrivately(trying: Trying, first: Bubble | null): Promise<void> {
  const { backend, findings, standing, signal } = trying
  const steps: readonly (readonly [string, (bubble: Bubble) => Promise<unknown>, string])[] = [
    ['tapback', (bubble) => backend.react(bubble, 'like', false, signal), 'The text was liked.'],
    ['edit', (bubble) => edit(backend, bubble, signal), 'The text was edited.'],
    ['unsend', (bubble) => backend.unsend(bubble, signal), 'The text was taken back.'],
    ['typing', ({ chat }) => backend.typing(chat, true, signal), 'The server has taken it.'],
    [
      'voice note',
      (bubble) => sendMemo(trying, bubble),
      'It was delivered. Listen to it: it is two seconds of silence.',
    ],
  ]
  for (const [name, work, words] of steps) {
    const tried = async () => {
      if (standing.privateApi !== 'connected') throw new NotTried('It needs the private API.')
      if (first === null) throw new NotTried('Nothing was sent.')
      await work(first)
    }
    await findings.attempt(name, tried, words)
  }
}

function edit(backend: Backend, bubble: Bubble, signal: AbortSignal): Promise<void> {
  const text = 'A test from the doctor of Switchboard, edited.'
  return backend.edit(bubble, { text, fallback: `Edited to “${text}”` }, signal)
}

async function sendMemo(trying: Trying, { chat }: Bubble): Promise<void> {
  const { backend, signal } = trying
  const bytes = silentMemo(2_000)
  const file: OutgoingFile = {
    ...{ id: 'memo', kind: 'audio', mimeType: 'audio/x-caf', filename: 'memo.caf', bytes: bytes.length },
    ...{ voiceNote: true, durationMs: 2_000, width: null, height: null, waveform: null, thumbnail: null },
    open: async () => Readable.from([bytes]),
    linkFor: () => '',
  }
  const draft = { chat, tempId: `doctor-${randomUUID()}`, privately: true, replyTo: null, effect: null }
  const { guid } = await backend.sendFile({ ...draft, file, name: 'memo.caf' }, signal)
  await arrived(trying, async () => (await backend.row(guid, signal))?.isDelivered === true)
}

async function arrived({ clock, signal }: Trying, isSo: () => Promise<boolean>): Promise<void> {
  const until = clock.monotonic() + arrivesWithinMs
  while (!(await isSo())) {
    if (signal.aborted) throw new Ailment('It was broken off.')
    if (clock.monotonic() > until) {
      throw new Ailment(`Nothing came of it within ${arrivesWithinMs / 1_000} s. Look at Messages on the Mac.`)
    }
    await clock.sleep(looksEveryMs, signal)
  }
}
