#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { readFileSync } from 'node:fs'

// Stripping types and compiling cost more than all that `klab --version` does.
enableCompileCache()

const [first] = process.argv.slice(2)
if (process.argv.length === 3 && (first === '--version' || first === '-V')) {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  console.log(`klab ${(JSON.parse(manifest) as { version: string }).version}`)
} else {
  const { main } = await import('./program.ts')
  process.exitCode = await main(process.argv.slice(2))
}
