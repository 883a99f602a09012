// Runs inside the page: texts whose contrast with their ground is too small (WCAG 2.2, 1.4.3: 4.5, large
// text 3), controls without a name or too small to hit (2.5.8: 24 px), a page wider than the screen.
;(() => {
  const faults = []
  const colour = (css) => {
    const n = (css.match(/[\d.]+/g) ?? []).map(Number)
    return [n[0] ?? 0, n[1] ?? 0, n[2] ?? 0, n[3] ?? 1]
  }
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1)
  const part = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2])
  const ground = (element) => {
    const layers = []
    for (let e = element; e !== null; e = e.parentElement) layers.push(colour(getComputedStyle(e).backgroundColor))
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1])
  }
  const scope = document.querySelector('dialog[open]') ?? document.body
  const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.textContent.trim() || !element.checkVisibility()) continue
    if (element.closest('noscript, .uplot, .stale .number, [data-state="closed"] .latest, :disabled')) continue
    const style = getComputedStyle(element)
    const under = ground(element)
    const a = light(over(colour(element instanceof SVGElement ? style.fill : style.color), under))
    const b = light(under)
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    const size = Number.parseFloat(style.fontSize)
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    if (ratio < (large ? 3 : 4.5)) faults.push(`${ratio.toFixed(2)}: ${node.textContent.trim()}`)
  }
  for (const control of scope.querySelectorAll('button, input, select, a, iframe, summary')) {
    if (!control.checkVisibility()) continue
    const name = control.getAttribute('aria-label') || control.title || control.textContent.trim()
    if (!name && !control.labels?.length) faults.push(`no name: ${control.outerHTML}`)
    const box = control.getBoundingClientRect()
    if (control.tagName === 'BUTTON' && Math.min(box.height, box.width) < 24) faults.push(`small: ${name}`)
  }
  for (const image of scope.querySelectorAll('[role="img"]'))
    if (image.checkVisibility() && !image.getAttribute('aria-label')) faults.push(`no words: ${image.className}`)
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the screen')
  return faults
})()
