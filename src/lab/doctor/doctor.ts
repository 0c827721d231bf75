import { accessSync, constants } from 'node:fs'

import { InfraError, messageOf } from '../../base/index.ts'
import { confined, describeExit, findProgram, run, runInteractive } from '../../host/index.ts'
import { DEFAULT_ARCH } from '../../kernel/index.ts'
import {
  acceleratorVerdict,
  archFacts,
  machineTypesOf,
  neededDevices,
  PLAIN,
  qemuFacts,
} from '../../vm/index.ts'
import { isCVirtiofsd, qemuPath, virtiofsdPath, type Lab } from '../session/context.ts'
import { findTool, packagesFor, type PackageManager, TOOLS, type Tool } from './tools.ts'

export interface Finding {
  readonly name: string
  readonly state: 'ok' | 'missing' | 'limited'
  /** Version, verdict or what was seen. */
  readonly detail: string
  /** What it is for, and what works without it. */
  readonly purpose: string
  readonly without: string
  /** How to get it, as one command or sentence. */
  readonly fix?: string
}

export interface Diagnosis {
  readonly findings: readonly Finding[]
  readonly manager: PackageManager | undefined
  /** Packages that --fix would install, and the command for it. */
  readonly packages: readonly string[]
}

/** Every tool and permission that klab may use, tried and not guessed. */
export async function examineHost(lab: Lab): Promise<Diagnosis> {
  const manager = packageManager(lab)
  const tools = await Promise.all(TOOLS.map((tool) => examineTool(lab, tool, manager)))
  const others = await Promise.all([
    qemuDevices(lab),
    accelerator(lab),
    namespaces(lab),
    virtiofsd(lab),
    staticC(lab, manager),
  ])
  const findings = [...tools, ...others.flat()]
  const missing = TOOLS.filter((_, index) => tools[index]?.state === 'missing')
  const packages = manager ? packagesFor(missing, manager) : []
  const libc = others
    .flat()
    .some(({ name, state }) => name === 'static C library' && state === 'missing')
  return {
    findings,
    manager,
    packages: [...new Set([...packages, ...(libc && manager ? manager.staticLibc : [])])],
  }
}

/**
 * Installs the missing packages, as root, when `agree` says yes to the command. Returns whether it was done; throws
 * InfraError when the package manager fails.
 */
export async function installMissing(
  lab: Lab,
  { manager, packages }: Diagnosis,
  agree: (command: string) => Promise<boolean>,
): Promise<boolean> {
  if (!manager) {
    throw new InfraError(
      'PACKAGES',
      'no package manager that klab knows (apt, dnf, pacman, zypper); install by hand',
    )
  }
  const asRoot = lab.uid === 0 ? [] : ['sudo']
  const commands = [
    ...(manager.refresh ? [manager.refresh] : []),
    [...manager.install, ...packages],
  ]
  if (!(await agree(commands.map((command) => [...asRoot, ...command].join(' ')).join(' && '))))
    return false
  for (const command of commands) {
    const [file = '', ...args] = [...asRoot, ...command]
    const exit = runInteractive(file, args, { stdoutTo: 'stderr' })
    if (exit.kind !== 'exited' || exit.code !== 0) {
      throw new InfraError('PACKAGES', `${[file, ...args].join(' ')} failed: ${describeExit(exit)}`)
    }
  }
  return true
}

async function examineTool(
  lab: Lab,
  tool: Tool,
  manager: PackageManager | undefined,
): Promise<Finding> {
  const path = findTool(tool, lab.env['PATH'])
  const common = { name: tool.name, purpose: tool.purpose, without: tool.without }
  const fix = manager
    ? `${manager.install.join(' ')} ${packagesFor([tool], manager).join(' ')}`
    : `install ${tool.name}`
  if (path === undefined) return { ...common, state: 'missing', detail: 'not found', fix }
  if (!tool.versionArgs) return { ...common, state: 'ok', detail: path }
  const { exit, stdout, stderr } = await run(path, tool.versionArgs, { timeoutMs: 5_000 })
  const version = /\d+\.\d[\w.+-]*/.exec(stdout + stderr)?.[0] ?? 'version unknown'
  if (exit.kind === 'exited') return { ...common, state: 'ok', detail: `${version} (${path})` }
  return { ...common, state: 'missing', detail: `${path} does not run`, fix }
}

async function qemuDevices(lab: Lab): Promise<Finding[]> {
  const common = {
    name: 'QEMU devices',
    purpose: 'the machine klab builds for a guest',
    without: 'no VM',
  }
  try {
    const { devices, machines } = await qemuFacts(qemuPath(lab), lab.paths.cache)
    const types = machineTypesOf(DEFAULT_ARCH)
    const needed = new Set([
      ...types.flatMap((type) => neededDevices({ ...PLAIN, arch: DEFAULT_ARCH, type }, '9p')),
      archFacts(DEFAULT_ARCH).panicDevice,
      'vmcoreinfo',
    ])
    const missing = [
      ...types.filter((machine) => !machines.includes(machine)),
      ...[...needed].filter((device) => !devices.includes(device)),
    ]
    if (missing.length === 0)
      return [{ ...common, state: 'ok', detail: `${types.join(', ')} and all devices are there` }]
    return [
      {
        ...common,
        state: 'limited',
        detail: `lacks ${missing.join(', ')}`,
        fix: 'install a complete QEMU',
      },
    ]
  } catch (error) {
    return [{ ...common, state: 'missing', detail: messageOf(error) }]
  }
}

async function accelerator(lab: Lab): Promise<Finding[]> {
  const common = {
    name: 'KVM',
    purpose: 'guests at full speed',
    without:
      'guests are emulated (TCG), 3 to 10 times slower; limits of klab are scaled (--boot-timeout, answers of a guest), --timeout and --idle-timeout are as you say',
  }
  try {
    const { kvm, why, tscKHz } = await acceleratorVerdict(
      { qemu: qemuPath(lab), arch: DEFAULT_ARCH },
      lab.paths.cache,
    )
    if (kvm) return [{ ...common, state: 'ok', detail: why }]
    const clock =
      tscKHz > 0 ? `; guests get a ${(tscKHz / 1e6).toFixed(2)} GHz time-stamp counter` : ''
    return [{ ...common, state: 'limited', detail: `emulating: ${why}${clock}` }]
  } catch (error) {
    return [{ ...common, state: 'missing', detail: messageOf(error) }]
  }
}

async function namespaces(lab: Lab): Promise<Finding[]> {
  const common = {
    name: 'mount namespaces',
    purpose:
      'the read-only view of this machine for guests, without its secrets; read-only sources while building',
    without:
      'only --root none, and shares in which nothing is hidden; what is mounted in them meanwhile is seen; builds use the real paths',
  }
  const [file, args] = await confined(
    ['true'],
    { binds: [{ from: '/', at: '/', readOnly: true }] },
    lab.paths.cache,
  ).catch(() => ['false', []] as [string, string[]])
  const { exit, stderr } = await run(file, args)
  if (exit.kind === 'exited' && exit.code === 0)
    return [{ ...common, state: 'ok', detail: lab.uid === 0 ? 'as root' : 'with a user namespace' }]
  const detail = stderr.trim().replace(/^klab-launch: /, '') || 'not allowed'
  // The launcher knows which one it is, where one is at fault.
  const setting = /sysctl \S+/.exec(detail)?.[0]
  return [{ ...common, state: 'missing', detail, ...(setting !== undefined && { fix: setting }) }]
}

async function virtiofsd(lab: Lab): Promise<Finding[]> {
  const path = virtiofsdPath(lab)
  const common = {
    name: 'virtiofsd',
    purpose: 'sharing with kernels that have no 9p (Debian cloud, RHEL)',
    without: '9p',
  }
  if (path === undefined)
    return [{ ...common, state: 'missing', detail: 'not found', fix: 'install virtiofsd' }]
  if (lab.uid !== 0 && isCVirtiofsd(path))
    return [
      {
        ...common,
        state: 'limited',
        detail: `${path} needs root`,
        fix: 'install the Rust virtiofsd',
      },
    ]
  return [{ ...common, state: 'ok', detail: path }]
}

async function staticC(lab: Lab, manager: PackageManager | undefined): Promise<Finding[]> {
  const common = {
    name: 'static C library',
    purpose: "building klab's guest agent and launcher",
    without: 'a release with the binaries in it',
  }
  const gcc = findProgram('gcc', lab.env['PATH'])
  const { stdout } = gcc ? await run(gcc, ['-print-file-name=libc.a']) : { stdout: '' }
  const path = stdout.trim()
  try {
    accessSync(path, constants.R_OK)
    return [{ ...common, state: 'ok', detail: path }]
  } catch {
    return [
      {
        ...common,
        state: 'missing',
        detail: 'no libc.a',
        ...(manager && { fix: `${manager.install.join(' ')} ${manager.staticLibc.join(' ')}` }),
      },
    ]
  }
}

/** The package manager of this machine, if klab knows it. */
function packageManager(lab: Lab): PackageManager | undefined {
  return MANAGERS.find(
    ({ program }) => findProgram(program, lab.env['PATH'], ['/usr/bin', '/usr/sbin']) !== undefined,
  )
}

const MANAGERS: readonly PackageManager[] = [
  {
    kind: 'apt',
    program: 'apt-get',
    refresh: ['apt-get', 'update', '-qq'],
    install: ['apt-get', 'install', '--yes', '--no-install-recommends'],
    staticLibc: ['libc6-dev'],
  },
  { kind: 'dnf', program: 'dnf', install: ['dnf', 'install', '-y'], staticLibc: ['glibc-static'] },
  {
    kind: 'pacman',
    program: 'pacman',
    install: ['pacman', '-S', '--noconfirm', '--needed'],
    staticLibc: ['glibc'],
  },
  {
    kind: 'zypper',
    program: 'zypper',
    install: ['zypper', '--non-interactive', 'install'],
    staticLibc: ['glibc-devel-static'],
  },
]
