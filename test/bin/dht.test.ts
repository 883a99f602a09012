// `wattle dht` as people and scripts run it: processes of its own on loopback.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { buildDht, Peer } from '../peers/dht/drive.ts'

const program = await buildDht()
const folder = mkdtempSync(join(tmpdir(), 'wattle-dht-'))

function run(...args: string[]): { code: number | null; out: Record<string, unknown>; err: string } {
  const r = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 20_000 })
  return {
    code: r.status,
    out: r.stdout ? (JSON.parse(r.stdout) as Record<string, unknown>) : {},
    err: r.stderr,
  }
}

async function node(...args: string[]): Promise<{ peer: Peer; address: string; id: string }> {
  const peer = new Peer(process.execPath, [program, 'node', '--listen', '127.0.0.1:0', ...args])
  const ready = await peer.next()
  return { peer, address: (ready['listen'] as string[])[0]!, id: String(ready['id']) }
}

t.test('put, get, announce, peers, find and ping over two Mainline nodes', async (t) => {
  const a = await node('--mainline', '--bootstrap', '')
  const b = await node('--mainline', '--bootstrap', a.address, '--id', 'ab'.repeat(20))
  t.teardown(() => Promise.all([a.peer.stop(), b.peer.stop()]))
  // No --listen: where to is known from the bootstrap peer.
  const with_ = ['--mainline', '--bootstrap', b.address]
  const put = run('put', '--value', 'Hello World!', ...with_)
  t.equal(put.code, 0, put.err)
  t.equal(put.out['target'], 'e5f96f6f38320f0f33959cb4d3d656452117aadb', 'the target of BEP-44')
  t.equal(run('get', 'e5f96f6f38320f0f33959cb4d3d656452117aadb', ...with_).out['text'], 'Hello World!')
  const key = join(folder, 'key')
  writeFileSync(key, '07'.repeat(32))
  const signed = run(
    'put',
    '--value',
    'one',
    '--key',
    key,
    '--salt',
    's',
    '--seq',
    '9223372036854775806',
    ...with_,
  )
  t.equal(signed.code, 0, signed.err)
  t.equal(
    run('put', '--value', 'two', '--key', key, '--salt', 's', ...with_).out['seq'],
    '9223372036854775807',
  )
  const refused = run('put', '--value', 'x', '--key', key, '--salt', 's', '--seq', '5', ...with_)
  t.same([refused.code, refused.out['refusal']], [1, 302])
  const got = run('get', '--public-key', String(signed.out['publicKey']), '--salt', 's', ...with_)
  t.equal(got.out['text'], 'two')
  t.equal(run('get', 'ff'.repeat(20), ...with_).code, 1, 'nothing there')
  t.equal(run('announce', '11'.repeat(20), '--port', '77', ...with_).code, 0)
  t.same(run('peers', '11'.repeat(20), ...with_).out['peers'], ['127.0.0.1:77'])
  const found = run('find', 'ab'.repeat(20), ...with_)
  t.equal((found.out['nodes'] as { id: string }[])[0]!.id, 'ab'.repeat(20))
  t.equal(run('ping', a.address, '--mainline').code, 0)
  const stats = await a.peer.stats()
  t.ok(Number((stats['counts'] as Record<string, number>)['queries']) > 0)
  t.ok(Number((stats['memory'] as Record<string, number>)['rss']) > 0)
})

t.test('an overlay node keeps its key and its neighbours', async (t) => {
  const state = join(folder, 'state')
  const a = await node('--overlay', 'village')
  const b = await node('--overlay', 'village', '--state', state, '--bootstrap', a.address)
  const other = await node('--overlay', 'elsewhere', '--bootstrap', a.address)
  const put = run(
    'put',
    '--value',
    'x',
    '--overlay',
    'village',
    '--listen',
    '127.0.0.1:0',
    '--bootstrap',
    b.address,
  )
  t.equal(put.code, 0, put.err)
  t.ok(Number(put.out['stored']) >= 1)
  await b.peer.stop()
  t.equal(statSync(join(state, 'dht-key')).mode & 0o777, 0o600)
  const again = await node('--overlay', 'village', '--state', state)
  t.equal(again.id, b.id, 'the same id after a restart')
  for (let i = 0; i < 40; i++) {
    await new Promise((done) => setTimeout(done, 100))
    if (Number((await again.peer.stats())['good4']) > 0) break
  }
  t.equal((await again.peer.stats())['good4'], 1, 'and it found its neighbour without a bootstrap peer')
  t.equal((await other.peer.stats())['nodes4'], 0)
  for (const n of [a, again, other]) await n.peer.stop()
})

t.test('a node of another network, or nobody at all: told within seconds', async (t) => {
  const overlay = await node('--overlay', 'village')
  t.teardown(() => overlay.peer.stop())
  for (const [address, ...args] of [
    [overlay.address, '--mainline'],
    [overlay.address, '--overlay', 'elsewhere'],
    ['127.0.0.1:9', '--overlay', 'village'],
  ]) {
    const from = Date.now()
    const put = run('put', '--value', 'x', '--wait', '1500', '--bootstrap', address!, ...args)
    t.equal(put.code, 1, put.err)
    t.ok(put.err.includes(`answered at ${address} within 1.5 s`), put.err)
    t.ok(Date.now() - from < 15_000, 'bounded')
  }
  const nobody = run('get', 'ab'.repeat(20), '--overlay', 'village', '--listen', '127.0.0.1:0')
  t.equal(nobody.code, 2, nobody.err)
  t.match(nobody.err, '--bootstrap HOST:PORT is needed')
})

t.test('wrong use is told and ends with 2, a taken port with 1', async (t) => {
  for (const args of [
    [],
    ['fly'],
    ['find', 'zz', '--mainline'],
    ['find', 'ab'.repeat(20)],
    ['find', 'ab'.repeat(20), '--mainline', '--overlay', 'x'],
    ['node', '--mainline', '--listen', 'nowhere'],
    ['node', '--mainline', '--max-bytes', '1000'],
    ['node', '--mainline', '--id', 'abc'],
    ['put', '--mainline'],
    ['put', '--mainline', '--value-hex', '00'],
    ['put', '--mainline', '--value', 'x', '--key', '/nonexistent'],
    ['ping', '--mainline'],
    ['node', '--mainline', '--nonsense'],
  ]) {
    // Should one of them get further than it may, it finds nobody to talk to.
    const alone = args.length > 0 ? [...args, '--bootstrap', ''] : args
    const r = spawnSync(process.execPath, [program, ...alone], { encoding: 'utf8', timeout: 20_000 })
    t.equal(r.status, 2, args.join(' '))
    t.ok(r.stderr.startsWith('wattle dht: ') && !r.stderr.includes('    at '), r.stderr.slice(0, 80))
  }
  const a = await node('--mainline')
  const taken = spawn(process.execPath, [program, 'node', '--mainline', '--listen', a.address])
  t.equal(await new Promise((done) => taken.once('exit', done)), 1)
  await a.peer.stop()
})
