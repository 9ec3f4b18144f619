/** Stories of agents: a gateway with one agent on its line, a model that says what it is told to, and people who write. */
import type { Agent, AgentChange, AgentTurn, NewAgent } from '../../src/model/agents/agent.ts'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestCustomer, type TestGateway, type TestGatewayOptions, until } from './gateway.ts'
import { type ModelStub, openModelStub } from './model-stub.ts'
import { type Story, tell } from './story.ts'

export interface AgentScene {
  gateway: TestGateway
  model: ModelStub
  readonly agent: Agent
  /** Another agent in its place, which has answered nobody yet; what the model was asked is forgotten. */
  renew(): Promise<void>
  story(): Promise<Story>
  /** Somebody whom nobody has met. */
  somebody(): Handle
  /** Writes by WhatsApp; resolves when it has come in. */
  says(person: Handle, text: string): Promise<void>
  /** Lets time pass until all that waits for an agent has come to an end. */
  thought(stepMs?: number): Promise<void>
  /** What the person has got, oldest first. */
  got(person: Handle): string[]
  change(change: AgentChange): Promise<void>
  /** Newest first. */
  log(): Promise<readonly AgentTurn[]>
  close(): Promise<void>
}

export const agentKey = 'sk-test-0123456789abcdef-WXYZ'

export function newAgent(model: ModelStub, more: Partial<NewAgent> = {}): NewAgent {
  const prompt = 'You answer for a bakery. Opening hours are 8 to 18.'
  return {
    ...{ name: 'Bakery', systemPrompt: prompt, baseUrl: model.url, model: 'test-model', apiKey: agentKey },
    ...{ manner: {}, ...more },
  }
}

export async function openAgents(options: TestGatewayOptions = {}, more: Partial<NewAgent> = {}): Promise<AgentScene> {
  const gateway = await startTestGateway(options)
  const model = await openModelStub()
  const { agents } = gateway.gateway
  let agent = await posted(gateway, gateway.customer, newAgent(model, more))
  const by = await gateway.gateway.callers.authenticate(gateway.apiKey)
  const line = gateway.customer.line.address
  let people = 0
  return {
    gateway,
    model,
    get agent() {
      return agent
    },
    async renew() {
      await agents.remove(by, agent.id)
      agent = await posted(gateway, gateway.customer, newAgent(model, more))
      model.asked.length = 0
    },
    story: () => tell(gateway),
    somebody() {
      people += 1
      return `+1415557${String(1_000 + people)}` as Handle
    },
    async says(person, text) {
      const before = await stored(gateway, person)
      gateway.network.as(person).says(line, 'whatsapp', text)
      await until(async () => (await stored(gateway, person)) > before, 'the text to come in')
    },
    thought: (stepMs = 1_000) => thought(gateway, stepMs),
    got: (person) =>
      gateway.network.received().flatMap(({ to, text }) => (to === person && text !== null ? [text] : [])),
    async change(change) {
      await agents.change(by, agent.id, change)
    },
    async log() {
      return (await agents.log(by, agent.id, { limit: 100, after: null })).rows
    },
    async close() {
      await gateway.stop()
      await model.close()
    },
  }
}

/** Made for the customer, and the one that answers on their line. */
export async function posted({ gateway }: TestGateway, customer: TestCustomer, input: NewAgent): Promise<Agent> {
  const by = await gateway.callers.authenticate(customer.apiKey)
  const { id } = await gateway.agents.create(by, input)
  return gateway.agents.attach(by, id, customer.line.id, { isActive: true, isDefault: true })
}

async function stored({ database }: TestGateway, from: Handle): Promise<number> {
  const text = `select count(*)::int as count from messages where direction = 'inbound' and from_address = $1`
  const [row] = await database.db.query<{ count: number }>({ name: '', text }, [from])
  return row?.count ?? 0
}

/** A step at a time: a text is answered once its chat has been quiet for a while, and a failure later. */
async function thought(gateway: TestGateway, stepMs: number): Promise<void> {
  const { db } = gateway.database
  const text = 'select from agent_turns where ended_at is null limit 1'
  const busy = 'select from agent_chats where lease_until > gateway_now() limit 1'
  await until(async () => {
    if ((await db.query({ name: '', text })).length === 0) return true
    if ((await db.query({ name: '', text: busy })).length === 0) await gateway.pass(stepMs)
    return false
  }, 'the agents to have thought')
  await gateway.settled()
}
