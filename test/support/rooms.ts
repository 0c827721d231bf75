/** A part of the code with walls: what it is for, and whom it may import. */
interface Room {
  readonly name: string
  readonly purpose: string
}

/** The modules of src, and the modules each may import, by their index.ts. */
export const MODULES: Readonly<Record<string, { purpose: string; imports: readonly string[] }>> = {
  base: { purpose: 'errors, units, ids, deadlines; no I/O', imports: [] },
  host: {
    purpose: 'this machine: processes, the launcher, locks, sockets, our C programs',
    imports: ['base'],
  },
  kernel: {
    purpose: 'trees, Kconfig, profiles, builds, ready-made kernels',
    imports: ['base', 'host'],
  },
  guest: { purpose: 'the agent protocol (our side), initramfs', imports: ['base', 'host'] },
  vm: {
    purpose: 'machine to QEMU argv, QMP, console, boot phases, freezing and thawing',
    imports: ['base', 'host'],
  },
  crash: { purpose: 'console text to reports; memory dumps', imports: ['base'] },
  store: { purpose: 'what was run, in SQLite', imports: ['base', 'host'] },
  lab: {
    purpose: 'the use cases, where the modules above meet; configuration',
    imports: ['base', 'host', 'kernel', 'guest', 'vm', 'crash', 'store'],
  },
  cli: {
    purpose: 'commands and rendering; alone prints, exits and reads the environment',
    imports: ['base', 'lab'],
  },
}

/** The rooms of the large modules, in their order: a room imports only rooms above it, and files of its own. */
export const ROOMS: Readonly<Record<string, readonly Room[]>> = {
  lab: [
    {
      name: 'outcome',
      purpose:
        'what happens and how it ends, as values: events, outcomes, verdicts, policies, hang facts',
    },
    { name: 'config', purpose: 'settings, where they come from, their schema' },
    {
      name: 'spec',
      purpose: 'what is asked for, as data: kernel, machine, shares, network, command, judge',
    },
    { name: 'audit', purpose: 'what touched this machine, or let somebody in: who, when, whence' },
    {
      name: 'session',
      purpose:
        'who asks, from where: the lab, its paths, the user, the terminal; Session, a guest that works',
    },
    {
      name: 'aside',
      purpose: 'what is made beside its place, and what killed klabs have left of it',
    },
    { name: 'symbols', purpose: 'names and source lines for addresses' },
    { name: 'dumps', purpose: 'memory dumps: reading, converting, opening in tools' },
    { name: 'hang', purpose: 'making a VM that hangs speak' },
    { name: 'history', purpose: 'what was run: records, live runs, input kept, pruning' },
    { name: 'kernels', purpose: 'which kernel: choosing, building, cleaning' },
    { name: 'net', purpose: 'networks of VMs: cards, ports, segments, bridges' },
    {
      name: 'host-view',
      purpose: 'what a guest may see of this machine: exports, hidden files, copies',
    },
    { name: 'schedule', purpose: 'what may run now: CPUs and memory, across processes' },
    {
      name: 'boot',
      purpose: 'from a kernel to an agent that answers: decision, cold boot, template, clone',
    },
    {
      name: 'life',
      purpose: 'from an answering agent to a verdict: command, limits, reports, policies, end',
    },
    { name: 'vms', purpose: 'VMs that stay: keeper, registry, exec, copies, snapshots' },
    { name: 'run', purpose: 'one command in one VM: run, repeat, replay' },
    { name: 'crashes', purpose: 'crashes of all runs: list, show, compare, export, ignore' },
    { name: 'logs', purpose: 'any log: reports in it, patterns of it' },
    { name: 'ssh', purpose: 'ssh into VMs through the agent' },
    { name: 'debug', purpose: 'gdb and drgn on VMs' },
    { name: 'doctor', purpose: 'what works on this machine, and what is missing' },
    { name: 'names', purpose: 'what things are called, for completion: VMs, kernels, runs …' },
  ],
  kernel: [
    { name: 'arch', purpose: 'what an architecture decides for kernels: one row each' },
    {
      name: 'tree',
      purpose: 'source trees: finding, fingerprints, copies of those built in place',
    },
    { name: 'kconfig', purpose: 'options: parsing, expressions, why one is lost; profiles' },
    {
      name: 'ready-made',
      purpose:
        'kernels that are there: the cache, images, packages, modules, what booting them needs',
    },
    { name: 'build', purpose: 'from a tree and a profile to a kernel' },
  ],
  vm: [
    {
      name: 'machine',
      purpose: 'the hardware asked for, and what differs from architecture to architecture',
    },
    {
      name: 'argv',
      purpose: 'from a machine to the command lines of QEMU and of the kernel; pure',
    },
    { name: 'facts', purpose: 'what this QEMU and this machine can do: asked, not guessed' },
    {
      name: 'running',
      purpose: 'a VM from its start to its end: console, QMP, phases, why a boot failed, freezing',
    },
  ],
  crash: [
    {
      name: 'arch',
      purpose: 'what an architecture decides for dumps and instructions: one row each',
    },
    { name: 'roles', purpose: 'what functions of the kernel are for, from its sources' },
    { name: 'rows', purpose: 'what complaints look like, and their titles: one row each' },
    { name: 'report', purpose: 'one complaint: its lines, traces, whom to blame, its fingerprint' },
    { name: 'log', purpose: 'streams of lines: finding reports, patterns, stuck tasks' },
    { name: 'symbols', purpose: 'symbol tables, instructions' },
    { name: 'dump', purpose: 'memory dumps: formats, page tables, tasks, stacks, the kernel log' },
  ],
}

/** Packages that only one module may touch. */
export const OWNER: Readonly<Record<string, string>> = {
  'node:child_process': 'host',
  'node:sqlite': 'store',
  kysely: 'store',
  commander: 'cli',
  'get-east-asian-width': 'cli',
}

/** Files of src, the tables (arch.ts) apart, whose code names an architecture: by which words, in lower case, and why. */
export const ARCH_BOUND: Readonly<Record<string, { words: readonly string[]; why: string }>> = {
  'crash/dump/orc-step.ts': { words: ['r10', 'r13'], why: 'ORC; chosen by the row' },
  'crash/roles/names.ts': { words: ['x86'], why: 'functions that reports name' },
  'crash/rows/rows.ts': { words: ['rip', 'eip'], why: 'what reports of all architectures say' },
  'kernel/ready-made/image.ts': {
    words: ['bzimage', 'x86'],
    why: 'reads the header of images of that format',
  },
  'vm/facts/kvm-probe.ts': {
    words: ['x86', 'microvm'],
    why: 'machine code; one probe for each row',
  },
  'lab/config/schema.ts': {
    words: ['qemu-system-', 'x86', 'microvm', 'q35'],
    why: 'defaults and machine types, which a test compares with the row, for loading tables takes time; an example',
  },
  'lab/boot/display.ts': { words: ['qemu-system-'], why: "Debian's package for all of them" },
  'lab/net/bridge.ts': { words: ['qemu-system-'], why: "Debian's package for all of them" },
  'vm/running/diagnosis.ts': { words: ['q35'], why: 'what to do where one row has no place' },
  'cli/options.ts': { words: ['microvm', 'q35'], why: 'the machine types of the schema' },
  'cli/commands/debug.ts': { words: ['bzimage'], why: 'an example' },
}

/** The tables as docs/architecture.md has them. */
export function roomTables(): string {
  const modules = Object.entries(MODULES).map(
    ([name, { purpose, imports }]) => `| \`${name}\` | ${purpose} | ${imports.join(', ') || '-'} |`,
  )
  const rooms = Object.entries(ROOMS).map(
    ([module, all]) =>
      `### Rooms of \`src/${module}\`\n\n| room | what it is for |\n|---|---|\n${all
        .map(({ name, purpose }) => `| \`${name}/\` | ${purpose} |`)
        .join('\n')}\n`,
  )
  return `| module | what it is for | may import |\n|---|---|---|\n${modules.join('\n')}\n\n${rooms.join('\n')}`
}
