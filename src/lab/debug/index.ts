export { gdbSocket } from '../vms/control.ts'
export { attachDrgn, canAttach } from './drgn.ts'
export { debugVm } from './gdb.ts'
export { vmlinuxOfVm } from './symbols-of-vm.ts'
