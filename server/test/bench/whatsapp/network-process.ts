/** The loopback WhatsApp in a process of its own: phones that link, people who decrypt and write, and counts of what has arrived. */
import { People } from '../../../../networks/src/people.ts'
import { systemClock } from '../../../../networks/src/time.ts'
import { openWhatsapp } from '../../../../networks/src/whatsapp/whatsapp.ts'
import { answerAs } from '../child.ts'
import { machineMs } from '../machine-clock.ts'
import { numberIn } from '../traffic.ts'

export interface Said {
  from: string
  to: string
  text: string
}

await answerAs(async () => {
  const people = new People()
  let arrived = 0
  let arrivedAt = new Map<number, number>()
  people.listen((told) => {
    if (told.what !== 'arrived') return
    arrived += 1
    const number = numberIn(told.message.text)
    if (!Number.isNaN(number) && !arrivedAt.has(number)) arrivedAt.set(number, machineMs())
  })
  const network = await openWhatsapp({ people, clock: systemClock })
  return {
    answers: {
      place: () => ({ lineUrl: network.lineUrl }),
      scan: ({ number, qr }: { number: string; qr: string }) => network.phoneOf(number).scan(qr),
      lids: (numbers: readonly string[]) =>
        numbers.map((number): [string, string] => [number, network.person(number).lid]),
      say: async (all: readonly Said[]) => {
        await Promise.all(all.map(({ from, to, text }) => network.person(from).says(to, text)))
      },
      arrived: () => arrived,
      /** Different messages. */
      seen: () => ({ arrived: arrivedAt.size, doubled: arrived - arrivedAt.size }),
      forget: () => {
        arrived = 0
        arrivedAt = new Map()
      },
    },
    stop: () => network.stop(),
  }
})
