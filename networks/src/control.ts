/** The control API: who the people are, what has arrived with them, what they say, and what goes wrong on the networks. */
import { type Door, openDoor, Refused, type Route } from './control/door.ts'
import { afterIn, behaviourIn, faultsIn, numberIn, sayIn } from './control/input.ts'
import { createStream, type Stream } from './control/stream.ts'
import { magicNumbers, magicOf } from './magic.ts'
import type { People } from './people.ts'
import type { Clock } from './time.ts'

export interface Fault {
  meaning: string
  /** It happens to the next answer and is over: it cannot be turned off. */
  once?: boolean
  set(isOn: boolean): unknown
}

/** What the control API needs to know of a network. */
export interface Network {
  meaning: string
  channel: 'sms' | 'whatsapp' | 'imessage'
  /** What a line of the gateway is given to reach it; the password is empty where there is none. */
  line: { url: string; password: string }
  /** Somebody writes to a line. Throws a `Refused` when it cannot get there. */
  say(from: string, to: string, text: string): unknown
  faults: Readonly<Record<string, Fault>>
  /** What else can be set, by its path below the network. */
  settings?: readonly Setting[]
}

export interface Setting {
  /** POST unless it only tells. */
  method?: 'GET'
  /** A segment in braces stands for any one segment. */
  name: string
  meaning: string
  set(body: unknown, named: readonly string[]): unknown
}

export interface ControlOptions {
  people: People
  clock: Clock
  networks: Readonly<Record<string, Network>>
  /** 0 picks a free one. */
  port?: number
}

const toldMax = 1_000
const changedMax = 10_000

export async function openControl({ people, clock, networks, port = 0 }: ControlOptions): Promise<Door> {
  const stream = createStream(people, clock)
  const routes: Route[] = [
    ...aboutPeople(people, networks),
    ...aboutNetworks(networks),
    ...aboutEverything(networks, stream, () => routes),
  ]
  try {
    const door = await openDoor(routes, port)
    const stop = () => {
      stream.stop()
      return door.stop()
    }
    return { ...door, stop }
  } catch (error) {
    stream.stop()
    throw error
  }
}

function aboutPeople(people: People, networks: ControlOptions['networks']): Route[] {
  const changed = new Set<string>()
  const person = (number: string) => ({
    number,
    meaning: magicOf(number)?.meaning ?? null,
    behaviour: people.behaviourOf(number),
  })
  return [
    {
      method: 'GET',
      path: '/people/{number}',
      meaning: 'How somebody behaves. Every number belongs to somebody.',
      answer: ({ named: [number = ''] }) => person(numberIn(number)),
    },
    {
      method: 'PUT',
      path: '/people/{number}',
      meaning: 'Makes somebody behave otherwise; what is not named stays.',
      answer({ named: [segment = ''], body }) {
        const number = numberIn(segment)
        const behaviour = behaviourIn(body)
        if (changed.size >= changedMax && !changed.has(number))
          throw new Refused(409, `At most ${changedMax} people can be changed. Start the networks again.`)
        changed.add(number)
        people.set(number, behaviour)
        return person(number)
      },
    },
    {
      method: 'GET',
      path: '/people/{number}/received',
      meaning: `What has arrived with somebody, the oldest first, ${toldMax} at a time: go on with ?after=<seq of the last>.`,
      answer({ named: [segment = ''], query }) {
        const after = afterIn(query)
        const received = people.arrived(numberIn(segment)).filter(({ seq }) => seq > after)
        return { received: received.slice(0, toldMax), more: received.length > toldMax }
      },
    },
    {
      method: 'POST',
      path: '/people/{number}/say',
      meaning: 'Somebody writes to a line: {"network", "to", "text"}.',
      async answer({ named: [segment = ''], body }) {
        const from = numberIn(segment)
        const { network, to, text } = sayIn(body, Object.keys(networks))
        await networks[network]?.say(from, to, text)
        return { said: { network, from, to, text } }
      },
    },
  ]
}

function aboutNetworks(networks: ControlOptions['networks']): Route[] {
  const each = Object.entries(networks)
  const faults = each.map(([name, network]): Route => {
    const known = Object.entries(network.faults).map(([fault, { meaning }]) => `${fault}: ${meaning}`)
    return {
      method: 'POST',
      path: `/networks/${name}/faults`,
      meaning: `Turns faults on (true) or off (false). ${known.join(' ')}`,
      answer: ({ body }) => turned(network, faultsIn(body, Object.keys(network.faults))),
    }
  })
  const settings = each.flatMap(([name, network]) =>
    (network.settings ?? []).map(
      (setting): Route => ({
        method: setting.method ?? 'POST',
        path: `/networks/${name}/${setting.name}`,
        meaning: setting.meaning,
        answer: ({ body, named }) => setting.set(body, named),
      }),
    ),
  )
  const other: Route = {
    method: 'POST',
    path: '/networks/{name}/faults',
    meaning: 'Another network.',
    answer() {
      throw new Refused(404, `There is no such network, only: ${Object.keys(networks).join(', ')}.`)
    },
  }
  return [...faults, ...settings, other]
}

/** All or none: a name that is wrong changes nothing. */
async function turned({ faults }: Network, wanted: Readonly<Record<string, boolean>>): Promise<object> {
  for (const [name, isOn] of Object.entries(wanted)) {
    if (!isOn && faults[name]?.once === true)
      throw new Refused(400, `\`${name}\` happens once and is over by itself: send true.`)
  }
  for (const [name, isOn] of Object.entries(wanted)) await faults[name]?.set(isOn)
  return { faults: wanted }
}

function aboutEverything(
  networks: ControlOptions['networks'],
  stream: Stream,
  routes: () => readonly Route[],
): Route[] {
  return [
    {
      method: 'GET',
      path: '/magic',
      meaning: 'The numbers that misbehave on purpose: any area code, then 555-01 and these two digits.',
      answer: () => ({ magic: magicNumbers.map((magic) => ({ ...magic, example: `+155555501${magic.ending}` })) }),
    },
    {
      method: 'GET',
      path: '/events',
      meaning: 'What happens, as it happens: server-sent events.',
      answer: ({ response }) => void stream.follow(response),
    },
    {
      method: 'GET',
      path: '/',
      meaning: 'This list.',
      answer: () => ({
        networks: Object.fromEntries(
          Object.entries(networks).map(([name, { meaning, line }]) => [name, { meaning, line }]),
        ),
        calls: routes()
          .filter(({ path }) => path !== '/networks/{name}/faults')
          .map(({ method, path, meaning }) => ({ call: `${method} ${path}`, meaning })),
      }),
    },
  ]
}
