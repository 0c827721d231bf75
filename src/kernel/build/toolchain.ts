import { InfraError } from '../../base/index.ts'
import { availableMemoryMiB, cpuCount, run } from '../../host/index.ts'

export interface ToolchainChoice {
  /** `gcc`, or `llvm` for clang and LLVM's binutils. */
  readonly compiler: 'gcc' | 'llvm'
  /** Prefix of a cross toolchain, `x86_64-linux-gnu-`. */
  readonly crossCompile?: string
  /** Whether ccache stands before the compiler. */
  readonly ccache: boolean
}

export interface Toolchain extends ToolchainChoice {
  /** First line of the compiler's --version: part of what a kernel is made from. */
  readonly version: string
}

/** Finds the compiler and asks it for its version. Throws InfraError if it does not run. */
export async function findToolchain(choice: ToolchainChoice): Promise<Toolchain> {
  const command = compilerOf(choice)
  const { exit, stdout } = await run(command, ['--version'])
  if (exit.kind === 'exited' && exit.code === 0) {
    return { ...choice, version: stdout.split('\n')[0]?.trim() ?? 'unknown' }
  }
  throw new InfraError(
    'TOOLCHAIN',
    `the compiler ${command} does not run; install it, or choose another with build.compiler or build.crossCompile (klab doctor)`,
  )
}

/** The variables that make the kernel's build use it. */
export function toolchainVariables({ compiler, crossCompile, ccache }: Toolchain): string[] {
  const cc = compilerOf({ compiler, ccache, ...(crossCompile !== undefined && { crossCompile }) })
  return [
    ...(compiler === 'llvm' ? ['LLVM=1'] : []),
    ...(crossCompile ? [`CROSS_COMPILE=${crossCompile}`] : []),
    ...(ccache ? [`CC=ccache ${cc}`] : []),
  ]
}

/** One compiler per CPU, as long as each has the memory that the largest files need (about 0.7 GiB with KASAN). */
export function defaultJobs(): number {
  return Math.max(1, Math.min(cpuCount(), Math.floor(availableMemoryMiB() / 700)))
}

function compilerOf({ compiler, crossCompile = '' }: ToolchainChoice): string {
  return compiler === 'llvm' ? 'clang' : `${crossCompile}gcc`
}
