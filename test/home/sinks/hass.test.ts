// What Home Assistant and Prometheus get. The discovery payload of a full meter is kept as a golden file:
// ids in it may never change, or people lose their history.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { discoveryPayload, discoveryTopic, statePayload } from '../../../src/home/sinks/hass.ts'
import { metricsText } from '../../../src/home/sinks/metrics.ts'
import type { PageReading } from '../../../src/page/protocol.ts'
import { full, meter } from './readings.ts'

const GOLDEN = 'test/home/sinks/discovery.json'

/** What Home Assistant's schema asks of a device payload (documentation of the MQTT integration). */
function problems(payload: Record<string, unknown>): string[] {
  const out: string[] = []
  const { dev, o, cmps } = payload as {
    dev: { ids?: string[] }
    o: { name?: string }
    cmps: Record<string, Record<string, string>>
  }
  if (!dev?.ids?.length) out.push('dev needs ids')
  if (!o?.name) out.push('o needs a name')
  const seen = new Set<string>()
  for (const [id, c] of Object.entries(cmps)) {
    if (!/^[a-zA-Z0-9_-]+$/.test(id)) out.push(`${id}: not an id`)
    if (!c['p'] || !c['unique_id']) out.push(`${id}: needs p and unique_id`)
    if (seen.has(c['unique_id']!)) out.push(`${id}: unique_id twice`)
    seen.add(c['unique_id']!)
    const energy = ['energy', 'gas', 'water'].includes(c['device_class']!)
    if (energy && c['state_class'] !== 'total_increasing') out.push(`${id}: not fit for the energy dashboard`)
    if (c['p'] === 'sensor' && !c['unit_of_measurement']) out.push(`${id}: no unit`)
  }
  return out
}

t.test('discovery of a full meter is as it always was', async (t) => {
  const payload = discoveryPayload(meter, full)
  t.same(payload, JSON.parse(readFileSync(GOLDEN, 'utf8')))
  t.same(problems(payload), [])
  t.match(discoveryTopic('homeassistant', meter), /^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/)
  t.ok(JSON.stringify(payload).length < 16_384)
})

t.test('only what the meter tells becomes an entity, and every entity has its value', async (t) => {
  const bare: PageReading = { ...full, phases: [], gas: null, energyOut: [], others: [], energyIn: [1_500] }
  const { quarter: _none, ...plain } = bare
  const payload = discoveryPayload(meter, plain) as { cmps: Record<string, { value_template: string }> }
  t.same(Object.keys(payload.cmps).sort(), ['energy_in_1', 'link', 'power_in', 'power_out'])
  for (const reading of [full, plain]) {
    const state = statePayload(reading, 'online')
    const { cmps } = discoveryPayload(meter, reading) as typeof payload
    for (const c of Object.values(cmps)) {
      const name = /value_json\.(\w+)/.exec(c.value_template)![1]!
      t.ok(name in state, name)
    }
  }
  t.equal(statePayload(plain, 'online')['energy_in_1'], 1.5)
})

t.test('Prometheus: one HELP and TYPE a metric, labels escaped, nothing that is unknown', async (t) => {
  const text = metricsText([
    { name: 'a"b\\c\nd', reading: full, received: 1_800_000_000_500 },
    { name: 'second', reading: { ...full, gas: null }, received: 1_800_000_000_500 },
  ])
  t.match(text, 'wattle_power_in_watts{device="a\\"b\\\\c\\nd"} 451')
  t.match(text, 'wattle_energy_in_watt_hours_total{device="second",tariff="2"}')
  t.notMatch(text, /gas[^\n]*second/)
  const names = text.split('\n').flatMap((l) => /^# TYPE (\S+)/.exec(l)?.[1] ?? [])
  t.equal(new Set(names).size, names.length)
  for (const line of text.trim().split('\n'))
    t.match(line, /^(# (HELP|TYPE) |[a-z_]+\{device="(?:[^"\\]|\\.)*"(?:,\w+="\w+")?\} -?[\d.]+$)/)
  t.equal(metricsText([]), '')
})
