/** The compiler's copies of a function are the function: `f.cold`, `f.isra.0`, `f.constprop.3`, `f.part.1`, `f.llvm.123`. */
export function withoutClones(symbol: string): string {
  return symbol.replace(/^__cfi_/, '').replace(/[.$].*$/, '')
}

/** How a system call is called on its way in: arch/x86/include/asm/syscall_wrapper.h and its like, include/linux/syscalls.h. */
const ENTRIES = [
  ...[
    'SYSC_',
    'SyS_',
    'sys_',
    '____sys_',
    '___sys_',
    '__sys_',
    '__se_sys_',
    '__se_',
    '__do_sys_',
    'ksys_',
  ],
  ...['compat_SYSC_', 'compat_SyS_', '__se_compat_sys_', '__do_compat_sys_'],
  ...[
    '___x64_',
    '__x64_',
    '__x32_',
    '__ia32_',
    '__arm64_',
    '__riscv_',
    '__s390x_',
    '__s390_',
    '__powerpc_',
    '__loongarch_',
  ],
]

/** A function and what it is called without each prefix of a system call's entry, the shortest first: `mremap`, `sys_mremap`, `__se_sys_mremap`. */
export function namesOf(symbol: string): string[] {
  const names = ENTRIES.filter(
    (entry) => symbol.startsWith(entry) && symbol.length > entry.length,
  ).map((entry) => symbol.slice(entry.length))
  return [symbol, ...names].toSorted((a, b) => a.length - b.length)
}
