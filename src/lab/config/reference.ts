import { configLeaves, type Leaf } from './leaves.ts'
import { trustOf } from './trust-rules.ts'

const HEAD = `# Configuration

Generated from the schema (\`src/lab/config/schema.ts\`) by \`npm run generate\`; do not edit.

A setting comes from, later ones winning: the defaults, the user file (\`$XDG_CONFIG_HOME/klab/config.yaml\`), the
project's \`klab.yaml\` (found upwards from the working directory), \`KLAB_*\` variables, flags. \`klab config list\` shows
each value and where it came from; \`klab config validate\` names every problem with its line; \`klab config schema\` prints
the JSON Schema (also in \`docs/klab.schema.json\`) for editors:

\`\`\`yaml
# yaml-language-server: $schema=https://…/klab.schema.json
machine:
  memory: 2G
machines:
  big: { cpus: 8, memory: 16G }      # klab run --machine big
\`\`\`

\`KLAB_HOME\` moves everything klab keeps (user file, cache, state, sockets) below one directory. Lists in variables, and in
\`klab config set\`, have commas between their items, or are JSON as \`klab config get\` prints it; \`none\` takes a limit away. The settings of
a machine with a name have paths of their own: \`klab config set machines.big.cpus 8\`.

In a \`klab.yaml\`, what is *free* holds for everybody; what needs *trust* only for a user who has said \`klab trust\` (trust.md, which also tells which part is
free of what is so in part). \`run.hide\` of a project is added to the user's own.

| setting | type | default | in \`klab.yaml\` | variable | meaning |
|---|---|---|---|---|---|
`

/** docs/configuration.md. A test fails when the checked-in file differs. */
export function configReference(): string {
  return HEAD + configLeaves().map(row).join('')
}

const TRUST = { free: 'free', partly: 'free in part', 'needs trust': 'trust' } as const

function row({ path, type, default: fallback, variable, description }: Leaf): string {
  const shown = fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``
  return `| \`${path}\` | ${type.replaceAll('|', '\\|')} | ${shown} | ${TRUST[trustOf(path)]} | \`${variable}\` | ${description.replaceAll('|', '\\|')} |\n`
}
