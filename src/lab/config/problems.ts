import { z } from 'zod'

import { nearest } from '../../base/index.ts'
import { configJsonSchema } from './leaves.ts'
import { configSchema } from './schema.ts'

type Issue = z.core.$ZodIssue

/** All that is wrong with a configuration, one sentence each, with the line where it is known. */
export function describeProblems(
  value: unknown,
  lineOf: (path: readonly PropertyKey[]) => number | undefined,
): string[] {
  const result = configSchema.safeParse(value)
  if (result.success) return []
  return result.error.issues.flatMap((issue) => describeIssue(issue, lineOf))
}

function describeIssue(
  issue: Issue,
  lineOf: (path: readonly PropertyKey[]) => number | undefined,
): string[] {
  const at = (path: readonly PropertyKey[]) => {
    const line = lineOf(path)
    return line === undefined ? '' : `line ${line}: `
  }
  if (issue.code !== 'unrecognized_keys') {
    const path = issue.path.join('.')
    return [`${at(issue.path)}${path ? `${path}: ` : ''}${issue.message}`]
  }
  return issue.keys.map((key) => {
    const path = [...issue.path, key]
    const near = nearest(key, knownKeys(issue.path))
    return `${at(path)}there is no setting ${path.join('.')}${near ? `; did you mean ${near}?` : ''}`
  })
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema = configJsonSchema()
  for (const name of path) {
    const inner = schema.properties?.[String(name)] ?? schema.additionalProperties
    if (typeof inner !== 'object' || inner === null) return []
    schema = inner
  }
  return Object.keys(schema.properties ?? {})
}
