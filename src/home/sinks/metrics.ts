// The newest values for Prometheus, in its text format (version 0.0.4). One gauge or counter a quantity,
// the device's name as label.

import type { PageReading } from '../../page/protocol.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface Measured {
  name: string
  reading: PageReading
  /** Milliseconds since 1970 at which it came here. */
  received: number
}

interface Metric {
  name: string
  type: 'gauge' | 'counter'
  help: string
  values: (m: Measured) => readonly (readonly [labels: string, value: number | null])[]
}

const METRICS: readonly Metric[] = [
  metric('wattle_power_in_watts', 'gauge', 'Power taken from the grid.', (m) => [['', m.reading.powerInW]]),
  metric('wattle_power_out_watts', 'gauge', 'Power returned to the grid.', (m) => [
    ['', m.reading.powerOutW],
  ]),
  metric('wattle_energy_in_watt_hours_total', 'counter', 'Energy taken, for each tariff.', (m) =>
    m.reading.energyIn.map((wh, i) => [`,tariff="${i + 1}"`, wh]),
  ),
  metric('wattle_energy_out_watt_hours_total', 'counter', 'Energy returned, for each tariff.', (m) =>
    m.reading.energyOut.map((wh, i) => [`,tariff="${i + 1}"`, wh]),
  ),
  metric('wattle_gas_cubic_metres_total', 'counter', 'Gas.', (m) => [
    ['', m.reading.gas ? Number(m.reading.gas.m3) : null],
  ]),
  metric('wattle_water_cubic_metres_total', 'counter', 'Water.', (m) => {
    const water = m.reading.others?.find((o) => o.kind === 'water')
    return [['', water ? Number(water.value) : null]]
  }),
  metric('wattle_phase_volts', 'gauge', 'Voltage of each phase.', (m) =>
    m.reading.phases.map((p, i) => [`,phase="L${i + 1}"`, p.voltage]),
  ),
  metric(
    'wattle_last_telegram_seconds',
    'gauge',
    'When the newest telegram came, seconds since 1970.',
    (m) => [['', m.received / 1_000]],
  ),
]

function metric(name: string, type: Metric['type'], help: string, values: Metric['values']): Metric {
  return { name, type, help, values }
}

export function metricsText(measured: readonly Measured[]): string {
  const out: string[] = []
  for (const { name, type, help, values } of METRICS) {
    const lines = measured.flatMap((m) =>
      values(m).flatMap(([labels, value]) =>
        value === null || !Number.isFinite(value)
          ? []
          : [`${name}{device="${quoted(m.name)}"${labels}} ${value}`],
      ),
    )
    if (lines.length > 0) out.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines)
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`
}

function quoted(text: string): string {
  return text.replace(/["\\\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
}
