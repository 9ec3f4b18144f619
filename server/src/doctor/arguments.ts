/** What the doctor is asked for on its command line. */
import { parseArgs } from 'node:util'
import { parseAddress } from '../model/handle.ts'
import type { Handle } from '../model/ids.ts'

export interface Asked {
  url: string
  /** An address of the Mac itself; null: nothing is sent. */
  sendTo: Handle | null
  /** Where the Mac reaches this machine; null: webhooks are not tried. */
  listenUrl: URL | null
}

export const help = `Looks at a Mac with a BlueBubbles server that a line is to use, and says what to do about what is wrong.

  npm run doctor -- <url> [--send-to <address>] [--listen-url <url>]

  <url>                  Where the server is, as in the line: http://192.168.1.20:1234
  --send-to <address>    Also sends to this address, which must be the Mac's own: a text, a tapback, an edit, an
                         unsend, typing and a voice note. Nothing is sent without it.
  --listen-url <url>     Also has the server call this address, where this machine is reached from the Mac, such as
                         http://192.168.1.5:8099. Needs --send-to, so that there is something to call for.
  --help                 This text.

The password of the server is taken from IMESSAGE_PASSWORD, or asked for. It is never taken from the command line,
where others on this machine could read it.

Each line begins with "ok", "not ok" or "not tried". At the end stands a report that can be shown to others: it has no
address, no text and no password in it. The exit code is 0 when nothing is wrong, else 1.`

export function readArguments(args: readonly string[]): Asked | { help: true } | { problem: string } {
  let read: ReturnType<typeof parsed>
  try {
    read = parsed(args)
  } catch (error) {
    // Thrown for what is not in the list, and worded for whoever typed it.
    if (error instanceof TypeError) return { problem: error.message }
    throw error
  }
  const { values, positionals } = read
  if (values.help) return { help: true }
  const [url, ...more] = positionals
  if (url === undefined) return { problem: 'The URL of the server is missing.' }
  if (more.length > 0) return { problem: 'One URL at a time.' }
  const sendTo = values['send-to'] === undefined ? null : parseAddress(values['send-to'])
  if (sendTo === null && values['send-to'] !== undefined) {
    return { problem: '--send-to must be a number such as +14155550199, or an e-mail address.' }
  }
  const listenUrl = values['listen-url'] === undefined ? null : URL.parse(values['listen-url'])
  if (values['listen-url'] !== undefined && (listenUrl?.protocol !== 'http:' || listenUrl.port === '')) {
    return { problem: '--listen-url must be an http URL with a port, such as http://192.168.1.5:8099.' }
  }
  if (listenUrl !== null && sendTo === null) return { problem: '--listen-url needs --send-to.' }
  return { url, sendTo, listenUrl }
}

function parsed(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { type: 'boolean' }, 'send-to': { type: 'string' }, 'listen-url': { type: 'string' } },
  })
}
