/** The sandbox: on a first run a customer, a key and a line on the in-memory network, so that the first curl works. */
import type { ApiKey, Gateway, KeySurface } from '../gateway.ts'
import type { DataDir, SandboxInfo } from '../lib/data-dir.ts'
import { GatewayError } from '../model/errors.ts'
import type { Handle } from '../model/ids.ts'

const email = 'sandbox@localhost.localdomain'
const sandboxLine = '+15550100100' as Handle

export async function openSandbox(parts: { gateway: Gateway; dataDir: DataDir; url: string }): Promise<SandboxInfo> {
  const { gateway, dataDir, url } = parts
  const known = await dataDir.readSandbox()
  const kept = async (key: string | null | undefined) =>
    typeof key === 'string' && (await works(gateway, key)) ? key : null
  const apiKey = (await kept(known?.apiKey)) ?? (await furnish(gateway))
  const token = (await kept(known?.whatsbridgeToken)) ?? (await makeKey(gateway, 'whatsbridge')).key
  const info: SandboxInfo = {
    url,
    apiKey,
    adminKey: dataDir.keys.adminKey,
    line: sandboxLine,
    webhookSecret: null,
    networks: null,
    whatsbridgeToken: token,
  }
  await dataDir.writeSandbox(info)
  return info
}

async function works(gateway: Gateway, apiKey: string): Promise<boolean> {
  try {
    await gateway.callers.authenticate(apiKey)
    return true
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'UNAUTHORIZED') return false
    throw error
  }
}

/** Finds what an earlier run has made, so that a lost sandbox.json costs a new key and nothing else. */
async function furnish(gateway: Gateway): Promise<string> {
  const { admin } = gateway
  const customer = await unlessTaken(() =>
    admin.createCustomer({ email, name: 'Sandbox', company: null, requestsPerMinute: null }),
  )
  const key = await makeKey(gateway, 'textbubbles')
  const owner = customer?.id ?? key.customerId
  await unlessTaken(() => admin.addNumber(owner, { address: sandboxLine, provider: 'sandbox', line: null }))
  return key.key
}

function makeKey({ admin }: Gateway, surface: KeySurface): Promise<ApiKey & { key: string }> {
  const scopes = ['send', 'read', 'manage'] as const
  return admin.createKey({ name: 'sandbox', customer: { email }, scopes, expiresAt: null, surface })
}

async function unlessTaken<Result>(make: () => Promise<Result>): Promise<Result | null> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'CONFLICT') return null
    throw error
  }
}
