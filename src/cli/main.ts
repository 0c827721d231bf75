#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { readFileSync } from 'node:fs'

// Stripping types and compiling cost more than all that `klab --version` does.
enableCompileCache()

async function start(args: readonly string[]): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    console.log(`klab ${(JSON.parse(manifest) as { version: string }).version}`)
    return 0
  }
  const { main } = await import('./program.ts')
  return await main(args)
}

// Not awaited at the top: the bundle is CommonJS.
void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
