/** What is told about processes, checked on real ones. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { lookUpLiving, lookUpProcess } from './processes.ts'

const platforms = process.platform === 'linux' ? ['linux', 'any other'] : [process.platform]

test.each(platforms)('a running process is known by its command and its start (%s)', async (platform) => {
  const sleeper = spawn('sleep', ['60'])
  await once(sleeper, 'spawn')
  const pid = sleeper.pid ?? 0
  const facts = lookUpProcess(pid, platform)
  expect(facts).toMatchObject({ zombie: false, command: 'sleep' })
  expect(lookUpProcess(pid, platform)?.startedAt).toBe(facts?.startedAt)
  expect(lookUpProcess(process.pid, platform)?.startedAt).not.toBe('')
  sleeper.kill('SIGKILL')
  await once(sleeper, 'exit')
  expect(lookUpProcess(pid, platform)).toBeNull()
})

test('two processes never share a start, so a recycled pid gives itself away', async () => {
  const first = spawn('sleep', ['60'])
  await once(first, 'spawn')
  expect(lookUpProcess(first.pid ?? 0)?.startedAt).not.toBe(lookUpProcess(process.pid)?.startedAt)
  first.kill('SIGKILL')
  await once(first, 'exit')
})

test.each(platforms)('a zombie is told from the living (%s)', async (platform) => {
  // The shell starts a child that ends soon, but not before the shell has become `sleep`, which never asks after it.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'])
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = Number(line.toString())
  await expect.poll(() => lookUpProcess(child, platform)?.zombie).toBe(true)
  expect(lookUpLiving(child)).toBeNull()
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})

test.runIf(process.platform === 'linux')('a command may hold parentheses and spaces', async () => {
  const script =
    'require("node:fs").writeFileSync("/proc/self/comm", "a) Z (b"); process.stdout.write("."); setInterval(() => {}, 1000)'
  const child = spawn(process.execPath, ['-e', script])
  await once(child.stdout, 'data')
  expect(lookUpProcess(child.pid ?? 0)).toMatchObject({ zombie: false, command: 'a) Z (b' })
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('no process, no facts', () => {
  expect(lookUpProcess(2 ** 22 + 1)).toBeNull()
})
