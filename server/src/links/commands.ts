/** One verb on one link, wherever that link is held: run here, or asked of the process that holds it. */
import type { Actions, Connection } from '../channels/connector.ts'
import type { Clock } from '../lib/clock.ts'
import type { Mint } from '../lib/mint.ts'
import type { Channel } from '../model/channel.ts'
import { type FailureKind, type FailureScope, SendFailure } from '../model/delivery.ts'
import { type CallCode, type ErrorCode, GatewayError } from '../model/errors.ts'
import type { Handle, LineId } from '../model/ids.ts'
import type { Command, CommandAnswer, CommandStore } from '../store/commands.ts'

export interface CommandsOptions {
  store: CommandStore
  clock: Clock
  mint: Mint
  held(): readonly { lineId: LineId }[]
  connection(lineId: LineId, channel: Channel): Connection | null
  /** Tells the other processes that somebody asks something. */
  ring(): void
  onError(error: unknown): void
}

export interface LinkName {
  lineId: LineId
  channel: Channel
}

const answerWithinMs = 15_000
const looksMs = [5, 10, 20, 40, 80, 160]

export interface Commands {
  act<Verb extends keyof Actions>(link: LinkName, verb: Verb, ...args: Parameters<Actions[Verb]>): Promise<unknown>
  reach(link: LinkName, handle: Handle): Promise<'yes' | 'no' | 'unknown'>
  /** Tells the link something and waits for nothing: whoever it is lost on finds out by asking its provider. */
  pass(link: LinkName, note: string): Promise<void>
  /** Runs what others have asked of the lines held here. */
  serve(): Promise<void>
}

export function createCommands(options: CommandsOptions): Commands {
  const isHeld = (lineId: LineId) => options.held().some((line) => line.lineId === lineId)
  const run = (link: LinkName, verb: string, args: readonly unknown[]) =>
    isHeld(link.lineId) ? runHere(options, link, { verb, args }) : askElsewhere(options, link, { verb, args })
  return {
    act: (link, verb, ...args) => run(link, verb, args),
    reach: async (link, handle) => {
      const answer = await run(link, 'reach', [handle])
      return answer === 'yes' || answer === 'no' ? answer : 'unknown'
    },
    async pass(link, note) {
      if (isHeld(link.lineId)) return options.connection(link.lineId, link.channel)?.hear?.(note)
      await options.store.ask({ id: options.mint(), ...link, verb: 'hear', args: [note] }, answerWithinMs)
      options.ring()
    },
    async serve() {
      const lines = options.held().map((line) => line.lineId)
      if (lines.length === 0) return
      for (const command of await options.store.take(lines)) void serveOne(options, command).catch(options.onError)
    },
  }
}

interface Call {
  verb: string
  args: readonly unknown[]
}

async function runHere(options: CommandsOptions, link: LinkName, { verb, args }: Call): Promise<unknown> {
  const connection = options.connection(link.lineId, link.channel)
  if (connection === null) throw new GatewayError('CHANNEL_NOT_SUPPORTED', `This number has no ${link.channel} link.`)
  if (verb === 'reach') return connection.reach(args[0] as Handle)
  if (verb === 'hear') return connection.hear?.(args[0] as string)
  const action = connection.actions[verb as keyof Actions] as
    | ((...given: readonly unknown[]) => Promise<unknown>)
    | undefined
  if (action === undefined) throw new GatewayError('CHANNEL_NOT_SUPPORTED', `${link.channel} cannot do that.`)
  return action(...args)
}

async function askElsewhere(options: CommandsOptions, link: LinkName, { verb, args }: Call): Promise<unknown> {
  const { store, clock } = options
  const id = options.mint()
  await store.ask({ id, ...link, verb, args }, answerWithinMs)
  options.ring()
  const giveUpAt = clock.monotonic() + answerWithinMs
  for (let looks = 0; clock.monotonic() < giveUpAt; looks++) {
    await clock.sleep(looksMs[Math.min(looks, looksMs.length - 1)] ?? 160)
    const answer = await store.read(id)
    if (answer !== null) return unpack(answer)
  }
  throw new GatewayError(
    'PROVIDER_TIMEOUT',
    'The process that holds this number did not answer in time. It may have done it all the same.',
  )
}

async function serveOne(options: CommandsOptions, command: Command): Promise<void> {
  const answer = await runHere(options, command, command).then(
    (value): CommandAnswer => ({ ok: true, value: value ?? null }),
    (error: unknown) => pack(error),
  )
  await options.store.answer(command.id, answer)
}

function pack(error: unknown): CommandAnswer {
  if (error instanceof SendFailure)
    return { ok: false, error: 'send', kind: error.kind, code: error.code, scope: error.scope, message: error.message }
  if (error instanceof GatewayError)
    return { ok: false, error: 'gateway', kind: '', code: error.code, scope: '', message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  return { ok: false, error: 'send', kind: 'uncertain', code: 'INTERNAL_ERROR', scope: 'message', message }
}

function unpack(answer: CommandAnswer): unknown {
  if (answer.ok) return answer.value
  if (answer.error === 'gateway') throw new GatewayError(answer.code as CallCode, answer.message)
  const code = answer.code as ErrorCode
  throw new SendFailure(answer.kind as FailureKind, code, answer.message, { scope: answer.scope as FailureScope })
}
