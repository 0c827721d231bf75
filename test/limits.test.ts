import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { functionsOf } from './support/code.ts'

const MAX_FUNCTION = 60
const MAX_PARAMETERS = 3

/** Files that are still to be split: the list only gets shorter. */
const STILL_TOO_MUCH: readonly string[] = [
  'bench/crash.ts',
  'bench/main.ts',
  'src/cli/commands/crash.ts',
  'src/cli/commands/doctor.ts',
  'src/cli/commands/logs.ts',
  'src/cli/commands/run.ts',
  'src/cli/commands/snapshot.ts',
  'src/cli/commands/start.ts',
  'src/cli/render/pruned.ts',
  'src/crash/report/damage.ts',
  'src/kernel/build/build.ts',
  'src/kernel/build/collect.ts',
  'src/kernel/build/make.ts',
  'src/kernel/kconfig/kconfig-explain.ts',
  'src/kernel/ready-made/modules.ts',
  'src/lab/boot/boot-plan.ts',
  'src/lab/config/edit.ts',
  'src/lab/crashes/export.ts',
  'src/lab/doctor/tools.ts',
  'src/lab/hang/speak.ts',
  'src/lab/host-view/exports.ts',
  'src/lab/host-view/fetch-file.ts',
  'src/lab/kernels/choose-kernel.ts',
  'src/lab/kernels/clean-kernels.ts',
  'src/lab/life/command.ts',
  'src/lab/net/switch.ts',
  'src/lab/run/repeat.ts',
  'src/lab/run/replay.ts',
  'src/lab/run/run.ts',
  'src/lab/ssh/proxy.ts',
  'src/lab/vms/copy.ts',
  'src/lab/vms/exec.ts',
  'src/lab/vms/held-run.ts',
  'src/lab/vms/keeper.ts',
  'src/lab/vms/snapshots.ts',
  'src/lab/vms/start.ts',
]

test('functions are short, with few parameters, and none of them a boolean', () => {
  const all = ['src', 'test', 'bench'].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(root, file)),
  )
  const found = all.filter((file) => tooMuch(file, readFileSync(file, 'utf8')).length > 0)
  expect(found.toSorted()).toEqual(STILL_TOO_MUCH.toSorted())
})

test('a function that is too much is found', () => {
  const long = `function f() {\n${'  g()\n'.repeat(59)}}`
  expect(tooMuch('a.ts', long)).toEqual(['a.ts:1: a function of 61 lines'])
  expect(tooMuch('a.ts', long.replace('  g()\n', ''))).toEqual([])
  expect(tooMuch('a.ts', 'const f = (a: A, b: B, c: C, d: D) => a')).toEqual([
    'a.ts:1: 4 parameters',
  ])
  expect(tooMuch('a.ts', 'class A {\n  m(isOn: boolean) {}\n}')).toEqual([
    'a.ts:2: isOn is a boolean; give it a name at the call',
  ])
  expect(tooMuch('a.ts', `describe('x', () => {\n${'\n'.repeat(70)}})`)).toEqual([])
})

function tooMuch(file: string, text: string): string[] {
  return functionsOf(file, text).flatMap(({ line, lines, parameters, booleans, isGroup }) => [
    ...(lines > MAX_FUNCTION && !isGroup ? [`${file}:${line}: a function of ${lines} lines`] : []),
    ...(parameters > MAX_PARAMETERS ? [`${file}:${line}: ${parameters} parameters`] : []),
    ...booleans.map((name) => `${file}:${line}: ${name} is a boolean; give it a name at the call`),
  ])
}
