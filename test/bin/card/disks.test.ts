import t from 'tap'
import {
  type Computer,
  type Disk,
  LARGEST_BYTES,
  listDisks,
  refuseDisk,
} from '../../../src/bin/card/disks.ts'

interface FakeDisk {
  sectors: number
  removable?: boolean
  usb?: boolean
  type?: string
  model?: string
  ro?: boolean
  parts?: string[]
  holders?: Record<string, string[]>
}

/** A computer with these disks; `mounts` are lines of mountinfo: device number, place, type, source. */
function computer(
  disks: Record<string, FakeDisk>,
  mounts: [string, string, string, string][] = [],
  swaps: string[] = [],
  links: Record<string, string> = {},
): Computer {
  const files = new Map<string, string>()
  const folders = new Map<string, string[]>([['/sys/block', Object.keys(disks)]])
  Object.entries(disks).forEach(([name, disk], major) => {
    const at = `/sys/block/${name}`
    files.set(`${at}/size`, String(disk.sectors))
    files.set(`${at}/removable`, disk.removable ? '1' : '0')
    files.set(`${at}/ro`, disk.ro ? '1' : '0')
    files.set(`${at}/dev`, `${major + 8}:0`)
    if (disk.type) files.set(`${at}/device/type`, disk.type)
    if (disk.model) files.set(`${at}/device/model`, disk.model)
    folders.set(at, ['size', 'queue', ...(disk.parts ?? [])])
    disk.parts?.forEach((part, n) => {
      files.set(`${at}/${part}/dev`, `${major + 8}:${n + 1}`)
    })
    for (const [part, holders] of Object.entries(disk.holders ?? {}))
      folders.set(part === name ? `${at}/holders` : `${at}/${part}/holders`, holders)
  })
  files.set(
    '/proc/self/mountinfo',
    mounts
      .map(([number, place, type, source]) => `22 1 ${number} / ${place} rw - ${type} ${source} rw`)
      .join('\n'),
  )
  files.set('/proc/swaps', ['Filename Type Size', ...swaps.map((s) => `${s} partition 1 0 -2`)].join('\n'))
  return {
    read: (path) => files.get(path) ?? null,
    list: (path) => folders.get(path) ?? [],
    link: (path) =>
      links[path] ??
      (disks[path.slice(11)]?.usb ? `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/block/x` : path),
  }
}

const GB16 = 31_116_288

/** The refusal of a disk of that computer. */
function refusal(c: Computer, name: string, need = 0): string | null {
  const disk = listDisks(c).find((d) => d.name === name)
  return disk ? refuseDisk(disk, need) : 'not listed'
}

t.test('cards are taken: in a reader, in a slot', async (t) => {
  const c = computer({
    sdb: { sectors: GB16, removable: true, usb: true, parts: ['sdb1', 'sdb2'], model: 'USB SD Reader' },
    mmcblk0: { sectors: GB16, type: 'SD', parts: ['mmcblk0p1'] },
    sdc: { sectors: GB16, usb: true },
  })
  for (const name of ['sdb', 'mmcblk0', 'sdc']) t.equal(refusal(c, name), null, name)
  t.match(listDisks(c)[0], { name: 'sdb', bytes: GB16 * 512, model: 'USB SD Reader', removable: true })
})

t.test('what looks like somebody’s own is refused, with a reason', async (t) => {
  const card: FakeDisk = { sectors: GB16, removable: true, usb: true, parts: ['sda1', 'sda2'] }
  const cases: [string, Computer, RegExp][] = [
    ['the system', computer({ sda: card }, [['8:2', '/', 'ext4', '/dev/sda2']]), /holds the system/],
    [
      'the system on btrfs',
      computer({ sda: card }, [['0:25', '/', 'btrfs', '/dev/sda2']]),
      /holds the system/,
    ],
    [
      'the system by another name',
      computer({ sda: card }, [['0:25', '/', 'btrfs', '/dev/disk/by-uuid/1']], [], {
        '/dev/disk/by-uuid/1': '/dev/sda2',
      }),
      /holds the system/,
    ],
    [
      'mounted',
      computer({ sda: card }, [['8:1', '/media/me/PHOTOS', 'vfat', '/dev/sda1']]),
      /in use \(\/media\/me\/PHOTOS\)/,
    ],
    ['mounted as a whole', computer({ sda: card }, [['8:0', '/mnt', 'vfat', '/dev/sda']]), /in use/],
    ['swap', computer({ sda: card }, [], ['/dev/sda2']), /in use \(swap\)/],
    ['LVM or LUKS', computer({ sda: { ...card, holders: { sda2: ['dm-0'] } } }), /in use \(dm-0\)/],
    ['RAID', computer({ sda: { ...card, holders: { sda: ['md0'] } } }), /in use \(md0\)/],
    ['built in', computer({ sda: { ...card, removable: false, usb: false } }), /built in/],
    ['protected', computer({ sda: { ...card, ro: true } }), /write-protected/],
    ['too large', computer({ sda: { ...card, sectors: LARGEST_BYTES / 512 + 1 } }), /larger than a card/],
  ]
  for (const [name, c, words] of cases) t.match(refusal(c, 'sda'), words, name)
  t.match(refusal(computer({ sda: card }), 'sda', GB16 * 512 + 1), /the image needs/)
  t.match(
    refusal(computer({ mmcblk0: { sectors: GB16, type: 'MMC' } }), 'mmcblk0'),
    /built in/,
    'soldered in',
  )
  t.match(refusal(computer({ nvme0n1: { sectors: GB16 } }), 'nvme0n1'), /built in/)
})

t.test('what is no disk is not listed', async (t) => {
  const names = ['loop0', 'ram0', 'zram0', 'dm-0', 'md0', 'sr0', 'mmcblk0boot0', 'mmcblk0rpmb', 'nbd0']
  const c = computer(
    Object.fromEntries([...names, 'sdz'].map((name) => [name, { sectors: name === 'sdz' ? 0 : 100 }])),
  )
  t.same(listDisks(c), [], 'nor a reader without a card')
})

t.test('a name that begins like another one is not its part', async (t) => {
  const c = computer({ sda: { sectors: GB16, usb: true, parts: [] }, sdaa: { sectors: GB16, usb: true } }, [
    ['9:0', '/mnt', 'ext4', '/dev/sdaa'],
  ])
  t.equal(refusal(c, 'sda'), null)
  t.match(refusal(c, 'sdaa'), /in use/)
})

t.test('nothing known: refused', async (t) => {
  const unknown: Disk = {
    name: 'sdq',
    bytes: 1e9,
    model: '',
    removable: false,
    external: false,
    readOnly: false,
    uses: [],
  }
  t.match(refuseDisk(unknown, 0), /built in/)
})
