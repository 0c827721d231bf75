import { describe, expect, test } from 'vitest'

import { planBoot, type BootWishes, type Config } from './boot-needs.ts'

const ALWAYS = 'BLK_DEV_INITRD DEVTMPFS PROC_FS SYSFS TMPFS SERIAL_8250_CONSOLE VIRTIO_CONSOLE'
const NINE_P = 'NET_9P NET_9P_VIRTIO 9P_FS'
const VIRTIOFS = 'FUSE_FS VIRTIO_FS'

const nothing: BootWishes = {
  ...{ shares: false, virtiofs: false, transport: 'auto', overlay: false },
  ...{ needsPci: false, network: false, disks: [], console: 'SERIAL_8250_CONSOLE' },
}

/** A kernel with what every boot needs, by either bus, and more: `9P_FS` is built in, `9P_FS=m` a module. */
function kernel(...more: string[]): Config {
  const options = `${ALWAYS} VIRTIO_MMIO VIRTIO_PCI ${more.join(' ')}`.trim().split(' ')
  return new Map(
    options.map((option): [string, string] => {
      const [name = '', value = 'y'] = option.split('=')
      return [name, value]
    }),
  )
}

describe('without a configuration everything is taken to be built in', () => {
  const plain = { bus: 'mmio', transport: '9p', pvpanic: false, modules: [] }
  test.each<[string, Partial<BootWishes>, object]>([
    ['a plain boot', {}, plain],
    ['one that needs PCI', { needsPci: true }, { ...plain, bus: 'pci' }],
    ['virtiofs asked for', { transport: 'virtiofs' }, { ...plain, transport: 'virtiofs' }],
    ['disks and a network', { network: true, disks: ['BLK_DEV_NVME'], shares: true }, plain],
  ])('%s', (_, wishes, plan) => {
    expect(planBoot(undefined, { ...nothing, ...wishes })).toEqual(plan)
  })
})

describe('how directories come', () => {
  const both = kernel(NINE_P, VIRTIOFS)
  const nine = kernel(NINE_P)
  const virtiofs = kernel(VIRTIOFS)
  test.each<[string, Config, Partial<BootWishes>, string]>([
    ['by 9p where the kernel has it', both, { virtiofs: true }, '9p'],
    ['by virtiofs where it alone is there', virtiofs, { virtiofs: true }, 'virtiofs'],
    ['by what is asked for', both, { transport: 'virtiofs', virtiofs: true }, 'virtiofs'],
    ['by 9p, asked for', nine, { transport: '9p' }, '9p'],
  ])('%s', (...[, config, wishes, transport]) => {
    expect(planBoot(config, { ...nothing, shares: true, ...wishes })).toMatchObject({ transport })
  })
})

describe('the bus', () => {
  test.each<[string, Config, boolean, string]>([
    ['is mmio where nothing needs another', kernel(), false, 'mmio'],
    ['is PCI when something needs it', kernel(), true, 'pci'],
    ['is PCI when the kernel has no mmio', kernel('VIRTIO_MMIO=n'), false, 'pci'],
  ])('%s', (...[, config, needsPci, bus]) => {
    expect(planBoot(config, { ...nothing, needsPci })).toMatchObject({ bus })
  })
})

describe('modules', () => {
  test('come in the order in which they are needed, what is optional last', () => {
    const config = kernel(
      'VIRTIO_CONSOLE=m VIRTIO_MMIO=m NET_9P=m NET_9P_VIRTIO=m 9P_FS=m OVERLAY_FS=m',
      'VIRTIO_NET=m INET HW_RANDOM_VIRTIO=m PVPANIC_MMIO=m FW_CFG_SYSFS=m',
    )
    const wishes = { ...nothing, shares: true, overlay: true, network: true }
    expect(planBoot(config, wishes)).toEqual({
      ...{ bus: 'mmio', transport: '9p', pvpanic: true },
      modules: [
        ...['virtio_console', 'virtio_mmio', '9pnet', '9pnet_virtio', '9p', 'overlay'],
        ...['virtio_net', 'virtio_rng', 'pvpanic-mmio', 'qemu_fw_cfg'],
      ],
    })
  })

  test('of what is not asked for are not loaded', () => {
    const config = kernel('9P_FS=m NET_9P=m NET_9P_VIRTIO=m VIRTIO_NET=m OVERLAY_FS=m')
    expect(planBoot(config, nothing)).toMatchObject({ modules: [] })
  })

  test('of disks have the names of their options where they have no other', () => {
    const wishes = { ...nothing, disks: ['BLK_DEV_NVME', 'BLK_DEV_ZONED'] }
    expect(planBoot(kernel('BLK_DEV_NVME=m BLK_DEV_ZONED=m'), wishes)).toMatchObject({
      modules: ['nvme', 'blk_dev_zoned'],
    })
  })
})

describe('what a kernel lacks is named', () => {
  const orDaemon = ' (or a virtiofsd on this host that this user can run; klab doctor)'
  test.each<[string, Config, Partial<BootWishes>, string[]]>([
    ['what every boot needs', kernel('DEVTMPFS=n'), {}, ['CONFIG_DEVTMPFS']],
    [
      'either bus, by the one that would do',
      kernel('VIRTIO_MMIO=n VIRTIO_PCI=n'),
      {},
      ['CONFIG_VIRTIO_PCI'],
    ],
    ['PCI', kernel('VIRTIO_PCI=n'), { needsPci: true }, ['CONFIG_VIRTIO_PCI']],
    ['the overlay', kernel(NINE_P), { shares: true, overlay: true }, ['CONFIG_OVERLAY_FS']],
    ['the network', kernel(), { network: true }, ['CONFIG_VIRTIO_NET', 'CONFIG_INET']],
    ['a disk', kernel(), { disks: ['VIRTIO_BLK'] }, ['CONFIG_VIRTIO_BLK']],
    [
      '9p, and that a daemon would do instead',
      kernel(VIRTIOFS, 'NET_9P NET_9P_VIRTIO'),
      { shares: true },
      [`CONFIG_9P_FS${orDaemon}`],
    ],
    [
      '9p alone, where the daemon is there and the kernel has no virtiofs either',
      kernel('NET_9P NET_9P_VIRTIO'),
      { shares: true, virtiofs: true },
      ['CONFIG_9P_FS'],
    ],
    [
      '9p alone, where 9p is asked for',
      kernel('NET_9P NET_9P_VIRTIO'),
      { shares: true, transport: '9p' },
      ['CONFIG_9P_FS'],
    ],
    [
      'virtiofs, asked for',
      kernel(NINE_P),
      { shares: true, transport: 'virtiofs', virtiofs: true },
      ['CONFIG_FUSE_FS', 'CONFIG_VIRTIO_FS'],
    ],
  ])('%s', (...[, config, wishes, missing]) => {
    expect(planBoot(config, { ...nothing, ...wishes })).toEqual({ missing })
  })

  test('and nothing that is not asked for', () => {
    expect(planBoot(kernel(), nothing)).not.toHaveProperty('missing')
  })
})
