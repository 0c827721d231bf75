import type { KconfigValue } from '../kconfig/kconfig.ts'

/** What a run asks of a kernel. */
export interface BootWishes {
  /** Whether host directories are exported, and which daemon this host has for it. */
  readonly shares: boolean
  readonly virtiofs: boolean
  /** How they must come; auto decides by the kernel. */
  readonly transport: '9p' | 'virtiofs' | 'auto'
  readonly overlay: boolean
  readonly needsPci: boolean
  /** The option of its serial console, without CONFIG_. */
  readonly console: string
  readonly network: boolean
  /** Options that its disks need, without CONFIG_. */
  readonly disks: readonly string[]
}

export interface BootPlan {
  /** How its devices come: without PCI, or by it. */
  readonly bus: 'mmio' | 'pci'
  readonly transport: '9p' | 'virtiofs'
  readonly pvpanic: boolean
  /** Modules to be loaded by the agent, in this order; their dependencies come with them. */
  readonly modules: readonly string[]
}

/** Options and the modules that they are. */
const MODULE_OF = {
  VIRTIO_MMIO: 'virtio_mmio',
  VIRTIO_PCI: 'virtio_pci',
  VIRTIO_CONSOLE: 'virtio_console',
  HW_RANDOM_VIRTIO: 'virtio_rng',
  '9P_FS': '9p',
  NET_9P: '9pnet',
  NET_9P_VIRTIO: '9pnet_virtio',
  FUSE_FS: 'fuse',
  VIRTIO_FS: 'virtiofs',
  OVERLAY_FS: 'overlay',
  FW_CFG_SYSFS: 'qemu_fw_cfg',
  PVPANIC_MMIO: 'pvpanic-mmio',
  VIRTIO_NET: 'virtio_net',
  VIRTIO_BLK: 'virtio_blk',
  SCSI: 'scsi_mod',
  SCSI_VIRTIO: 'virtio_scsi',
  BLK_DEV_SD: 'sd_mod',
  BLK_DEV_NVME: 'nvme',
  LIBNVDIMM: 'libnvdimm',
  BLK_DEV_PMEM: 'nd_pmem',
  VIRTIO_PMEM: 'virtio_pmem',
} as const satisfies Record<string, string>

type Option = keyof typeof MODULE_OF

const ALWAYS = ['BLK_DEV_INITRD', 'DEVTMPFS', 'PROC_FS', 'SYSFS', 'TMPFS'] as const
const NINE_P = ['NET_9P', 'NET_9P_VIRTIO', '9P_FS'] as const
const VIRTIOFS = ['FUSE_FS', 'VIRTIO_FS'] as const

export type Config = ReadonlyMap<string, KconfigValue>

/**
 * How a kernel can be booted for these wishes, decided by its configuration: what is missing is returned instead, as
 * CONFIG_ names. Without a configuration the kernel is taken to have everything built in; the boot will tell.
 */
export function planBoot(
  config: Config | undefined,
  wishes: BootWishes,
): BootPlan | { readonly missing: readonly string[] } {
  if (!config)
    return {
      bus: wishes.needsPci ? 'pci' : 'mmio',
      transport: wishes.transport === 'virtiofs' ? 'virtiofs' : '9p',
      pvpanic: false,
      modules: [],
    }
  const has = (option: string) => ['y', 'm'].includes(config.get(option) ?? 'n')
  const bus = !wishes.needsPci && has('VIRTIO_MMIO') ? 'VIRTIO_MMIO' : 'VIRTIO_PCI'
  const transport = shareTransport(has, wishes)
  const needed: string[] = [
    ...ALWAYS,
    wishes.console,
    'VIRTIO_CONSOLE',
    bus,
    ...(wishes.shares ? (transport === '9p' ? NINE_P : VIRTIOFS) : []),
    ...(wishes.shares && wishes.overlay ? ['OVERLAY_FS'] : []),
    ...(wishes.network ? ['VIRTIO_NET', 'INET'] : []),
    ...wishes.disks,
  ]
  const missing = needed.filter((option) => !has(option))
  if (missing.length > 0)
    return { missing: missing.map((option) => explainMissing(option, wishes)) }
  const optional = ['HW_RANDOM_VIRTIO', 'PVPANIC_MMIO', 'FW_CFG_SYSFS'].filter(has)
  const modules = [...needed, ...optional].filter((option) => config.get(option) === 'm')
  return {
    bus: bus === 'VIRTIO_MMIO' ? 'mmio' : 'pci',
    transport,
    pvpanic: has('PVPANIC_MMIO'),
    modules: modules.map((option) => MODULE_OF[option as Option] ?? option.toLowerCase()),
  }
}

function shareTransport(
  has: (option: string) => boolean,
  { virtiofs, transport }: BootWishes,
): '9p' | 'virtiofs' {
  if (transport !== 'auto') return transport
  if (NINE_P.every(has)) return '9p'
  return virtiofs && VIRTIOFS.every(has) ? 'virtiofs' : '9p'
}

function explainMissing(option: string, wishes: BootWishes): string {
  const isNineP = (NINE_P as readonly string[]).includes(option)
  return `CONFIG_${option}${isNineP && !wishes.virtiofs && wishes.transport === 'auto' ? ' (or a virtiofsd on this host that this user can run; klab doctor)' : ''}`
}
