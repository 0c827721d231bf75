import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { endRun, labAt, recordOf } from './history.ts'
import { HOSTILE, NO_NEW_LINE } from './hostile-text.ts'

export const RUNS = ['run0first', 'run1other'] as const
export const KERNEL = '0123456789ab'
export const TEMPLATE = 'fedcba987654'
export const FINGERPRINTS = ['f00', 'f11'] as const

/** A home and a project in which every text that is not klab's own is hostile: whatever is added to a record is so as well. */
export interface HostileHome extends Disposable {
  readonly home: string
  readonly project: string
  /** A log, under a name of its own kind. */
  readonly log: string
}

export async function hostileHome(): Promise<HostileHome> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-hostile-'))
  const [home, project] = [join(dir, 'home'), join(dir, `project ${NAME}`)]
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const id of RUNS) await endRun(recordOf(await labAt(home), id))
  poisonHistory(join(home, 'state/klab.db'))
  for (const id of RUNS)
    for (const file of ['console.log', 'stdout', 'stderr'])
      write(join(home, 'state/runs', id, file), CONSOLE)
  for (const [name, record] of Object.entries(VMS)) {
    const at = join(home, 'state/vms', `id-${name}`)
    write(join(at, 'vm.json'), JSON.stringify(poisoned({ id: `id-${name}`, ...record })))
    mkdirSync(join(home, 'state/vms/by-name'), { recursive: true })
    symlinkSync(join('..', `id-${name}`), join(home, 'state/vms/by-name', name))
  }
  write(join(home, 'state/vms/id-broken/vm.json'), '{')
  write(
    join(home, 'state/vms/id-box/snapshots/before/snapshot.json'),
    JSON.stringify(poisoned(SNAPSHOT)),
  )
  const kernel = join(home, 'cache/kernels', KERNEL)
  write(join(kernel, 'manifest.json'), JSON.stringify(poisoned(MANIFEST)))
  for (const file of ['image', 'vmlinux', 'config']) write(join(kernel, file), HOSTILE)
  const template = join(home, 'cache/templates', TEMPLATE)
  write(join(template, 'template.json'), JSON.stringify(poisoned(FACTS)))
  for (const file of ['memory', 'state', 'console.log']) write(join(template, file), HOSTILE)
  write(join(project, 'klab.yaml'), CONFIG)
  const log = join(project, `${NAME}.log`)
  write(log, CONSOLE)
  return {
    ...{ home, project, log },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** What a file can be called. */
export const NAME = HOSTILE.replaceAll(/[\0/]/g, '').slice(0, 60)

/** A complaint of a kernel whose words are hostile. */
const REPORT = `WARNING: CPU: 0 PID: 1 at fs/${NO_NEW_LINE}/a.c:7 f+0x1/0x2
Modules linked in: ${NO_NEW_LINE}
CPU: 0 PID: 1 Comm: ${NO_NEW_LINE} Tainted: G W 6.1.0-${NO_NEW_LINE} #1
Hardware name: ${NO_NEW_LINE}
RIP: 0010:f${NO_NEW_LINE}+0x1/0x2
Call Trace:
 <TASK>
 g${NO_NEW_LINE}+0x1/0x2
 </TASK>
---[ end trace 0000000000000000 ]---
From \`\`\`\`<b>$(id)`

const CONSOLE = `[    0.000000] Linux version 6.1.0-${NO_NEW_LINE}
${REPORT.replaceAll(/^/gm, '[    1.000000] ')}
[   20.000000] ${NO_NEW_LINE}: error ${NO_NEW_LINE} failed
`

const VMS = {
  box: vm({ outcome: { kind: 'lost', reason: HOSTILE } }),
  crashed: vm({ outcome: { kind: 'crashed', report: { title: HOSTILE } } }),
  failed: vm({
    outcome: { kind: 'boot-failed', phase: 'kernel', reason: HOSTILE, lastLines: [HOSTILE] },
  }),
  hung: vm({
    outcome: {
      ...{ kind: 'timed-out', limitMs: 1 },
      hang: {
        cpus: [{ cpu: 0, at: HOSTILE }],
        tasks: [{ command: HOSTILE, pid: 1, state: 'D', function: HOSTILE, awaits: HOSTILE }],
      },
    },
  }),
}

function vm(more: Readonly<Record<string, unknown>>) {
  return {
    ...{ createdAt: '2026-01-01T00:00:00.000Z', state: 'stopped', runId: RUNS[0] },
    ...{ kernel: 'k', release: '6.1.0' },
    request: {
      ...{ name: 'n', vm: { kernel: { kernel: 'k' } }, judge: {}, cwd: '/', env: ['A=b'] },
    },
    ...more,
  }
}

const SNAPSHOT = { name: '', createdAt: '2026-01-01T00:00:00.000Z', bytes: 1, layout: 'plain' }

const MANIFEST = {
  ...{ id: KERNEL, release: '', arch: '', profile: '', configBase: '', tree: '', version: '' },
  ...{ treeId: '', commit: '', dirty: '', configHash: '', compiler: '', imageSha256: '' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', buildMs: 1, steps: 1, buildDir: '', slowness: 1 },
  parameters: [''],
}

const FACTS = {
  ...{ key: TEMPLATE, kernel: '', release: '', accelerator: '', madeAt: '', stateSha256: '' },
  machine: { type: '', cpus: 1, memoryMiB: 1 },
  ...{ madeMs: 1, memory: { bytes: 1, mtimeMs: 1 }, notes: [''] },
}

const CONFIG = `run:
  env: [${JSON.stringify(`A=${HOSTILE}`)}]
  allowReports:
    - {crash: f11, reason: ${JSON.stringify(HOSTILE)}}
profiles:
  sly: {base: minimal, summary: ${JSON.stringify(HOSTILE)}}
`

/** Names under which a record has what klab chose itself. */
const OWN =
  /^(?:id|kind|key|state|phase|\w+At|runId|layout|fingerprint|cause|consolePath|kernelId|owner)$/

function poisoned(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return OWN.test(name) ? value : HOSTILE
  if (Array.isArray(value)) return value.map((one) => poisoned(one, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, poisoned(one, key)]))
}

function poisonHistory(path: string): void {
  using db = new DatabaseSync(path)
  for (const table of ['runs', 'reports']) {
    const rows = db.prepare(`SELECT rowid AS row, * FROM ${table}`).all()
    for (const { row = 0, ...columns } of rows)
      for (const [name, value] of Object.entries(columns))
        if (typeof value === 'string' || value === null)
          db.prepare(`UPDATE ${table} SET "${name}" = ? WHERE rowid = ?`).run(
            ...[poisonedColumn(name, value ?? ''), row],
          )
  }
  db.prepare('UPDATE reports SET text = ?').run(REPORT)
  db.prepare('UPDATE reports SET fingerprint = ? WHERE runId = ?').run(FINGERPRINTS[1], RUNS[1])
  db.prepare('UPDATE runs SET detail = ?').run(
    JSON.stringify({ kind: 'not-executed', reason: HOSTILE, code: 126 }),
  )
}

function poisonedColumn(name: string, value: string): string | null {
  if (OWN.test(name)) return value === '' ? null : value
  if (name === 'outcome') return 'not-executed'
  if (name === 'qemu') return JSON.stringify([HOSTILE, HOSTILE])
  if (name === 'machine') return JSON.stringify({ [HOSTILE]: HOSTILE })
  if (name === 'request') return JSON.stringify(REQUEST)
  return /^[[{]/.test(value) ? JSON.stringify(poisoned(JSON.parse(value))) : HOSTILE
}

/** What an argument can be. */
export const WORD = HOSTILE.replaceAll('\0', '')

const REQUEST = {
  request: {
    vm: {
      kernel: { kernel: WORD, options: [WORD], configFiles: [WORD] },
      machine: {
        ...{ cpus: 1, memoryMiB: 512, accel: 'auto', type: 'auto', display: 'none', nodes: 1 },
        ...{ parameters: [WORD], disks: [], pinned: [], qemuArgs: [WORD] },
      },
      ...{ root: { kind: 'host' }, shares: [{ mode: 'ro', host: WORD, guest: WORD }] },
      ...{
        shareFallback: 'none',
        transport: 'auto',
        networks: [],
        bootTimeoutMs: 1,
        start: 'boot',
      },
    },
    command: { argv: [WORD], user: WORD, env: [WORD], cwd: WORD },
    judge: { limits: {}, onCrash: 'stop', allowReports: [{ report: WORD }], graceMs: 1 },
  },
}
