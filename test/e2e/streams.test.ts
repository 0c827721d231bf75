import { expect, test } from 'vitest'

import { agentOf } from '../../src/lab/vms/exec.ts'
import { VmRegistry } from '../../src/lab/vms/registry.ts'
import { testLab } from '../support/request.ts'
import { TestVms } from '../support/vms.ts'

test('of many commands at once each is heard while the others go on', async () => {
  await using vms = new TestVms()
  const name = await vms.start('streams')
  const { paths } = await testLab()
  using agent = await agentOf(paths, new VmRegistry(paths).getLive(name))
  const heard = Array.from({ length: 140 }, () => Promise.withResolvers<string>())
  const commands = heard.map(({ resolve }) =>
    agent.exec(
      {
        ...{ argv: ['cat'], env: { PATH: '/usr/bin:/bin' }, cwd: '/' },
        user: { uid: 0, gid: 0, groups: [] },
      },
      { stdout: (chunk) => resolve(chunk.toString()), stderr: () => undefined },
    ),
  )
  await Promise.all(commands.map(({ started }) => started))
  // None of them has ended: the agent waits for three descriptors of each.
  for (const [number, command] of commands.entries()) await command.send(Buffer.from(`${number}`))
  const said = await Promise.all(heard.map(({ promise }) => promise))
  expect(said).toEqual(heard.map((_, number) => `${number}`))
  for (const command of commands) command.endInput()
  const ends = await Promise.all(commands.map(({ ended }) => ended))
  expect(ends.filter((end) => end.kind !== 'exited' || end.code !== 0)).toEqual([])
}, 90_000)
