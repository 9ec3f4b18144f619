/** Calls about the Mac and the server on it: what it is, its account, its webhooks, to start again. */
import type { Answered } from '../../sms/door.ts'
import { badRequest, serverError, success, unhandled } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import { check, list, required, text } from '../http/rules.ts'
import type { World } from '../world.ts'

const webhookRules = { url: [required, text], events: [required, list] }
const restartsAfterMs = 1_000

export const aboutMac: readonly Route[] = [
  { method: 'GET', path: 'ping', answer: () => success({ message: 'Ping received!', data: 'pong' }) },
  { method: 'GET', path: 'server/info', answer: info },
  { method: 'GET', path: 'server/restart/soft', answer: restart },
  { method: 'GET', path: 'server/restart/hard', answer: restart },
  { method: 'GET', path: 'icloud/account', isGated: true, answer: account },
  { method: 'POST', path: 'icloud/account/alias', isGated: true, answer: chooseAlias },
  { method: 'POST', path: 'mac/imessage/restart', answer: restartMessages },
  { method: 'GET', path: 'webhook', answer: webhooks },
  { method: 'POST', path: 'webhook', answer: register },
  { method: 'DELETE', path: 'webhook/:id', answer: remove },
]

function info({ mac }: World): Answered {
  const data = {
    ...{ computer_id: 'loopback-mac', os_version: mac.macos, server_version: '1.9.9', private_api: mac.privateApi },
    ...{ helper_connected: mac.helperConnected, proxy_service: 'lan-url', detected_icloud: mac.icloudAccount },
    ...{ detected_imessage: mac.account, macos_time_sync: 0.01, local_ipv4s: ['127.0.0.1'], local_ipv6s: ['::1'] },
  }
  return success({ data })
}

async function account({ mac, privateApi }: World): Promise<Answered> {
  await privateApi.turn()
  const data = {
    ...{ apple_id: mac.account, account_name: mac.account && `E:${mac.account}` },
    ...{ sms_forwarding_enabled: mac.smsForwarding, sms_forwarding_capable: mac.smsForwarding },
    vetted_aliases: mac.aliases.map((Alias) => ({ Alias, Status: mac.isRegistered ? 3 : 0 })),
    ...{ aliases: mac.aliases, login_status_message: mac.isRegistered ? 'Connected' : 'Disconnected' },
    active_alias: mac.aliases[0] ?? null,
  }
  return success({ message: 'Successfully fetched account info!', data })
}

async function chooseAlias({ mac, privateApi }: World, { body }: Ask): Promise<Answered> {
  await privateApi.turn()
  const alias = String(body.alias)
  if (!mac.aliases.includes(alias)) {
    const inner = `Alias, "${alias}" is not assigned/enabled for your iCloud account!`
    throw serverError('Failed to change iMessage Alias', inner)
  }
  mac.aliases = [alias, ...mac.aliases.filter((one) => one !== alias)]
  return success({ message: 'Successfully changed iMessage Alias!' })
}

function restart(world: World): Answered {
  world.later(restartsAfterMs, () => world.restart())
  return success({ message: 'Successfully kicked off services restart!' })
}

function restartMessages({ watcher }: World): Answered {
  watcher.rouse()
  return success({ message: 'Successfully restart the Messages App!' })
}

function webhooks({ webhooks: { registered } }: World, { query: asked }: Ask): Answered {
  // The rule for `id` does not exist there, and what is looked for by its URL must be found.
  if (asked.id !== undefined && asked.id !== '')
    throw unhandled("Cannot read properties of undefined (reading 'apply')")
  const found =
    typeof asked.url === 'string' && asked.url !== '' ? registered.filter(({ url }) => url === asked.url) : registered
  if (found !== registered && found.length === 0) throw unhandled("Cannot read properties of null (reading 'events')")
  return success({ message: 'Successfully fetched webhooks!', data: found })
}

function register({ webhooks: hooks, clock }: World, { body }: Ask): Answered {
  check(body, webhookRules)
  const url = String(body.url)
  if (!url.startsWith('http')) throw badRequest('Webhook URL must include an HTTP scheme!')
  const data = hooks.register(url, Array.isArray(body.events) ? body.events : [], clock.now())
  return success({ message: 'Successfully created webhook!', data })
}

/** One that is not there is deleted just as well. */
function remove({ webhooks: hooks }: World, { params: [id = ''] }: Ask): Answered {
  hooks.remove(Number.parseInt(id, 10))
  return success({ message: 'Successfully deleted webhook!' })
}
