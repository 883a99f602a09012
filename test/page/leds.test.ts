import t from 'tap'
import { STATUS_LED, type StatusLed } from '../../src/base/leds.ts'
import { patternsOf } from '../../src/device/leds.ts'

t.test('the page draws what the device blinks', async (t) => {
  const device = patternsOf('status')
  t.same(
    device.map((p) => p.name),
    Object.keys(STATUS_LED),
    'the same states',
  )
  for (const pattern of device) {
    const { times, repeat } = STATUS_LED[pattern.name as StatusLed]
    t.same({ times, repeat }, { times: pattern.times, repeat: pattern.repeat }, pattern.name)
  }
})
