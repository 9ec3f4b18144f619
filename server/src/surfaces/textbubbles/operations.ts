/** Every operation of this surface, and the chapters its document puts them in. */

import { downloadRoutes } from '../downloads.ts'
import { errors } from '../errors.ts'
import type { Api } from '../openapi.ts'
import type { Route } from '../route.ts'
import { accountRoutes } from './account.ts'
import { instanceRoutes } from './admin/instances.ts'
import { adminRoutes } from './admin/routes.ts'
import { instanceWhatsappRoutes } from './admin/whatsapp.ts'
import { changeRoutes } from './changes.ts'
import { groupRoutes } from './chats/groups.ts'
import { chatRoutes } from './chats/routes.ts'
import { contactRoutes } from './contacts/routes.ts'
import { envelope } from './errors.ts'
import { messageRoutes } from './messages.ts'
import { webhookLogRoutes } from './webhooks/log.ts'
import { webhookRoutes } from './webhooks/setup.ts'
import { whatsappRoutes } from './whatsapp/routes.ts'

export function textbubblesApi(stream: Route, server: { version: string; url: string }): Api {
  return {
    title: 'Switchboard',
    description: `Send and receive iMessage, SMS and WhatsApp messages over one API.\n\nEvery answer but \`/health\` and the event stream has the same envelope: \`success\`, then \`data\` or \`error\`, then \`requestId\`. Errors have a \`code\` for programs, a \`message\` that says what to do, and for input \`details\` with the path of each field at fault. Fields that are not described here may appear at any time; ignore them.\n\nEach key may make a number of calls per minute; the headers \`X-RateLimit-*\` tell how many are left. An \`X-Request-Id\` and an \`X-Correlation-Id\` of yours are kept and told back.`,
    version: server.version,
    server: server.url,
    errors,
    envelope,
    bodyTypes: ['application/json'],
    window: 'minute',
    tags: [
      { name: 'Messages', description: 'Send, list, read and delete messages.' },
      { name: 'Scheduling', description: 'Messages that wait for their time.' },
      {
        name: 'Changes',
        description: 'What can be done to a message later: edit, unsend, retry, react, mark as read.',
      },
      { name: 'Chats', description: 'Conversations of two and groups: find them, read them, make and change them.' },
      {
        name: 'Contacts',
        description: 'Your address book, who wants no more messages, and what a network tells of somebody.',
      },
      { name: 'Events', description: 'What happens, as it happens.' },
      {
        name: 'Webhooks',
        description:
          'Events sent to your own server as they happen, tried again until they arrive, and kept so that what was missed can be sent again.',
      },
      {
        name: 'WhatsApp',
        description: 'Link a number with the phone that has its WhatsApp, see how the link is, and ask things over it.',
      },
      { name: 'Account', description: 'Your numbers, whom they reach, and how the gateway is.' },
      { name: 'Admin', description: "The operator's side: customers, keys, instances and usage. Needs the admin key." },
    ],
    routes: textbubblesRoutes(stream),
  }
}

export function textbubblesRoutes(stream: Route): readonly Route[] {
  return [
    ...messageRoutes,
    ...downloadRoutes,
    ...changeRoutes,
    ...chatRoutes,
    ...groupRoutes,
    ...contactRoutes,
    stream,
    ...webhookRoutes,
    ...webhookLogRoutes,
    ...whatsappRoutes,
    ...accountRoutes,
    ...adminRoutes,
    ...instanceRoutes,
    ...instanceWhatsappRoutes,
  ]
}
