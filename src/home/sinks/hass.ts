// Home Assistant's device discovery over MQTT: one retained message that describes a meter as one device
// with its entities, ready for the energy dashboard (https://www.home-assistant.io/integrations/mqtt/,
// "Device discovery payload"). Pure: values in, payloads out. Ids never change, names may.

import type { PageReading } from '../../page/protocol.ts'

export interface MeterDevice {
  /** Ed25519 key in base64url: what the ids are made of. */
  key: string
  name: string
  /** As the meter calls itself; null before its first telegram. */
  meter: string | null
  version: string
}

interface Component {
  p: 'sensor' | 'binary_sensor'
  unique_id: string
  name: string
  value_template: string
  device_class: string
  state_class?: 'measurement' | 'total_increasing'
  unit_of_measurement?: string
  entity_category?: 'diagnostic'
  payload_on?: string
  payload_off?: string
}

/** One value of the state message: its id there, what it is, and where it comes from. */
interface Entity {
  id: string
  name: string
  kind: keyof typeof KINDS
  of: (r: PageReading) => number | null
}

const KINDS = {
  power: { device_class: 'power', state_class: 'measurement', unit_of_measurement: 'W' },
  energy: { device_class: 'energy', state_class: 'total_increasing', unit_of_measurement: 'kWh' },
  gas: { device_class: 'gas', state_class: 'total_increasing', unit_of_measurement: 'm³' },
  water: { device_class: 'water', state_class: 'total_increasing', unit_of_measurement: 'm³' },
  heat: { device_class: 'energy', state_class: 'total_increasing', unit_of_measurement: 'GJ' },
  voltage: { device_class: 'voltage', state_class: 'measurement', unit_of_measurement: 'V' },
  current: { device_class: 'current', state_class: 'measurement', unit_of_measurement: 'A' },
} as const

const PHASES = [0, 1, 2]
const TARIFFS = [0, 1, 2, 3]

const ENTITIES: readonly Entity[] = [
  { id: 'power_in', name: 'Power taken', kind: 'power', of: (r) => r.powerInW },
  { id: 'power_out', name: 'Power returned', kind: 'power', of: (r) => r.powerOutW },
  ...TARIFFS.flatMap((i): Entity[] => [
    {
      id: `energy_in_${i + 1}`,
      name: `Energy taken, tariff ${i + 1}`,
      kind: 'energy',
      of: (r) => kWh(r.energyIn[i]),
    },
    {
      id: `energy_out_${i + 1}`,
      name: `Energy returned, tariff ${i + 1}`,
      kind: 'energy',
      of: (r) => kWh(r.energyOut[i]),
    },
  ]),
  ...PHASES.flatMap((i): Entity[] => [
    {
      id: `l${i + 1}_power_in`,
      name: `Power taken, L${i + 1}`,
      kind: 'power',
      of: (r) => r.phases[i]?.powerInW ?? null,
    },
    {
      id: `l${i + 1}_power_out`,
      name: `Power returned, L${i + 1}`,
      kind: 'power',
      of: (r) => r.phases[i]?.powerOutW ?? null,
    },
    {
      id: `l${i + 1}_voltage`,
      name: `Voltage, L${i + 1}`,
      kind: 'voltage',
      of: (r) => r.phases[i]?.voltage ?? null,
    },
    {
      id: `l${i + 1}_current`,
      name: `Current, L${i + 1}`,
      kind: 'current',
      of: (r) => r.phases[i]?.current ?? null,
    },
  ]),
  { id: 'gas', name: 'Gas', kind: 'gas', of: (r) => number(r.gas?.m3) },
  { id: 'water', name: 'Water', kind: 'water', of: (r) => other(r, 'water') },
  { id: 'warm_water', name: 'Warm water', kind: 'water', of: (r) => other(r, 'warm-water') },
  { id: 'heat', name: 'Heat', kind: 'heat', of: (r) => other(r, 'heat') },
  {
    id: 'quarter_power',
    name: 'Average of this quarter-hour',
    kind: 'power',
    of: (r) => r.quarter?.nowW ?? null,
  },
  { id: 'month_peak', name: 'Peak of this month', kind: 'power', of: (r) => r.quarter?.peakW ?? null },
]

function kWh(wh: number | undefined): number | null {
  return wh === undefined ? null : Math.round(wh) / 1_000
}

function number(value: string | undefined): number | null {
  const n = Number(value ?? Number.NaN)
  return Number.isFinite(n) ? n : null
}

function other(r: PageReading, kind: 'water' | 'warm-water' | 'heat'): number | null {
  const found = r.others?.find((o) => o.kind === kind)
  return number(found?.value)
}

/** Letters, digits, `_` and `-` only, as topics and ids want it. */
function objectId(device: MeterDevice): string {
  return `wattle_${device.key}`
}

export function discoveryTopic(prefix: string, device: MeterDevice): string {
  return `${prefix}/device/${objectId(device)}/config`
}

export function stateTopic(device: MeterDevice): string {
  return `wattle/${objectId(device)}/state`
}

/** Set by us, and by the broker when we are gone (last will). */
export const HOME_TOPIC = 'wattle/home/status'

/** Entities for what this meter tells; which one it is depends on the reading alone. */
export function discoveryPayload(device: MeterDevice, reading: PageReading): Record<string, unknown> {
  const id = objectId(device)
  const components: Record<string, Component> = {
    link: {
      p: 'binary_sensor',
      unique_id: `${id}_link`,
      name: 'Meter',
      device_class: 'connectivity',
      entity_category: 'diagnostic',
      value_template: '{{ value_json.link }}',
      payload_on: 'online',
      payload_off: 'silent',
    },
  }
  for (const { id: name, name: words, kind, of } of ENTITIES) {
    if (of(reading) === null) continue
    const template = `{{ value_json.${name} }}`
    components[name] = {
      p: 'sensor',
      unique_id: `${id}_${name}`,
      name: words,
      value_template: template,
      ...KINDS[kind],
    }
  }
  return {
    dev: {
      ids: [id],
      name: device.name,
      mf: 'Wattle',
      ...(device.meter === null ? {} : { mdl: device.meter }),
      sw: device.version,
    },
    o: { name: 'Wattle', sw: device.version },
    cmps: components,
    state_topic: stateTopic(device),
    availability_topic: HOME_TOPIC,
    payload_available: 'online',
    payload_not_available: 'offline',
  }
}

/** Everything the meter tells now; `link` is what the connectivity entity shows. */
export function statePayload(reading: PageReading, link: 'online' | 'silent'): Record<string, unknown> {
  const out: Record<string, unknown> = { at: new Date(reading.at).toISOString(), link }
  for (const { id, of } of ENTITIES) {
    const value = of(reading)
    if (value !== null) out[id] = value
  }
  return out
}
