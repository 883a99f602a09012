// What a person, an editor or Raspberry Pi Imager leaves on the card.
import t from 'tap'
import { utf8 } from '../../../src/base/bytes.ts'
import { parseImager } from '../../../src/device/setup/imager.ts'
import {
  decodeText,
  errorPage,
  parseWattleTxt,
  SETUP_BYTES,
  withoutPassword,
} from '../../../src/device/setup/wattle-txt.ts'
import { accessConfig, joinConfig, RadioMachine } from '../../../src/device/setup/wpa.ts'
import { Chance } from '../../../src/hw/sim/scheduler.ts'

const parse = (content: string): ReturnType<typeof parseWattleTxt> => parseWattleTxt(utf8(content))
const HOME = {
  wifi: { ssid: 'My Network', password: 'correct horse', hidden: false },
  country: 'NL',
  name: '',
}

t.test('wattle.txt as people and their editors write it', async (t) => {
  const plain = 'wifi = My Network\npassword = correct horse\ncountry = NL\n'
  t.same(parse(plain), { settings: HOME, errors: [] })
  t.same(parse(plain.replaceAll('\n', '\r\n')).settings, HOME)
  t.same(parse(plain.replaceAll('\n', '\r')).settings, HOME)
  t.same(parse(`\uFEFF# mine\n\n; yes\n${plain}`), { settings: HOME, errors: [] })
  t.same(parse('SSID="My Network"\nPSK = "correct horse"\nCountry=nl').settings, HOME)
  t.same(parse('WIFI_PASSWORD=correct horse\nWi-Fi=My Network\ncountry=NL').settings, HOME)
  for (const [mark, big] of [
    [[0xff, 0xfe], false],
    [[0xfe, 0xff], true],
  ] as const) {
    const bytes = [...mark] as number[]
    for (const c of plain) bytes.push(...(big ? [0, c.charCodeAt(0)] : [c.charCodeAt(0), 0]))
    t.same(parseWattleTxt(Uint8Array.from(bytes)), { settings: HOME, errors: [] }, 'Notepad’s "Unicode"')
  }
  t.same(parse('wifi=Café\npassword=12345678').settings.wifi, {
    ssid: 'Café',
    password: '12345678',
    hidden: false,
  })
  t.same(parse('wifi=a=b\npassword=p=q=r=s=t\nhidden=yes').settings.wifi, {
    ssid: 'a=b',
    password: 'p=q=r=s=t',
    hidden: true,
  })
  t.same(parse('name = Attic-Meter').settings, { wifi: null, country: '', name: 'attic-meter' })
  t.same(parse('wifi = Open').settings.wifi, { ssid: 'Open', password: '', hidden: false })
  t.same(parse(''), { settings: { wifi: null, country: '', name: '' }, errors: [] })
})

t.test('each wrong line is named, with what was expected', async (t) => {
  const cases: [string, number, RegExp][] = [
    ['wifi My Network', 1, /name = value/],
    ['= x', 1, /name = value/],
    ['wiffi = x', 1, /no setting "wiffi"; there are wifi, password/],
    ['wifi = a\nwifi = b', 2, /twice/],
    ['wifi = a\npassword = short', 2, /8 to 63 .* has 5/],
    ['wifi = a\npassword = pässwörter', 2, /without accents/],
    ['password = 12345678', 1, /which network/],
    [`wifi = ${'x'.repeat(33)}`, 1, /1 to 32 bytes, not 33/],
    ['wifi =', 1, /1 to 32 bytes, not 0/],
    ['country = Netherlands', 1, /two letters/],
    ['name = my house', 1, /host name/],
    [`${'z'.repeat(100)} = 1`, 1, /^.{0,120}$/],
    ['#\n\n__proto__ = 1', 3, /no setting/],
  ]
  for (const [content, line, words] of cases) {
    const { errors } = parse(content)
    t.equal(errors.length, 1, content.slice(0, 40))
    t.equal(errors[0]!.line, line)
    t.match(errors[0]!.text, words)
  }
  t.match(parse('x'.repeat(SETUP_BYTES + 1)).errors[0], { line: 0 })
  const page = errorPage('wattle.txt', parse('a\nwiffi=b').errors)
  t.match(page, /line 1: [\s\S]*line 2: [\s\S]*wifi = My Network/)
})

t.test('the password leaves the card, the rest stays', async (t) => {
  const kept = withoutPassword(
    utf8('# hello\nwifi = My Network\nPSK = correct horse\ncountry = NL\nname = attic\n'),
  )
  t.notMatch(kept, /correct horse|My Network/)
  t.match(kept, /# hello\r\n# wifi: stored in the device/)
  t.same(parse(kept), { settings: { wifi: null, country: 'NL', name: 'attic' }, errors: [] })
  t.equal(withoutPassword(utf8(kept)), kept, 'once is enough')
})

t.test('random bytes are no settings and break nothing', async (t) => {
  const chance = new Chance(3)
  for (let i = 0; i < 2_000; i++) {
    const bytes = new Uint8Array(1 + chance.below(300))
    chance.fill(bytes)
    const { settings, errors } = parseWattleTxt(bytes)
    if (settings.wifi && errors.length === 0) t.fail('taken')
    const junk = decodeText(bytes)
    parseImager({ 'firstrun.sh': junk, 'custom.toml': junk, 'network-config': junk, 'user-data': junk })
  }
  t.pass('nothing thrown')
})

const PSK = '3a8b5097c206a2d8a5670091934243d4aeb122e81e0243eac0cc48ff11a46275'

t.test('Raspberry Pi Imager: firstrun.sh', async (t) => {
  const script = (call: string): string =>
    `#!/bin/bash\n\nset +e\n\nif [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then\n   /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname attic\nelse\n   echo attic >/etc/hostname\nfi\nif [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then\n   /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan ${call}\nelse\ncat >/etc/wpa_supplicant/wpa_supplicant.conf <<'WPAEOF'\ncountry=NL\nnetwork={\n\tssid="Other"\n\tpsk=${PSK}\n}\nWPAEOF\nfi\n`
  t.same(parseImager({ 'firstrun.sh': script(`'My Network' '${PSK}' 'NL'`) }), {
    wifi: { ssid: 'My Network', password: PSK, hidden: false },
    country: 'NL',
    name: 'attic',
  })
  t.match(parseImager({ 'firstrun.sh': script(`-h 'Jan'\\''s' '${PSK}' 'NL'`) }), {
    wifi: { ssid: "Jan's", hidden: true },
  })
  // Imager 1.9.4 puts a line end into the country.
  t.match(parseImager({ 'firstrun.sh': script(`'A' '${PSK}' 'NL\n'`) }), {
    wifi: { ssid: 'A' },
    country: 'NL',
  })
  const old = `cat >/etc/wpa_supplicant/wpa_supplicant.conf <<WPAEOF\ncountry=GB\nnetwork={\n\tssid="Old"\n\tpsk="correct horse"\n}\nWPAEOF\n`
  t.match(parseImager({ 'firstrun.sh': old }), {
    wifi: { ssid: 'Old', password: 'correct horse' },
    country: 'GB',
  })
  t.equal(parseImager({ 'firstrun.sh': '#!/bin/bash\nexit 0\n' }), null)
  t.equal(parseImager({ 'firstrun.sh': script("'A' 'short' 'NL'").replace('set_hostname attic', '') }), null)
})

t.test('Raspberry Pi Imager: custom.toml, network-config, user-data', async (t) => {
  const toml = `config_version = 1\n[system]\nhostname = "attic"\n\n[user]\nname = "pi"\npassword = "x"\n[wlan]\nssid = "My \\"Network\\""\npassword = "${PSK}" # hashed\npassword_encrypted = true\nhidden = true\ncountry = "NL"\n`
  t.same(parseImager({ 'custom.toml': toml }), {
    wifi: { ssid: 'My "Network"', password: PSK, hidden: true },
    country: 'NL',
    name: 'attic',
  })
  const yaml = `network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n  wifis:\n    wlan0:\n      dhcp4: true\n      regulatory-domain: "NL"\n      access-points:\n        "My Network":\n          hidden: true\n          password: "${PSK}"\n      optional: true\n`
  t.same(
    parseImager({
      'network-config': yaml,
      'user-data': '#cloud-config\nhostname: attic\nmanage_etc_hosts: true\n',
    }),
    {
      wifi: { ssid: 'My Network', password: PSK, hidden: true },
      country: 'NL',
      name: 'attic',
    },
  )
  t.match(parseImager({ 'network-config': yaml.replace('"My Network"', "'Jan''s'") }), {
    wifi: { ssid: "Jan's" },
  })
  t.equal(
    parseImager({ 'network-config': yaml.replaceAll(/^/gm, '#') }),
    null,
    'the untouched template is all comments',
  )
  t.equal(parseImager({ 'user-data': 'hostname: raspberrypi\n' }), null, 'the name that everybody has')
  t.equal(parseImager({}), null)
})

t.test('what wpa_supplicant is told cannot be broken out of', async (t) => {
  const config = joinConfig({ ssid: 'x"\n}\nnetwork={', password: 'a"}#{ key="b', hidden: true }, 'NL')
  t.equal(config.split('\n').filter((line) => line.startsWith('network=')).length, 1)
  t.match(config, /^ssid=[0-9a-f]+$/m)
  t.match(config, /^psk="a"\}#\{ key="b"$/m)
  t.match(config, /scan_ssid=1/)
  t.match(joinConfig({ ssid: 'a', password: PSK, hidden: false }, ''), new RegExp(`^psk=${PSK}$`, 'm'))
  t.match(joinConfig({ ssid: 'a', password: '', hidden: false }, ''), /key_mgmt=NONE/)
  t.match(accessConfig('Wattle-ab12', { country: 'NL' }), /mode=2\nfrequency=2437\nkey_mgmt=NONE/)
})

t.test('what wpa_supplicant says', async (t) => {
  const machine = new RadioMachine()
  t.notOk(machine.onLine('wlan0: CTRL-EVENT-CONNECTED', 0), 'nothing was asked for')
  machine.start(0)
  t.notOk(machine.onLine('wlan0: Trying to associate with SSID', 10))
  t.ok(machine.onLine('wlan0: WPA: 4-Way Handshake failed - pre-shared key may be incorrect', 20))
  t.equal(machine.state, 'wrong-password')
  t.notOk(
    machine.onLine(
      'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="a" auth_failures=2 duration=20 reason=WRONG_KEY',
      30,
    ),
  )
  t.ok(
    machine.onLine(
      'wlan0: CTRL-EVENT-CONNECTED - Connection to 00:11:22:33:44:55 completed [id=0 id_str=]',
      40,
    ),
  )
  t.equal(machine.state, 'joined')
  t.ok(machine.onLine('wlan0: CTRL-EVENT-DISCONNECTED bssid=00:11:22:33:44:55 reason=3', 50))
  t.equal(machine.state, 'joining')
  t.notOk(machine.tick(50 + 44_999))
  t.ok(machine.tick(50 + 45_000))
  t.equal(machine.state, 'not-found')
  t.ok(machine.onLine('wlan0: CTRL-EVENT-CONNECTED', 99_000), 'it came after all')
  machine.start(100_000)
  t.ok(machine.onLine('no radio', 100_001))
  t.equal(machine.state, 'no-radio')
  machine.stop(100_002)
  t.equal(machine.state, 'off')
})
