import type { Rules } from '../../host/index.ts'
import { holdsFiles, type Mount } from './mounts.ts'

export function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir === '/' ? '/' : `${dir}/`)
}

/** Tells of a path whether guests do not see it: of the rules for it and the directories above it, the nearest holds. */
export function hiddenBy({ hide, show }: Rules): (path: string) => boolean {
  const [hidden, shown] = [new Set(hide), new Set(show)]
  return (path) => {
    for (let dir = path; ; dir = dir.slice(0, dir.lastIndexOf('/')) || '/') {
      if (hidden.has(dir)) return true
      if (shown.has(dir) || dir === '/') return false
    }
  }
}

/** Whether there is a rule for something in a directory. */
export function hasRulesIn({ hide, show }: Rules, dir: string): boolean {
  return [...hide, ...show].some((path) => path !== dir && isWithin(path, dir))
}

/**
 * The rules for this machine's mounts, from those for paths. What is mounted and holds no files is hidden, and what is
 * hidden somewhere is hidden wherever the same file system is mounted a second time, whole or in part.
 */
export function withMounts(rules: Rules, mounts: readonly Mount[]): Rules {
  const isHidden = hiddenBy(rules)
  const seen = mounts.filter(({ point }) => !isHidden(point))
  const strange = seen.filter((mount) => !holdsFiles(mount))
  // What an automounter has mounted is a file system as others are.
  const below = strange
    .filter(({ type }) => type === 'autofs')
    .flatMap(({ point }) =>
      seen.filter(
        (mount) => mount.point !== point && isWithin(mount.point, point) && holdsFiles(mount),
      ),
    )
  const own: Rules = {
    hide: [...rules.hide, ...strange.map(({ point }) => point)],
    show: [...rules.show, ...below.map(({ point }) => point)],
  }
  const aliases = [...byDevice(mounts).values()]
    .filter((same) => same.length > 1)
    .map((same) => rulesOfAliases(own, same))
  const hide = new Set([...own.hide, ...aliases.flatMap((alias) => alias.hide)])
  const show = new Set([...own.show, ...aliases.flatMap((alias) => alias.show)])
  return { hide: [...hide], show: [...show].filter((path) => !hide.has(path)) }
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)]
}

function byDevice(mounts: readonly Mount[]): Map<string, Mount[]> {
  return Map.groupBy(mounts, ({ device }) => device)
}

/** The rules for one file system, at each of the places where it is mounted. */
function rulesOfAliases(rules: Rules, mounts: readonly Mount[]): Rules {
  const inside: Rules = {
    hide: unique(
      mounts.flatMap((mount) => rules.hide.flatMap((path) => inFileSystem(path, mount))),
    ),
    show: unique(
      mounts.flatMap((mount) => rules.show.flatMap((path) => inFileSystem(path, mount))),
    ),
  }
  const [isHiddenOutside, isHiddenInside] = [hiddenBy(rules), hiddenBy(inside)]
  const outside = mounts.filter(({ point }) => !isHiddenOutside(point))
  return {
    hide: outside.flatMap((mount) => [
      ...(isHiddenInside(mount.root) ? [mount.point] : []),
      ...inside.hide.flatMap((path) => atMount(path, mount)),
    ]),
    show: outside.flatMap((mount) => inside.show.flatMap((path) => atMount(path, mount))),
  }
}

/** A path as the file system has it, if the mount is on the way to it; perhaps another covers that there. */
function inFileSystem(path: string, { root, point }: Mount): string[] {
  return isWithin(path, point) ? [joined(root, path.slice(point === '/' ? 0 : point.length))] : []
}

/** Where a path of the file system is seen by a mount. */
function atMount(path: string, { root, point }: Mount): string[] {
  if (path === root || !isWithin(path, root)) return []
  return [joined(point, path.slice(root === '/' ? 0 : root.length))]
}

function joined(dir: string, rest: string): string {
  return dir === '/' ? rest || '/' : `${dir}${rest}`
}

/**
 * The directories of a writable share that have to be sieves: those in which something is hidden, or will be when it is
 * there; of several that lie in each other, the outermost. All else in the share can be written to.
 */
export function sievesOf(
  rules: Rules,
  share: string,
  isDirectory: (path: string) => boolean,
): string[] {
  const dirs = new Set(
    [...rules.hide, ...rules.show]
      .filter((path) => path !== share && isWithin(path, share))
      .map((path) => {
        let dir = path.slice(0, path.lastIndexOf('/'))
        while (dir !== share && !isDirectory(dir)) dir = dir.slice(0, dir.lastIndexOf('/'))
        return dir
      }),
  )
  return [...dirs].filter(
    (dir) => ![...dirs].some((other) => other !== dir && isWithin(dir, other)),
  )
}
