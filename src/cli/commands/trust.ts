import type { Command } from 'commander'
import { resolve } from 'node:path'

import { UsageError } from '../../base/index.ts'
import { trusting, type TrustQuestion } from '../../lab/index.ts'
import { tellAudit } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { date } from '../render/date.ts'
import { out } from '../render/print.ts'
import { table } from '../render/table.ts'
import { canAsk } from '../question.ts'
import { isTrustedByUser } from '../trust-question.ts'

interface Flags {
  readonly list?: boolean
  readonly revoke?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
What a klab.yaml says of guests, kernels and limits holds for everybody who works in its directory. What touches this machine (programs,
directories, ports, networks, your environment) is only done after its user has looked at it: klab trust. It holds for this
content of this file; after a change it is asked for again.

Exit codes: 0 it is trusted, or asks for nothing; 1 it is not.

Examples:
  klab trust
  klab trust ~/src/linux --yes
  klab trust --list
  klab trust --revoke ~/src/linux`

export function addTrustCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('trust')
    .summary('let the klab.yaml of a project touch this machine')
    .description('show what the klab.yaml of a project asks of this machine, and trust it')
    .argument('[dir]', 'a directory of the project (default: this one)')
    .option('--list', 'all files that are trusted')
    .option('--revoke', 'trust it no more')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'as JSON; without --yes nothing is asked or changed')
    .addHelpText('after', HELP)
    .action(async (dir: string | undefined, flags: Flags) =>
      finish(await trust(resolve(dir ?? '.'), flags)),
    )
}

async function trust(dir: string, flags: Flags): Promise<number> {
  if (flags.list) return await list(flags)
  if (flags.revoke) return await revoke(dir, flags)
  const [paths, { trustQuestion }] = await Promise.all([currentPaths(), trusting()])
  const { trust: remember, ...question } = await trustQuestion({ paths, env: process.env }, dir)
  const isTrusted = question.isTrusted || (await isAgreed(question, flags))
  if (isTrusted && !question.isTrusted) tellAudit(await remember())
  if (flags.json) out.json({ ...question, isTrusted })
  else out.line(`${question.path} ${told({ ...question, isTrusted })}`)
  return isTrusted ? 0 : 1
}

function told({ asks, isTrusted }: TrustQuestion): string {
  if (asks.length === 0) return 'asks for nothing that needs trust'
  return isTrusted ? 'is trusted, as it is now' : 'is not trusted'
}

async function isAgreed(question: TrustQuestion, { yes, json }: Flags): Promise<boolean> {
  if (yes || json) return yes ?? false
  if (canAsk()) return await isTrustedByUser(question)
  const { describeAsk } = await trusting()
  throw new UsageError(
    `this is no terminal, so nobody can be asked whether ${question.path} is to be trusted with ${question.asks.map(describeAsk).join(', ')}; whoever has looked at it says --yes`,
  )
}

async function list({ json }: Flags): Promise<number> {
  const [paths, { listTrust }] = await Promise.all([currentPaths(), trusting()])
  const all = listTrust(paths)
  if (json) out.json(all)
  else
    out.line(
      table(
        ['file', 'trusted', 'now'],
        all.map(({ path, at, state }) => [path, date(at), state]),
      ),
    )
  return 0
}

async function revoke(dir: string, { json }: Flags): Promise<number> {
  const [paths, { revokeTrust }] = await Promise.all([currentPaths(), trusting()])
  const path = revokeTrust({ paths, env: process.env }, dir)
  if (json) out.json({ path, isTrusted: false })
  else out.line(`${path} is trusted no more`)
  return 0
}
