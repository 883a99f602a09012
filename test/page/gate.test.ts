import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { Gate, originOf } from '../../src/page/gate.ts'
import { codeOf, groups, plainCode } from '../../src/page/web/parts/claim/code.ts'

t.test('Host: our names and bound addresses, whatever the port; no foreign name', async (t) => {
  const gate = new Gate(['Wattle-AB12.local'])
  gate.bound('192.168.1.23:80')
  for (const host of [
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    '127.0.0.1:1',
    '[::1]:8080',
    '192.168.1.23',
    'wattle-ab12.local:80',
  ])
    t.equal(gate.host({ host }), host.toLowerCase(), host)
  for (const host of [
    'rebind.example',
    'rebind.example:8080',
    'localhost.rebind.example',
    'rebind.localhost',
    '127.0.0.1.rebind.example',
    '192.168.1.24',
    '127.0.0.2',
    '[::2]:8080',
    'localhost:',
    'localhost:123456',
    'localhost:8080:8080',
    'localhost/x',
    'user@localhost',
    'localhost ',
    'localhost\u0000',
    '[::1',
    '.',
    '',
    'a'.repeat(LIMITS.page.hostChars + 1),
  ])
    t.equal(gate.host({ host }), null, host)
  t.equal(gate.host({}), null, 'a request without Host')
  t.same(
    gate.origins(),
    ['localhost', '127.0.0.1', 'wattle-ab12.local', '192.168.1.23'].map((name) => `http://${name}`),
  )
  const other = new Gate([])
  other.bound('127.0.0.1:8080')
  t.same(other.origins(), ['http://localhost:8080', 'http://127.0.0.1:8080'])
})

t.test('Host on a wildcard: every literal address, still no foreign name', async (t) => {
  for (const wildcard of ['0.0.0.0:80', '[::]:80']) {
    const gate = new Gate([])
    t.equal(gate.host({ host: '192.168.1.23' }), null, 'not before it is bound')
    gate.bound(wildcard)
    t.equal(gate.host({ host: '192.168.1.23:80' }), '192.168.1.23:80')
    t.equal(gate.host({ host: '[fe80::1]' }), '[fe80::1]')
    t.equal(gate.host({ host: 'rebind.example' }), null)
    t.equal(gate.host({ host: '1.2.3.4.example' }), null)
  }
})

t.test('Origin: the very host that was asked', async (t) => {
  const gate = new Gate([])
  const host = 'localhost:8080'
  t.ok(gate.origin({ origin: 'http://localhost:8080' }, host, 'needed'))
  t.ok(gate.origin({ origin: 'HTTP://LocalHost:8080' }, host, 'needed'))
  t.ok(gate.origin({}, host, 'if-present'))
  t.notOk(gate.origin({}, host, 'needed'))
  for (const origin of [
    'null',
    '',
    'http://localhost',
    'http://localhost:8081',
    'https://localhost:8080',
    'http://localhost:8080.evil.example',
    'http://evil.example',
    'http://localhost:8080/',
    'file://',
  ])
    t.notOk(gate.origin({ origin }, host, 'if-present'), origin)
})

t.test('only a plain origin may stand in the policy', async (t) => {
  t.equal(originOf('http://127.0.0.1:8081/provider?x=1'), 'http://127.0.0.1:8081')
  t.equal(originOf('https://Provider.Example'), 'https://provider.example')
  for (const bad of [
    '',
    'provider',
    'javascript:alert(1)//',
    'data:text/html,x',
    'http://',
    'http://a b/',
    "http://a;script-src 'unsafe-inline'/",
    'http://*/',
    'http://a:999999/',
    'http://[::1]:9/',
    'http://user@a/',
    'http://a\r\nx: y/',
  ])
    t.equal(originOf(bad), null, bad)
})

t.test('the code as people type it, and as the label carries it', async (t) => {
  t.equal(plainCode(' k7qd-m2xa 9rte '), 'K7QDM2XA9RTE')
  t.equal(plainCode('oOiIlL'), '001111')
  t.equal(plainCode('K7QDM2XA9RTEK7QDM2XA9RTE').length, 12)
  t.equal(groups('k7qdm'), 'K7QD-M')
  t.equal(groups(''), '')
  t.equal(codeOf('#K7QD-M2XA-9RTE'), 'K7QDM2XA9RTE')
  t.equal(codeOf('#k7qdm2xa9rte'), 'K7QDM2XA9RTE')
  for (const bad of [
    '',
    '#',
    '#sharing',
    '#K7QD',
    '#<img src=x>',
    `#${'A'.repeat(99)}`,
    '#K7QD-M2XA-9RTE&x=1',
  ])
    t.equal(codeOf(bad), null, bad)
})
