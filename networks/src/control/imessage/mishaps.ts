/** What goes wrong on purpose and has to be told what with: codes, delays, shares. */
import type { Setting } from '../../control.ts'
import type { ImessageNetwork } from '../../imessage/imessage.ts'
import { call, optional } from '../call.ts'
import { code, count, guid, ms, msOrNull, people, percent, person, text, yesNo } from './fields.ts'

export function aboutMishaps(network: ImessageNetwork): Setting[] {
  return [...aboutSends(network), ...aboutTelling(network), ...aboutVersion(network)]
}

function aboutSends({ faults }: ImessageNetwork): Setting[] {
  return [
    call(
      'fail-next',
      'The next send has this error: at once, or so many ms later, without a word.',
      { code, afterMs: optional(ms) },
      (said) => {
        const { code: error, afterMs } = said
        faults.nextSends(
          afterMs === undefined ? { kind: 'errorAtOnce', code: error } : { kind: 'errorLater', code: error, afterMs },
        )
        return { failing: said }
      },
    ),
    call(
      'time-out-next',
      'The helper does not answer the next send; its row comes after so many ms, or never with null.',
      { rowAfterMs: msOrNull },
      (said) => {
        faults.nextSends({ kind: 'timesOut', ...said })
        return { timingOut: said }
      },
    ),
    call('deny-next', 'So many next answers deny that somebody is on iMessage.', { count }, (said) => {
      faults.denyNext(said.count)
      return { denied: said }
    }),
  ]
}

function aboutTelling({ faults }: ImessageNetwork): Setting[] {
  return [
    call(
      'late-files',
      'Files are there so many ms after their message; null: with it.',
      { afterMs: msOrNull, isTold: optional(yesNo) },
      (said) => {
        const { afterMs, isTold } = said
        faults.lateFiles(afterMs === null ? null : { afterMs, isTold })
        return { late: said }
      },
    ),
    call('lose-webhooks', 'So many in a hundred webhooks are lost.', { percent, seed: optional(count) }, (said) => {
      faults.loseWebhooks(said.percent === 0 ? null : { share: said.percent / 100, seed: said.seed })
      return { lost: said }
    }),
    call('remove-aliases', 'Apple takes these addresses from the account.', { aliases: people }, (said) => {
      faults.removeAliases(said.aliases)
      return { removed: said }
    }),
    call(
      'restart',
      'The server starts again, and tells so many old messages as new ones.',
      { resends: count },
      (said) => {
        faults.restart(said.resends)
        return { restarted: said }
      },
    ),
    call(
      'backfill',
      'A message from so many ms ago gets into the store, and nobody is told.',
      { person, text, agoMs: ms },
      (said) => ({
        guids: faults.backfill([{ from: said.person, text: said.text, agoMs: said.agoMs }]),
      }),
    ),
    call(
      'purge-file',
      'A file is no longer on the Mac’s disk; its guid is that of the attachment.',
      { guid },
      (said) => {
        faults.purgeFile(said.guid)
        return { purged: said }
      },
    ),
  ]
}

function aboutVersion({ quirks }: ImessageNetwork): Setting[] {
  return [
    call(
      'quirks',
      'What version 1.9.9 gets wrong all the time, each on or off; what is not named stays.',
      {
        duplicates: optional(yesNo),
        stopTypingStarts: optional(yesNo),
        renamedLosesParticipants: optional(yesNo),
        losesFailedRow: optional(yesNo),
        anyGuids: optional(yesNo),
        mixesGuids: optional(yesNo),
        ignoresEdits: optional(yesNo),
        ignoresUnsends: optional(yesNo),
        ignoresGroupChanges: optional(yesNo),
      },
      (said) => ({ quirks: Object.assign(quirks, said) }),
    ),
  ]
}
