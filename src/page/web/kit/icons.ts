// The few drawings of the page, as SVG elements made from constant paths. Decoration only: each stands
// beside the words that say the same.

const SVG = 'http://www.w3.org/2000/svg'

const PATHS = {
  using: 'M12 4v14M6 12l6 6 6-6',
  returning: 'M12 20V6M6 12l6-6 6 6',
  check: 'M5 13l4.5 4.5L19 7',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z',
  pulse: 'M2 12h5l3-8 4 16 3-8h5',
  bars: 'M4 20v-6h3v6M10.500 20V9h3v11M17 20V4h3v16M2 20h20',
  share: 'M12 15V4M8 8l4-4 4 4M5 13v6h14v-6',
  list: 'M4 6h2M9 6h11M4 12h2M9 12h11M4 18h2M9 18h11',
  device: 'M4 7h16v10H4zM8 12h.01M12 12h4',
  flame: 'M12 3c1 4 5 5.5 5 10.5a5 5 0 0 1-10 0c0-2 1-3.5 2-4.5.3 1.5 1 2 1.7 2C12 9 10.500 6 12 3z',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  drop: 'M12 3c4 5 6 8 6 11a6 6 0 0 1-12 0c0-3 2-6 6-11z',
  key: 'M14 10a4 4 0 1 0-3.500 4L12 15.500V18h2.500v2.500H18v-3z',
  warn: 'M12 4l9 16H3zM12 10v4M12 17h.01',
} as const

export type Icon = keyof typeof PATHS

/** One icon of the current text colour and size. */
export function icon(name: Icon): SVGElement {
  const svg = shape('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' })
  svg.append(shape('path', { d: PATHS[name] }))
  return svg
}

/** One SVG element with constant attributes. */
export function shape(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement
  for (const name of Object.keys(attributes)) element.setAttribute(name, attributes[name]!)
  return element
}
