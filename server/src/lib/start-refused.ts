/** The error of a start that cannot go on for a reason the operator can mend: its message is one sentence, shown without a stack. */

export class StartRefused extends Error {
  override name = 'StartRefused'
}
