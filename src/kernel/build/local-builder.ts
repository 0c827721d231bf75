import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { confined, run, type Confinement } from '../../host/index.ts'
import type { Builder, BuildSite } from './builder.ts'
import { make } from './make.ts'

/** Builds on this machine. */
export function localBuilder(cacheDir: string): Builder {
  return {
    async open(site) {
      const { source, output, confinement } = await buildPlace(site, cacheDir)
      const rename = (path: string) => path.replace(`${source}/`, '').replace(`${site.source}/`, '')
      return {
        source,
        output,
        async make({ targets, variables, jobs, onStep }) {
          const command = ['make', '-C', source, `O=${output}`, `-j${jobs}`]
          await make([...command, ...variables, ...targets], {
            ...{ what: `make ${targets.join(' ')}`, confinement, cacheDir, rename },
            ...{ env: site.env, log: site.log },
            ...(site.signal && { signal: site.signal }),
            ...(onStep && { onStep }),
          })
        },
      }
    },
  }
}

/**
 * Every build sees its sources and objects at the same two places, in a mount namespace of its own: paths do not get
 * into what is compiled, ccache knows a file again that it met in another directory, and the tree is read-only.
 * Where namespaces are not allowed the build uses the real paths.
 */
async function buildPlace({ source, output, claim }: BuildSite, cacheDir: string) {
  const at = { source: join(cacheDir, 'place', 'source'), output: join(cacheDir, 'place', 'build') }
  await mkdir(at.source, { recursive: true })
  await mkdir(at.output, { recursive: true })
  const confinement: Confinement = {
    claim,
    isTogether: true,
    binds: [
      { from: source, at: at.source, readOnly: true },
      { from: output, at: at.output, readOnly: false },
    ],
  }
  const [file, args] = await confined(['true'], confinement, cacheDir)
  const { exit } = await run(file, args)
  if (exit.kind === 'exited' && exit.code === 0) return { ...at, confinement }
  return { source, output, confinement: { claim } }
}
