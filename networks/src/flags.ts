/** What may be said on the command line, and the help that says so. */
import { parseArgs } from 'node:util'

export interface Ports {
  control: number
  smpp: number
  twilio: number
  android: number
  whatsapp: number
  bluebubbles: number
}

interface Wanted {
  ports: Ports
  /** A file in which what WhatsApp knows is kept. */
  whatsappState?: string
}

export type Flags = Wanted | { help: string } | { problem: string }

const flags = {
  port: { port: 'control', default: '7091', meaning: 'the control API: people, what they got, faults' },
  'smpp-port': { port: 'smpp', default: '2775', meaning: 'SMS over SMPP 3.4' },
  'twilio-port': { port: 'twilio', default: '7092', meaning: 'SMS and MMS over an API shaped like Twilio’s' },
  'android-port': { port: 'android', default: '7093', meaning: 'SMS over an API shaped like SMS Gateway for Android' },
  'whatsapp-port': { port: 'whatsapp', default: '7094', meaning: 'WhatsApp, as its linked devices speak it' },
  'imessage-port': { port: 'bluebubbles', default: '7095', meaning: 'iMessage over an API shaped like BlueBubbles' },
} as const satisfies Record<string, { port: keyof Ports; default: string; meaning: string }>

const state = {
  name: 'whatsapp-state',
  meaning: 'where accounts, sessions and groups of WhatsApp outlive the networks (default: nowhere)',
}
const help = { type: 'boolean', short: 'h' } as const
const helpText = [
  'Networks that run on this machine: real protocols, pretended people. Nothing leaves 127.0.0.1.',
  '',
  'npm run networks -- [flags]',
  '',
  ...Object.entries(flags).map(
    ([name, { default: value, meaning }]) => `  --${`${name} <port>`.padEnd(22)}${meaning} (default ${value})`,
  ),
  `  ${`--${state.name} <file>`.padEnd(24)}${state.meaning}`,
  `  ${'--help'.padEnd(24)}this text`,
  '',
  'Port 0 takes any that is free. Each network says where it listens and what a line of the gateway needs to reach it.',
].join('\n')

export function readFlags(args: readonly string[]): Flags {
  const text = { type: 'string' } as const
  const options = { ...Object.fromEntries([...Object.keys(flags), state.name].map((name) => [name, text])), help }
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
    return 'help' in values ? { help: helpText } : wantedIn(values)
  } catch (error) {
    const [what] = error instanceof Error ? error.message.split(/\.?(?:\n|$)/) : []
    return { problem: `${what ?? 'That cannot be read'}. --help lists what there is.` }
  }
}

function wantedIn(values: Readonly<Record<string, unknown>>): Flags {
  const ports: Ports = { control: 0, smpp: 0, twilio: 0, android: 0, whatsapp: 0, bluebubbles: 0 }
  for (const [name, { port, default: usual }] of Object.entries(flags)) {
    const value = String(values[name] ?? usual)
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535)
      return { problem: `--${name} must be a port: a number from 0 (any that is free) to 65535.` }
    ports[port] = Number(value)
  }
  const whatsappState = values[state.name]
  if (whatsappState === '') return { problem: `--${state.name} must be a file.` }
  return typeof whatsappState === 'string' ? { ports, whatsappState } : { ports }
}
