// What every Files must do (hw/hardware.ts). Power cuts can only be had in hw/sim: test/hw/sim.

import { equal, utf8 } from '../../src/base/bytes.ts'
import type { Failure, OpenFile } from '../../src/hw/hardware.ts'
import { contract, type Rig } from './rigs.ts'

/** Waits for one callback; fails when it comes inside the call. */
async function answer<T>(
  rig: Rig,
  ask: (done: (error: Failure, value: T) => void) => void,
): Promise<[string | null, T]> {
  let got: [string | null, T] | null = null
  ask((error, value) => {
    got = [error ? (error.code ?? '?') : null, value]
  })
  if (got !== null) throw new Error('answered inside the call')
  await rig.until(() => got !== null)
  return got!
}

const bytes = (rig: Rig, n: number): Uint8Array => {
  const out = new Uint8Array(n)
  rig.random(out)
  return out
}

contract('files are replaced, read, listed and removed', async (t, rig) => {
  const { files } = rig
  t.same(await answer(rig, (d) => files.read('policy', d)), [null, null], 'no such file is null')
  const first = bytes(rig, 70_000)
  t.equal((await answer(rig, (d) => files.replace('policy', first, d as (e: Failure) => void)))[0], null)
  const [, read] = await answer<Uint8Array | null>(rig, (d) => files.read('policy', d))
  t.ok(equal(read!, first))
  t.equal(Object.getPrototypeOf(read), Uint8Array.prototype, 'plain')
  await answer(rig, (d) => files.replace('policy', utf8('second'), d as (e: Failure) => void))
  await answer(rig, (d) => files.replace('empty', new Uint8Array(0), d as (e: Failure) => void))
  t.ok(equal((await answer<Uint8Array | null>(rig, (d) => files.read('policy', d)))[1]!, utf8('second')))
  t.same((await answer<string[]>(rig, (d) => files.list(d)))[1], ['empty', 'policy'])
  t.equal((await answer(rig, (d) => files.remove('policy', d as (e: Failure) => void)))[0], null)
  t.equal(
    (await answer(rig, (d) => files.remove('policy', d as (e: Failure) => void)))[0],
    null,
    'twice is as good as once',
  )
  t.same((await answer<string[]>(rig, (d) => files.list(d)))[1], ['empty'])
})

contract('replaces of one file end with the last', async (t, rig) => {
  const order: number[] = []
  for (let i = 0; i < 5; i++) rig.files.replace('head', Uint8Array.of(i), () => order.push(i))
  t.ok(await rig.until(() => order.length === 5))
  t.same(order, [0, 1, 2, 3, 4])
  t.same((await answer<Uint8Array | null>(rig, (d) => rig.files.read('head', d)))[1], Uint8Array.of(4))
})

contract('names stay inside the folder', async (t, rig) => {
  for (const bad of ['', '.', '..', '../x', 'a/b', '/etc/passwd', '.hidden', 'x\0y', 'x'.repeat(65)]) {
    t.equal((await answer(rig, (d) => rig.files.read(bad, d)))[0], 'EINVAL', JSON.stringify(bad))
    t.equal((await answer(rig, (d) => rig.files.open(bad, d)))[0], 'EINVAL')
    t.equal(
      (await answer(rig, (d) => rig.files.replace(bad, utf8('x'), d as (e: Failure) => void)))[0],
      'EINVAL',
    )
    t.equal((await answer(rig, (d) => rig.files.remove(bad, d as (e: Failure) => void)))[0], 'EINVAL')
  }
})

contract('an open file keeps the order of what was asked', async (t, rig) => {
  const [error, opened] = await answer<OpenFile | null>(rig, (d) => rig.files.open('ring', d))
  t.equal(error, null)
  const file = opened!
  t.equal(file.size(), 0)
  const log: string[] = []
  const into = new Uint8Array(10)
  file.write(0, utf8('0123456789'), () => log.push(`write ${file.size()}`))
  file.write(4, utf8('abc'), () => log.push('over'))
  file.read(2, into, (_e, n) => log.push(`read ${n} ${new TextDecoder().decode(into.subarray(0, n))}`))
  file.write(12, utf8('!'), () => log.push('gap'))
  file.sync((e) => log.push(`sync ${e}`))
  file.truncate(5, () => log.push(`truncate ${file.size()}`))
  t.same(log, [], 'nothing inside the calls')
  t.ok(await rig.until(() => log.length === 6))
  t.same(log, ['write 10', 'over', 'read 8 23abc789', 'gap', 'sync null', 'truncate 5'])
  file.truncate(8, () => log.push('longer'))
  const tail = new Uint8Array(20)
  const [, n] = await answer<number>(rig, (d) => file.read(3, tail, d))
  t.same([...tail.subarray(0, n)], [51, 97, 0, 0, 0], 'the grown part is zeros')
  t.equal((await answer<number>(rig, (d) => file.read(99, tail, d)))[1], 0, 'nothing past the end')
  file.close()
  t.equal((await answer(rig, (d) => file.write(0, tail, d as (e: Failure) => void)))[0], 'EBADF')
  t.equal((await answer(rig, (d) => file.sync(d as (e: Failure) => void)))[0], 'EBADF')
  t.equal((await answer(rig, (d) => file.read(0, tail, d)))[0], 'EBADF')
  const [, again] = await answer<OpenFile | null>(rig, (d) => rig.files.open('ring', d))
  t.equal(again!.size(), 8, 'its size is known when it is opened')
  again!.close()
})

contract('a hole in an open file reads as zeros', async (t, rig) => {
  const [, file] = await answer<OpenFile | null>(rig, (d) => rig.files.open('ring', d))
  await answer(rig, (d) => file!.write(5_000, utf8('x'), d as (e: Failure) => void))
  const into = new Uint8Array(5_001).fill(7)
  await answer(rig, (d) => file!.read(0, into, d))
  t.ok(into.subarray(0, 5_000).every((b) => b === 0))
  file!.close()
})
