// A sample of the NAT laboratory (make nat-lab has all of it): one punch, and one pair of routers between
// which only the relay helps. Skipped, and saying so, where the kernel has no namespaces for us.
import { spawnSync } from 'node:child_process'
import t from 'tap'

t.test('a punch, and the relay where there is none', async (t) => {
  const node = process.env['WATTLE_NODE'] ?? process.execPath
  const cells = ['rewritten ports x same', 'symmetric x symmetric']
  const args = ['--experimental-strip-types', '--no-warnings', 'scripts/nat-lab.ts', '--once', ...cells]
  const run = spawnSync(node, args, { encoding: 'utf8', timeout: 50_000, killSignal: 'SIGKILL' })
  const skipped = /SKIPPED.*/.exec(run.stdout)
  if (skipped) {
    t.pass(skipped[0], { skip: skipped[0] })
    return
  }
  t.equal(run.status, 0, `${run.stdout}\n${run.stderr}`)
  t.match(run.stdout, /^ok +rewritten ports x same +1\/1 +direct after/m)
  t.match(run.stdout, /^ok +symmetric x symmetric +1\/1 +by relay; .* 0 missing$/m)
})
