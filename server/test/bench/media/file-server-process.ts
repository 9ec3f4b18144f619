/** Somebody's server with files on it, as plain as Node can serve them. */
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { answerAs } from '../child.ts'

export interface FileServerSettings {
  folder: string
}

await answerAs<FileServerSettings>(async ({ folder }) => {
  const server = createServer((request, response) => {
    const path = join(folder, (request.url ?? '/').slice(1))
    response.writeHead(200, { 'content-type': 'application/zip', 'content-length': statSync(path).size })
    createReadStream(path).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    answers: { port: () => (server.address() as AddressInfo).port },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
})
