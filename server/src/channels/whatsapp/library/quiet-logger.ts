/** The library's log, without what it logs: its objects hold keys, texts and numbers, whole stanzas of them. */
import type { SocketConfig } from 'baileys'
import type { LinkLog } from '../../connector.ts'

type Logger = SocketConfig['logger']

/** The server ends every stream in this way, also right after linking; what follows from it our own log says. */
const usual = /^stream errored out/

/** Only the words of what went wrong, and the error's own message. What it warns of it has dealt with. */
export function quietLogger(log: LinkLog): Logger {
  const silent = () => {}
  const tell = (level: 'info' | 'warn') => (facts: unknown, words?: string) => {
    const said = wordsOf(facts, words)
    log[usual.test(said) ? 'info' : level]({ outcome: reasonIn(facts) }, `the WhatsApp library: ${said}`)
  }
  const logger: Logger = {
    // Asked before whole stanzas are put into words.
    level: 'warn',
    child: () => logger,
    trace: silent,
    debug: silent,
    info: silent,
    warn: tell('info'),
    error: tell('warn'),
  }
  return logger
}

function wordsOf(facts: unknown, words: string | undefined): string {
  return withoutNumbers(words ?? (typeof facts === 'string' ? facts : 'something went wrong'))
}

/** People's numbers stand in its ids. */
function withoutNumbers(text: string): string {
  return text.slice(0, 200).replace(/\d{5,}/g, '…')
}

function reasonIn(facts: unknown): string | null {
  if (typeof facts !== 'object' || facts === null) return null
  const error = 'err' in facts ? facts.err : 'error' in facts ? facts.error : null
  return error instanceof Error ? withoutNumbers(error.message) : null
}
