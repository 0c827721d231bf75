#!/usr/bin/env node
import { version } from './own-files.ts'

// Compiled code is kept where the script `klab` says, if that is ours: Node's own place for it is in /tmp, where anybody may have put some.
async function start(args: readonly string[]): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    console.log(`klab ${version()}`)
    return 0
  }
  const { catchWhatEscapes } = await import('./last-resort.ts')
  catchWhatEscapes()
  if (args.length === 0) {
    const { welcome } = await import('./welcome.ts')
    return await welcome()
  }
  const { main } = await import('./program.ts')
  return await main(args)
}

const args = process.argv.slice(2)
// Everybody sees what a process was started with, and a variable may be a secret.
if (args.some((arg) => /^--env(?:=|$)/.test(arg))) process.title = `klab ${args[0]}`
// Not awaited at the top: the bundle is CommonJS.
void start(args).then((code) => {
  process.exitCode = code
})
