import { readFileSync } from 'node:fs'

import { main } from '../../src/cli/program.ts'

/** Runs command lines of klab, a list of them in a file, one after another in this process: a hundred starts would take a minute. */
const [file = ''] = process.argv.slice(2)
const lines = JSON.parse(readFileSync(file, 'utf8')) as string[][]
for (const argv of lines) {
  const code = await main(argv)
  for (const stream of [process.stdout, process.stderr])
    await new Promise((resolve) => void stream.write(`\0end ${code}\0`, resolve))
}
process.exit(0)
