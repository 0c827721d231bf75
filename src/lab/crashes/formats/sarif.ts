import type { Frame, Severity } from '../../../crash/index.ts'
import { json, shown, type Shown } from '../../../base/index.ts'
import type { CrashView } from '../list.ts'

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
}

/** For tools that collect findings: SARIF 2.1.0 (OASIS). Pure. */
export function asSarif(crash: CrashView, version: string): Shown {
  const { title, kind, severity, fingerprint, excerpt, guiltyFile, frames, text } = crash
  const location = guiltyFile === undefined ? [] : [locationOf(guiltyFile, excerpt?.line)]
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'klab',
            version,
            rules: [{ id: kind, shortDescription: { text: kind } }],
          },
        },
        results: [
          {
            ruleId: kind,
            level: LEVELS[severity],
            message: { text: title },
            locations: location,
            partialFingerprints: { 'klabCrash/v1': fingerprint },
            stacks: [{ message: { text: 'call trace' }, frames: frames.map(frameOf) }],
            properties: { severity, report: text },
          },
        ],
      },
    ],
  }
  return shown`${json(log, 2)}\n`
}

function locationOf(uri: string, startLine: number | undefined) {
  return {
    physicalLocation: {
      artifactLocation: { uri },
      ...(startLine !== undefined && { region: { startLine } }),
    },
  }
}

function frameOf({ symbol, module }: Frame) {
  return {
    ...(module !== undefined && { module }),
    location: { logicalLocations: [{ fullyQualifiedName: symbol, kind: 'function' }] },
  }
}
