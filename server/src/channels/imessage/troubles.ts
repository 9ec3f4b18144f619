/** What a server on a Mac may answer that whoever asked has to tell from the rest. */
import { SendFailure } from '../../model/delivery.ts'

/** The server answered a question with something else than an answer. */
export class ServerTrouble extends Error {
  override readonly name = 'ServerTrouble'
  /** Of HTTP; 401: it does not accept the password. */
  readonly status: number

  constructor(status: number) {
    super(`The server on the Mac answered ${status}.`)
    this.status = status
  }
}

/** Messages has no chat of this name: it may have another by now, or has to be started. Nothing was sent. */
export class ChatGone extends SendFailure {
  constructor() {
    super('refused', 'CONVERSATION_NOT_FOUND', 'Messages on the Mac has no such chat.')
  }
}
