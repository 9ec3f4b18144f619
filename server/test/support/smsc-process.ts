/** A loopback SMSC in a process of its own, which a test may stop or kill: `node smsc-process.ts <port>`. */
import { People } from '../../../networks/src/people.ts'
import { openSmsc } from '../../../networks/src/sms/smsc.ts'
import { systemClock } from '../../../networks/src/time.ts'

export type SmscNews = { what: 'listening'; port: number } | { what: 'arrived'; id: string; text: string | null }

const people = new People()
const tell = (news: SmscNews) => process.send?.(news)

people.listen((told) => {
  if (told.what === 'arrived') tell({ what: 'arrived', id: told.message.id, text: told.message.text })
})
const smsc = await openSmsc({ people, clock: systemClock, port: Number(process.argv[2]) })
tell({ what: 'listening', port: smsc.port })
