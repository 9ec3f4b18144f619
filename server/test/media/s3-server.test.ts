/** The S3 server of the tests is one: the official client stores, reads and removes with it as we do, and is refused with a wrong secret. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { createS3Storage } from '../../src/media/storage/s3.ts'
import { openS3Server, type S3Server } from '../support/s3-server.ts'

let server: S3Server
let client: S3Client
const clientOf = ({ place }: S3Server, secretAccessKey = place.secretAccessKey) =>
  new S3Client({
    endpoint: place.endpoint,
    region: place.region,
    forcePathStyle: true,
    credentials: { accessKeyId: place.accessKeyId, secretAccessKey },
    maxAttempts: 1,
  })
beforeAll(async () => {
  server = await openS3Server()
  client = clientOf(server)
})
afterAll(async () => {
  client.destroy()
  await server.close()
})

const named = (Key: string) => ({ Bucket: server.place.bucket, Key })
const statusOf = (error: unknown) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode

test('what is stored is read again, whole and in part, and is gone when it is removed', async () => {
  const name = 'a folder/with é and +'
  const Body = Buffer.from('Forty-two bytes that somebody else has sent')
  await client.send(new PutObjectCommand({ ...named(name), Body }))
  const head = await client.send(new HeadObjectCommand(named(name)))
  expect(head.ContentLength).toBe(Body.length)
  const whole = await client.send(new GetObjectCommand(named(name)))
  expect(await whole.Body?.transformToString()).toBe(Body.toString())
  const part = await client.send(new GetObjectCommand({ ...named(name), Range: 'bytes=0-8' }))
  expect([part.$metadata.httpStatusCode, part.ContentRange]).toEqual([206, `bytes 0-8/${Body.length}`])
  expect(await part.Body?.transformToString()).toBe('Forty-two')
  await client.send(new DeleteObjectCommand(named(name)))
  expect(statusOf(await client.send(new HeadObjectCommand(named(name))).catch((error: unknown) => error))).toBe(404)
})

test('what we store the official client reads, and the other way round', async () => {
  const storage = createS3Storage(server.place, { clock: systemClock })
  const ours = Buffer.from('stored by us')
  const folder = await mkdtemp(join(tmpdir(), 's3-ours-'))
  const path = join(folder, 'ours')
  await writeFile(path, ours)
  const hash = createHash('sha256').update(ours).digest('hex')
  await storage.place('both/ours', { path, bytes: ours.length, hash })
  const read = await client.send(new GetObjectCommand(named('both/ours')))
  expect(await read.Body?.transformToString()).toBe('stored by us')
  await client.send(new PutObjectCommand({ ...named('both/theirs'), Body: 'stored by them' }))
  const stream = await storage.open('both/theirs', { start: 0, end: 5 })
  expect(Buffer.concat(await (stream?.toArray() ?? [])).toString()).toBe('stored')
  for (const name of ['both/ours', 'both/theirs']) await storage.remove(name)
  await rm(folder, { recursive: true })
  expect(server.names()).toEqual([])
})

test('a wrong secret is refused, and nothing is stored', async () => {
  const stranger = clientOf(server, 'another secret')
  const put = new PutObjectCommand({ ...named('theirs'), Body: Buffer.from('x') })
  expect(statusOf(await stranger.send(put).catch((error: unknown) => error))).toBe(403)
  expect(server.names()).toEqual([])
  stranger.destroy()
})
