// The house behind the simulated meter: what its three phases draw and its roof gives at a moment.
// A function of time and seed alone, so that every run of a scenario is the same; only plausible, no
// model of anything. Powers in W, times in ms since 1970.

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** 0 to 1, the same for the same three numbers. */
export function chance(seed: number, salt: number, step: number): number {
  let x = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35)) >>> 0
  x = Math.imul(x ^ ((step % 4_294_967_296) >>> 0) ^ Math.floor(step / 4_294_967_296), 0x27d4eb2f) >>> 0
  x ^= x >>> 15
  x = Math.imul(x, 0x2c1b3c6d)
  x ^= x >>> 12
  x = Math.imul(x, 0x297a2d39)
  return ((x ^ (x >>> 15)) >>> 0) / 4_294_967_296
}

/** Between the values at whole steps, straight lines. */
function smooth(seed: number, salt: number, at: number, stepMs: number): number {
  const step = Math.floor(at / stepMs)
  const part = at / stepMs - step
  return chance(seed, salt, step) * (1 - part) + chance(seed, salt, step + 1) * part
}

/** EU rule: summer time from the last Sunday of March to that of October, each at 01:00 UTC. */
export function isSummer(ms: number): boolean {
  const year = new Date(ms).getUTCFullYear()
  return ms >= lastSunday(year, 2) && ms < lastSunday(year, 9)
}

function lastSunday(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0, 1))
  return last.getTime() - last.getUTCDay() * DAY_MS
}

/** Local time of day in hours, 0 to 24, from UTC ms and offset. */
function hourOf(ms: number, offsetMs: number): number {
  return ((ms + offsetMs) % DAY_MS) / HOUR_MS
}

/** Which minutes of the day an appliance runs: `times` per day, `minutes` each, between two hours. */
function appliance(
  seed: number,
  salt: number,
  local: number,
  of: { times: number; minutes: number; from: number; to: number },
): boolean {
  const day = Math.floor(local / DAY_MS)
  const minute = (local % DAY_MS) / 60_000
  for (let n = 0; n < of.times; n++) {
    const start = 60 * (of.from + chance(seed, salt + n, day) * (of.to - of.from))
    if (minute >= start && minute < start + of.minutes) return true
  }
  return false
}

/** Sun on the roof, W, at most 3 kW at noon in June; clouds pass in minutes. */
export function sunW(seed: number, ms: number, offsetMs: number): number {
  const hour = hourOf(ms, offsetMs)
  const year = (ms % (365.25 * DAY_MS)) / (365.25 * DAY_MS)
  const season = 0.5 - 0.45 * Math.cos(2 * Math.PI * (year - 0.03))
  const half = 4 + 4.5 * season
  const height = Math.cos((Math.PI / 2) * ((hour - 13.2) / half))
  if (Math.abs(hour - 13.2) >= half || height <= 0) return 0
  const clouds = 0.25 + 0.75 * smooth(seed, 40, ms, 420_000)
  return 3_000 * height * (0.3 + 0.7 * season) * clouds
}

/** Load of each phase in W, without the sun. */
export function loadsW(seed: number, ms: number, offsetMs: number, into: Float64Array): void {
  const local = ms + offsetMs
  const flicker = (n: number): number => 6 * chance(seed, 20 + n, Math.floor(ms / 1000))
  const awake = hourOf(ms, offsetMs) >= 7 && hourOf(ms, offsetMs) < 23 ? 1 : 0
  const fridge = (ms + seed * 7_919) % 3_000_000 < 1_200_000 ? 95 : 0
  const kettle = appliance(seed, 100, local, { times: 6, minutes: 3, from: 7, to: 22 }) ? 2_050 : 0
  const oven = appliance(seed, 200, local, { times: 1, minutes: 40, from: 17, to: 19 }) ? 1_600 : 0
  const washing = appliance(seed, 300, local, { times: 1, minutes: 75, from: 9, to: 16 }) ? 480 : 0
  into[0] = 55 + fridge + awake * 60 * smooth(seed, 1, ms, 900_000) + flicker(0)
  into[1] = 35 + kettle + washing + awake * 90 * smooth(seed, 2, ms, 1_800_000) + flicker(1)
  into[2] = 25 + oven + awake * 140 * smooth(seed, 3, ms, 2_400_000) + flicker(2)
}

/** Gas in m3 per hour: heating by season, cooking and showers by the hour. */
export function gasPerHour(seed: number, ms: number, offsetMs: number): number {
  const year = (ms % (365.25 * DAY_MS)) / (365.25 * DAY_MS)
  const cold = 0.5 + 0.5 * Math.cos(2 * Math.PI * (year - 0.05))
  const hour = hourOf(ms, offsetMs)
  const shower = hour >= 6.5 && hour < 8 ? 0.4 : 0
  return cold * (hour >= 6 && hour < 23 ? 0.5 : 0.1) + shower + 0.02 * smooth(seed, 30, ms, HOUR_MS)
}
