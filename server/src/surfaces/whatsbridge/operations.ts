/** Every operation of this surface, and the chapters its document puts them in. */
import type { Api } from '../openapi.ts'
import type { Route } from '../route.ts'
import { agentRoutes } from './agents/routes.ts'
import { envelope, errors } from './errors.ts'
import { messageRoutes } from './messages.ts'
import { sessionRoutes } from './sessions.ts'
import { webhookRoutes } from './webhooks.ts'

export function whatsbridgeApi(server: { version: string; url: string }): Api {
  return {
    title: 'Switchboard for WhatsBridge clients',
    description: `WhatsApp for programs that speak the API of WhatsBridge. The same numbers, messages and webhooks are behind \`/v1\`: what is made here shows there, and the other way round.\n\nErrors have \`error\`, a \`message\` that says what to do, a \`code\` for programs, and for input \`details\` with the messages of each field at fault. Bodies are JSON or forms; in forms \`content[latitude]\` stands for a field within a field. Fields that are not described here may appear at any time; ignore them.\n\nEach token may make 1,000 calls per hour, or sixty times what its customer may make per minute if the operator has set that; the headers \`X-RateLimit-*\` tell how many are left. Calls of \`/v1\` are counted apart.`,
    version: server.version,
    server: server.url,
    errors,
    envelope,
    bodyTypes: ['application/json', 'application/x-www-form-urlencoded'],
    window: 'hour',
    tags: [
      { name: 'Sessions', description: 'Places for phones: made, linked, logged out and deleted.' },
      { name: 'Messages', description: 'Write to people, show that you type, and tell them what you have seen.' },
      { name: 'Webhooks', description: 'What people write and how sessions are, sent to your own server.' },
      { name: 'AI agents', description: 'Language models of your choice that answer in the chats of a session.' },
    ],
    routes: whatsbridgeRoutes,
  }
}

export const whatsbridgeRoutes: readonly Route[] = [
  ...sessionRoutes,
  ...messageRoutes,
  ...webhookRoutes,
  ...agentRoutes,
]
