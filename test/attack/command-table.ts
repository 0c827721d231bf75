import type { Stage } from './stage.ts'

/** What a command is attacked with; `ms` is about how long it takes, so that it is hit within that. */
interface Row {
  readonly line: string
  readonly ms: number
  /** It needs a guest with this machine's files. */
  readonly needsRoot?: true
}

/** `RUN` are options of a run, `OUT` is a directory for what it makes; `box` and `still` are VMs, the second without this machine's files. */
const ROWS: readonly Row[] = [
  { line: 'run -q --no-stdin RUN -- sleep 0.2', ms: 1_500, needsRoot: true },
  { line: 'run -q --no-stdin RUN --fresh -- sleep 0.2', ms: 3_000, needsRoot: true },
  { line: 'run -q --no-stdin RUN --transport virtiofs -- sleep 0.2', ms: 1_800, needsRoot: true },
  { line: 'run --repeat 3 --jobs 2 RUN -- sleep 0.2', ms: 3_000, needsRoot: true },
  {
    line: 'run -q --no-stdin RUN --user root --on-crash dump -- PANIC',
    ms: 4_000,
    needsRoot: true,
  },
  { line: 'run -q --no-stdin RUN --root none -- /none', ms: 1_500 },
  { line: 'run -q --no-stdin RUN --root none --fresh -- /none', ms: 3_000 },
  { line: 'start -q new RUN', ms: 1_500, needsRoot: true },
  { line: 'start -q new RUN --root none --fresh', ms: 3_000 },
  { line: 'start -q new RUN --root none', ms: 1_500 },
  { line: 'exec box -- sleep 0.3', ms: 700, needsRoot: true },
  { line: 'exec box -- head -c 20M /dev/zero', ms: 1_500, needsRoot: true },
  { line: 'exec still -- /none', ms: 400 },
  { line: 'cp /usr/bin/perl box:/tmp/perl', ms: 900, needsRoot: true },
  { line: 'cp /usr/lib/gcc box:/tmp/gcc', ms: 2_500, needsRoot: true },
  { line: 'cp box:/usr/bin OUT', ms: 4_000, needsRoot: true },
  { line: 'cp box:/usr/bin/perl OUT', ms: 900, needsRoot: true },
  { line: 'cp /etc/services still:/services', ms: 500 },
  { line: 'cp still:/proc/version OUT', ms: 500 },
  { line: 'dump still -o OUT/dump', ms: 1_500 },
  { line: 'dump still --format kdump -o OUT/kdump', ms: 3_000 },
  { line: 'dmesg still', ms: 1_500 },
  { line: 'inspect still', ms: 2_500 },
  { line: 'snapshot still two', ms: 1_200 },
  { line: 'snapshot rm still one', ms: 400 },
  { line: 'restore still one', ms: 1_500 },
  { line: 'fork still twin', ms: 1_800 },
  { line: 'template prune --size 0', ms: 400 },
  { line: 'runs prune --keep 3', ms: 500 },
  { line: 'kernel clean', ms: 400 },
  { line: 'pause still', ms: 400 },
  { line: 'stop still', ms: 800 },
  { line: 'stop --force still', ms: 500 },
  { line: 'rm --force still', ms: 600 },
  { line: 'rename still steady', ms: 300 },
  { line: 'status still', ms: 400 },
  { line: 'stats --no-stream', ms: 500 },
  { line: 'ps', ms: 300 },
  { line: 'runs', ms: 400 },
  { line: 'crash ls', ms: 400 },
  { line: 'crash export CRASH -o OUT/bug.tar.gz', ms: 1_000 },
  { line: 'crash show CRASH', ms: 900 },
]

/** A command, with its words. */
export interface Command {
  readonly line: string
  readonly args: readonly string[]
  readonly ms: number
}

const PANIC = 'echo PANIC > /sys/kernel/debug/provoke-crash/DIRECT'

/** The commands that can be given on a stage; ATTACK_COMMAND says which, by a part of their line. */
export function commandsOn(stage: Stage, crash: string): Command[] {
  const words: Readonly<Record<string, readonly string[]>> = {
    RUN: [...stage.vmOptions, '--timeout', '15s'],
    PANIC: ['sh', '-c', PANIC],
    CRASH: [crash],
  }
  const wordsOf = (word: string) => words[word] ?? [word.replace(/^OUT/, stage.arena.out)]
  const asked = process.env['ATTACK_COMMAND'] ?? ''
  const rows = ROWS.filter(({ line }) => line.includes(asked))
  return rows
    .filter(({ needsRoot }) => !needsRoot || stage.hasRoot)
    .map(({ line, ms }) => ({
      ...{ line, ms },
      args: line.split(' ').flatMap(wordsOf),
    }))
}
