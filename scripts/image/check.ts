// What must not be in an image, looked for in the finished root: ways in, ways up, secrets, and traces of
// the machine that built it. Anything found stops the build.

import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { basename, join, resolve } from 'node:path'

const WAYS_IN = /^(sshd?|dropbear|telnetd?|login|getty|agetty|su|sudo|inetd|ftpd|httpd|nc|ncat)$/
const SECRETS = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|"(?:salt|w0)":"/
/** Kernel modules and libraries are Debian's; ours are small. */
const SEARCHED_BYTES = 4_194_304

/** Everything wrong with this root, one line each. */
export function checkRoot(root: string): string[] {
  const problems: string[] = []
  // A folder that every machine has says nothing about this one.
  const traces = [resolve('.'), homedir(), hostname()].filter(
    (word) => word.length > 4 && word !== '/root' && word !== 'localhost',
  )
  for (const file of readdirSync(root, { recursive: true }) as string[]) {
    const stat = lstatSync(join(root, file))
    if (WAYS_IN.test(basename(file))) problems.push(`${file}: a way in`)
    if (/(^|\/)\.ssh(\/|$)|authorized_keys|id_(rsa|ed25519)/.test(file))
      problems.push(`${file}: keys of a remote shell`)
    if (stat.isSymbolicLink()) continue
    if ((stat.mode & 0o6000) !== 0) problems.push(`${file}: setuid or setgid`)
    if ((stat.mode & 0o002) !== 0) problems.push(`${file}: writable by everybody`)
    if (!stat.isFile() || stat.size > SEARCHED_BYTES) continue
    const text = readFileSync(join(root, file), 'latin1')
    if (SECRETS.test(text)) problems.push(`${file}: holds a secret`)
    for (const trace of traces)
      if (text.includes(trace)) problems.push(`${file}: names this machine (${trace})`)
  }
  const shells = readFileSync(join(root, 'etc/passwd'), 'utf8').trim().split('\n')
  for (const line of shells) if (!/:\/bin\/false$/.test(line)) problems.push(`etc/passwd: ${line} may log in`)
  return problems
}
