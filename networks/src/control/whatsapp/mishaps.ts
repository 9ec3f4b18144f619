/** What goes wrong on purpose and has to be told what with: codes, files, ways in which downloads go wrong. */
import type { Setting } from '../../control.ts'
import type { Whatsapp } from '../../whatsapp/whatsapp.ts'
import { call, optional } from '../call.ts'
import { code, id, number, oneOf, yesNo } from './fields.ts'

export function aboutMishaps({ faults }: Whatsapp): Setting[] {
  return [
    call('refuse-next', 'The next message is refused with this code.', { code }, (said) => {
      faults.nackNext(said.code)
      return { refused: said }
    }),
    call('end-stream', 'All devices of this number are told that their stream ends.', { number, code }, (said) => {
      faults.endStream(said.number, said.code)
      return { ended: said }
    }),
    call(
      'lose-file',
      'The file of a message is gone from the host; phones upload it anew when a device asks, unless it is lost for good.',
      { id, isForGood: optional(yesNo) },
      (said) => {
        faults.loseFile(said.id, said.isForGood)
        return { lost: said }
      },
    ),
    call(
      'spoil-download',
      'The next download goes wrong: other bytes, cut off, 404, 410, more than there is, or without an end.',
      { how: oneOf('wrong', 'cut', 'missing', 'gone', 'long', 'endless') },
      (said) => {
        faults.spoilNextDownload(said.how)
        return { spoiled: said }
      },
    ),
  ]
}
