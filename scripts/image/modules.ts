// Kernel modules of a board: the named ones and what they depend on, as depmod finds it.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run } from './tools.ts'

export interface Modules {
  /** Paths under lib/modules/VERSION, dependencies first. */
  closure(names: readonly string[]): string[]
  /** Folder that holds lib/modules/VERSION. */
  readonly folder: string
}

const nameOf = (path: string): string =>
  basename(path)
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_')

/** @param kernel the unpacked kernel package. */
export function openModules(kernel: string, version: string): Modules {
  const folder = join(kernel, 'lib/modules', version)
  if (!existsSync(join(folder, 'modules.dep'))) run('depmod', ['-b', kernel, version])
  const needs = new Map<string, string[]>()
  const paths = new Map<string, string>()
  for (const line of readFileSync(join(folder, 'modules.dep'), 'utf8').split('\n')) {
    const [path, list] = line.split(':')
    if (!path || list === undefined) continue
    paths.set(nameOf(path), path)
    needs.set(path, list.trim().split(' ').filter(Boolean))
  }
  const builtIn = new Set(readFileSync(join(folder, 'modules.builtin'), 'utf8').split('\n').map(nameOf))
  const soft = softNeeds(join(folder, 'modules.softdep'))
  return {
    folder,
    closure: (names) => {
      const order: string[] = []
      const add = (path: string): void => {
        if (order.includes(path)) return
        for (const need of [...needs.get(path)!].reverse()) add(need)
        for (const need of soft.get(nameOf(path)) ?? []) {
          const found = paths.get(need)
          if (found) add(found)
        }
        if (!order.includes(path)) order.push(path)
      }
      for (const name of names) {
        const key = name.replaceAll('-', '_')
        const path = paths.get(key)
        if (path) add(path)
        else if (!builtIn.has(key)) throw new Error(`kernel ${version} has no module ${name}`)
      }
      return order
    },
  }
}

/** `softdep NAME pre: A B`: what should be loaded before, where it is there. */
function softNeeds(file: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  if (!existsSync(file)) return found
  for (const [, name, list] of readFileSync(file, 'utf8').matchAll(
    /^softdep (\S+) pre: ([^:\n]*?)(?: post:.*)?$/gm,
  ))
    found.set(
      name!.replaceAll('-', '_'),
      list!
        .trim()
        .split(/\s+/)
        .map((n) => n.replaceAll('-', '_')),
    )
  return found
}

/** Copies modules into a root and indexes them there for modprobe. */
export function installModules(from: Modules, paths: readonly string[], root: string, version: string): void {
  const into = join(root, 'lib/modules', version)
  mkdirSync(into, { recursive: true })
  for (const path of paths) {
    mkdirSync(join(into, path, '..'), { recursive: true })
    run('cp', [join(from.folder, path), join(into, path)])
  }
  for (const file of ['modules.builtin', 'modules.order', 'modules.builtin.modinfo'])
    run('cp', [join(from.folder, file), join(into, file)])
  run('depmod', ['-b', root, version])
  // busybox reads the text forms only.
  for (const file of readdirSync(into)) if (file.endsWith('.bin')) rmSync(join(into, file))
  for (const file of ['modules.builtin.modinfo', 'modules.order', 'modules.devname'])
    rmSync(join(into, file), { force: true })
}
