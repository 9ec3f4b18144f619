/** The agents as one thing: what callers may ask of them, and what answers in the background. */
import { type Agents, type AgentsOptions, createAgents } from './agents.ts'
import { createModelCall, type ModelCallOptions } from './model-call.ts'
import { type AgentWorker, createWorker, type WorkerOptions } from './worker.ts'

export interface AgentRoomOptions
  extends Omit<AgentsOptions, 'egress'>,
    Omit<WorkerOptions, 'ask' | 'store' | 'turns'> {
  egress: AgentsOptions['egress'] & ModelCallOptions['egress']
  userAgent: string
}

export interface AgentRoom extends AgentWorker {
  face: Agents
}

export function createAgentRoom(options: AgentRoomOptions): AgentRoom {
  const { agents, agentTurns } = options
  const worker = createWorker({ ...options, store: agents, turns: agentTurns, ask: createModelCall(options) })
  return { ...worker, face: createAgents(options) }
}
