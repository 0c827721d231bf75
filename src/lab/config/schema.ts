import { z } from 'zod'

import { RUN_POLICIES } from '../outcome/crash-policy.ts'
import { compilePattern } from '../outcome/pattern.ts'
import { messageOf, parseDurationMs, parseSizeBytes, parseSizeMiB } from '../../base/index.ts'

/** `90s`, `5m`, or a number of seconds; in milliseconds inside. */
const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const ms = parseDurationMs(String(value))
  if (ms !== undefined) return ms
  context.addIssue(`${JSON.stringify(value)} is not a duration such as 90s, 5m or 1h`)
  return z.NEVER
})

const memory = z.union([z.string(), z.number()]).transform((value, context) => {
  const mib = parseSizeMiB(String(value))
  if (mib !== undefined && mib >= 64 && mib <= 4 * 1024 * 1024) return mib
  context.addIssue(`${JSON.stringify(value)} is not a memory size such as 512M or 2G (64M to 4T)`)
  return z.NEVER
})

const size = z.union([z.string(), z.number()]).transform((value, context) => {
  const bytes = parseSizeBytes(String(value))
  if (bytes !== undefined) return bytes
  context.addIssue(`${JSON.stringify(value)} is not a size such as 500M or 20G`)
  return z.NEVER
})

/** Guests write what it is matched against. */
const regex = z.string().superRefine((text, context) => {
  try {
    compilePattern(text)
  } catch (error) {
    context.addIssue(messageOf(error))
  }
})

const allowRule = z
  .strictObject({
    report: regex
      .optional()
      .describe('a regular expression (RE2) that the title or the text matches'),
    crash: z.string().optional().describe('the id of a crash, as klab crash ls prints it'),
    reason: z.string().min(1).describe('why it does not count'),
  })
  .refine(
    ({ report, crash }) => (report === undefined) !== (crash === undefined),
    'it needs either report: REGEX or crash: ID',
  )

const machineFields = {
  cpus: z.int().min(1).max(255).describe('virtual CPUs'),
  memory: memory.describe('memory, such as 1G'),
  accel: z
    .enum(['auto', 'kvm', 'tcg'])
    .describe('auto takes KVM where a probe guest really runs under it, and emulates otherwise'),
  type: z
    .enum(['auto', 'microvm', 'q35'])
    .describe('auto takes microvm unless something needs PCI'),
  root: z
    .enum(['host', 'none'])
    .describe('host: a copy-on-write view of this machine; none: the bare initramfs'),
  shares: z
    .array(z.string())
    .describe('host directories in the guest: [ro|rw|cow[,cached]:]HOST[:GUEST]'),
  shareFallback: z
    .enum(['none', 'copy'])
    .describe('copy: shares of a kernel that can mount none are copied in, and rw ones back'),
  transport: z
    .enum(['auto', '9p', 'virtiofs'])
    .describe(
      'how host directories reach the guest; auto takes 9p where the kernel has it, because a virtiofs device cannot be cloned',
    ),
  net: z
    .union([z.string(), z.array(z.string())])
    .describe(
      'network, or a list of them for one card each: none, user (out through this machine), restrict (no way out), bridge=NAME, lab:NAME (a private segment)',
    ),
  publish: z
    .array(z.string())
    .describe('ports of the guest on this machine, with net user: [ADDRESS:]PORT:GUESTPORT[/udp]'),
  display: z
    .enum(['none', 'gtk', 'sdl', 'vnc', 'vnc-port', 'spice'])
    .describe(
      'a screen for the guest; vnc and spice listen on a unix socket, vnc-port on a free port of 127.0.0.1',
    ),
  parameters: z.array(z.string()).describe('further kernel parameters'),
  disks: z
    .array(z.string())
    .describe(
      'disks: SIZE (empty, gone with the VM) or FILE, with :ro, :rw or :cow, :virtio, :nvme, :scsi, :pmem or :zoned, :slow=IOPS, :serial=NAME',
    ),
  topology: z
    .string()
    .nullable()
    .describe('how the CPUs lie: SOCKETSxCORESxTHREADS, such as 2x2x1'),
  nodes: z
    .int()
    .min(1)
    .max(128)
    .describe('nodes of memory (NUMA), among which memory and CPUs are divided evenly'),
  pin: z
    .array(z.int().min(0))
    .describe('CPUs of this machine that the virtual CPUs are bound to, in their order'),
  reboot: z.boolean().describe('whether the guest may reset the machine, or start another kernel'),
  qemuArgs: z
    .array(z.string())
    .describe("further arguments for QEMU; what they break is nobody's bug"),
  bootTimeout: duration.describe(
    'limit from the start of QEMU to the start of the command; multiplied when emulating, and by what the kernel costs',
  ),
  timeout: duration.nullable().describe('limit for the command, never multiplied; none by default'),
  idleTimeout: duration
    .nullable()
    .describe(
      'limit for silence, of the command and the console, never multiplied; none by default',
    ),
}

const machine = z.strictObject({
  cpus: machineFields.cpus.default(2),
  memory: memory.prefault('1G').describe('memory, such as 1G'),
  accel: machineFields.accel.default('auto'),
  type: machineFields.type.default('auto'),
  root: machineFields.root.default('host'),
  shares: machineFields.shares.default([]),
  shareFallback: machineFields.shareFallback.default('none'),
  transport: machineFields.transport.default('auto'),
  net: machineFields.net.default('none'),
  publish: machineFields.publish.default([]),
  display: machineFields.display.default('none'),
  parameters: machineFields.parameters.default([]),
  disks: machineFields.disks.default([]),
  topology: machineFields.topology.default(null),
  nodes: machineFields.nodes.default(1),
  pin: machineFields.pin.default([]),
  reboot: machineFields.reboot.default(false),
  qemuArgs: machineFields.qemuArgs.default([]),
  bootTimeout: duration
    .prefault('30s')
    .describe(
      'limit from the start of QEMU to the start of the command; multiplied when emulating, and by what the kernel costs',
    ),
  timeout: machineFields.timeout.default(null),
  idleTimeout: machineFields.idleTimeout.default(null),
})

/** Also the name of a directory. */
const profileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'a name has letters, digits, dots and dashes')

const profile = z.strictObject({
  base: z
    .string()
    .default('minimal')
    .describe('what it goes on from: a profile, or a configuration as build.configBase names it'),
  fragments: z
    .array(z.string())
    .default([])
    .describe(
      'files with kernel options, relative to this one, and options as CONFIG_X=y; later ones win',
    ),
  parameters: z.array(z.string()).default([]).describe('kernel parameters that go with it'),
  summary: z.string().default('').describe('what it is for'),
})

/** The one schema of the configuration: validation, defaults, documentation and JSON Schema come from it. */
export const configSchema = z.strictObject({
  profile: z
    .string()
    .default('minimal')
    .describe('the kernel profile that is built when none is named'),
  profiles: z
    .record(profileName, profile)
    .default({})
    .describe(
      'kernel profiles of your own: {base: PROFILE or configuration, fragments: [files, CONFIG_X=y], parameters: [...], summary: TEXT}, chosen with --profile NAME',
    ),
  machine: machine.prefault({}).describe('the virtual machine of every run'),
  machines: z
    .record(z.string(), z.strictObject(machineFields).partial())
    .default({})
    .describe('named variants of machine, chosen with --machine NAME'),
  build: z
    .strictObject({
      compiler: z
        .enum(['gcc', 'llvm'])
        .default('gcc')
        .describe('gcc, or clang with the LLVM tools'),
      crossCompile: z
        .string()
        .default('')
        .describe('prefix of a cross toolchain, x86_64-linux-gnu-'),
      ccache: z.boolean().default(true).describe('use ccache where it is installed'),
      jobs: z
        .int()
        .min(0)
        .max(1024)
        .default(0)
        .describe('parallel compilers; 0 decides from CPUs and memory'),
      options: z
        .array(z.string())
        .default([])
        .describe('kernel options for every build, as CONFIG_X=y; they win over the profile'),
      configBase: z
        .string()
        .default('')
        .describe(
          'the whole configuration that all is laid over: a file, relative to this one, or running, defconfig, tree; the base of the profile when empty',
        ),
    })
    .prefault({})
    .describe('how kernels are built'),
  run: z
    .strictObject({
      grace: duration
        .prefault('25ms')
        .describe('how long to wait for late reports after the command has ended'),
      onCrash: z
        .enum(RUN_POLICIES)
        .default('stop')
        .describe(
          'when the kernel complains: stop ends the run when the report is complete, dump writes the memory first, continue lets the command go on, pause keeps the machine as it is for klab inspect and debug',
        ),
      allowReports: z
        .array(allowRule)
        .default([])
        .describe(
          'kernel reports that do not make a run crashed: {report: REGEX of title or text} or {crash: ID}, each with its {reason: TEXT}',
        ),
      env: z
        .array(z.string())
        .default([])
        .describe('environment variables for the guest: NAME to pass on, NAME=VALUE to set'),
      templates: z
        .boolean()
        .default(true)
        .describe('whether runs are clones of a VM that was frozen after its boot'),
      hide: z
        .array(z.string())
        .default([])
        .describe(
          'further paths of this machine that guests never see, absolute or from the home directory',
        ),
    })
    .prefault({})
    .describe('how commands are run'),
  qemu: z.string().default('qemu-system-x86_64').describe('the QEMU to use, by name or path'),
  virtiofsd: z
    .string()
    .default('virtiofsd')
    .describe('the virtiofs daemon to use, by name or path'),
  limits: z
    .strictObject({
      kernels: size
        .prefault('20G')
        .describe('size of the kernels and build directories that clean keeps'),
      templates: size.prefault('8G').describe('size of the templates that are kept'),
      runs: z.int().min(1).default(1000).describe('how many finished runs are kept'),
      runsSize: size.prefault('2G').describe('size of the recorded runs that are kept'),
    })
    .prefault({})
    .describe('what the cache and the state may grow to'),
})

export type Config = z.infer<typeof configSchema>
/** A configuration as people write it, in part. */
export type ConfigInput = z.input<typeof configSchema>
export type MachineConfig = Config['machine']
