import { trusting, type Lab, type TrustQuestion } from '../lab/index.ts'
import { tellAudit } from './audited.ts'
import { err } from './render/print.ts'
import { canAsk, saysYes } from './question.ts'

/** Asks whoever is at a terminal whether he trusts the project's file, and remembers a yes. Elsewhere nobody is asked, and it is no. */
export async function isTrustedNow(lab: Lab): Promise<boolean> {
  if (!canAsk()) return false
  const { trustQuestion } = await trusting()
  const answer = await trustQuestion(lab, lab.cwd)
  if (answer.isTrusted || !(await isTrustedByUser(answer))) return answer.isTrusted
  tellAudit(await answer.trust())
  return true
}

/** Shows what a file asks for, and asks. */
export async function isTrustedByUser(question: TrustQuestion): Promise<boolean> {
  const { describeAsk } = await trusting()
  err.line(`klab: ${question.path} asks for what is only done for a file that you trust:`)
  for (const ask of question.asks) err.line(`  ${describeAsk(ask)}`)
  return await saysYes('Trust it, as it is now?')
}
