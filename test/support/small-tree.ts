import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { InfraError } from '../../src/base/index.ts'
import type { Builder, MakeRequest } from '../../src/kernel/build/builder.ts'

/** Writes a file, and the directories above it. */
export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** What klab takes for a kernel tree, and no more. */
export function smallTree(path: string, kconfig = '\n'): string {
  write(join(path, 'Makefile'), 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n')
  for (const file of ['init/main.c', 'scripts/kconfig/conf.c']) write(join(path, file), '\n')
  write(join(path, 'Kconfig'), kconfig)
  return path
}

/** A place of builds whose compiler writes down what it is asked for; `settle` is what olddefconfig makes of a configuration. */
export function placeOf(
  asked: MakeRequest[],
  settle: (config: string) => string = (config) => config,
): Builder {
  return {
    async open({ output, log }) {
      const at = (name: string) => join(output, name)
      const config = at('.config')
      return {
        source: '/there/source',
        output: '/there/objects',
        async make(request) {
          asked.push(request)
          appendFileSync(log, `make ${request.targets.join(' ')}\n`)
          const isFor = (target: string) => request.targets.includes(target)
          if (isFor('layout.s')) throw new InfraError('BUILD', 'none')
          if (isFor('allnoconfig')) write(config, readFileSync(at('klab.fragment'), 'utf8'))
          if (isFor('olddefconfig')) write(config, settle(readFileSync(config, 'utf8')))
          if (!isFor('modules')) return
          request.onStep?.('init/main.o')
          for (const file of ['arch/x86/boot/bzImage', 'vmlinux', 'System.map'])
            write(at(file), file)
          write(at('include/config/kernel.release'), '6.1.0-there\n')
        },
      }
    },
  }
}
