/** A loopback SMSC with another codec, in a process of its own, which says what has arrived and when. */
import { People } from '../../../../networks/src/people.ts'
import { openSmsc } from '../../../../networks/src/sms/smsc.ts'
import { systemClock } from '../../../../networks/src/time.ts'
import { answerAs } from '../child.ts'
import { machineMs } from '../machine-clock.ts'
import { numberIn } from '../traffic.ts'

export interface SmscSettings {
  /** No receipts ever come for what is sent to them. */
  silent: string
}

export interface Arrivals {
  /** Different messages. */
  arrived: number
  /** Those that had arrived before. */
  doubled: number
}

await answerAs<SmscSettings>(async ({ silent }) => {
  const people = new People()
  people.set(silent, { receiptAfterMs: null })
  const arrivedAt = new Map<number, number>()
  let doubled = 0
  people.listen((told) => {
    if (told.what !== 'arrived') return
    const number = numberIn(told.message.text)
    if (arrivedAt.has(number)) doubled += 1
    else arrivedAt.set(number, machineMs())
  })
  const smsc = await openSmsc({ people, clock: systemClock })
  return {
    answers: {
      place: () => ({ port: smsc.port }),
      seen: (): Arrivals => ({ arrived: arrivedAt.size, doubled }),
      arrivals: () => [...arrivedAt],
      forget: () => {
        arrivedAt.clear()
        doubled = 0
      },
    },
    stop: () => smsc.stop(),
  }
})
