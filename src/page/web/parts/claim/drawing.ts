// A drawing of the device with its two lights and its button. The STATUS light blinks as the real one
// does; around the button a ring counts the claim window down.

import { Blink } from '../../kit/blink.ts'
import { shape } from '../../kit/icons.ts'
import { words } from '../../words/words.ts'

const RING = 2 * Math.PI * 30

export class DeviceDrawing {
  readonly element: SVGElement
  readonly status: Blink
  readonly #ring: SVGElement

  constructor() {
    this.element = shape('svg', { viewBox: '0 0 320 150', class: 'drawing', role: 'img' })
    this.element.setAttribute('aria-label', words.claim.drawing)
    const light = shape('circle', { cx: '62', cy: '58', r: '9', class: 'led status' })
    this.#ring = shape('circle', {
      cx: '248',
      cy: '75',
      r: '30',
      class: 'ring',
      transform: 'rotate(-90 248 75)',
      'stroke-dasharray': String(RING),
      'stroke-dashoffset': String(RING),
    })
    this.element.append(
      shape('path', { d: 'M0 75h22', class: 'cable' }),
      shape('rect', { x: '20', y: '18', width: '280', height: '114', rx: '22', class: 'case' }),
      shape('circle', { cx: '62', cy: '58', r: '14', class: 'well' }),
      light,
      shape('circle', { cx: '62', cy: '96', r: '14', class: 'well' }),
      shape('circle', { cx: '62', cy: '96', r: '9', class: 'led meter' }),
      text('88', '63', 'STATUS'),
      text('88', '101', 'METER'),
      shape('circle', { cx: '248', cy: '75', r: '30', class: 'track' }),
      this.#ring,
      shape('circle', { cx: '248', cy: '75', r: '21', class: 'knob' }),
    )
    this.status = new Blink(light)
  }

  /** @param share of the window that is left, 0 to 1. */
  left(share: number): void {
    this.#ring.setAttribute('stroke-dashoffset', String(RING * (1 - share)))
  }

  /** What the person is to do now: the button is drawn so. */
  ask(what: 'press' | 'nothing'): void {
    this.element.classList.toggle('press', what === 'press')
  }
}

function text(x: string, y: string, label: string): SVGElement {
  const element = shape('text', { x, y, 'aria-hidden': 'true' })
  element.textContent = label
  return element
}
