// Making and changing elements. Text goes in as text nodes only, so nothing that a device, a provider
// or a meter names can become markup; style, event and address attributes cannot be set from here.
// Panels are redrawn only where what they show has changed, and keep the focus when they are.

export type Child = Node | string | null | false

type Safe =
  | 'alt'
  | 'autocomplete'
  | 'autocapitalize'
  | 'class'
  | 'for'
  | 'id'
  | 'inputmode'
  | 'lang'
  | 'max'
  | 'maxlength'
  | 'min'
  | 'name'
  | 'placeholder'
  | 'role'
  | 'rows'
  | 'scope'
  | 'spellcheck'
  | 'tabindex'
  | 'title'
  | 'type'
  | 'value'
  | `aria-${string}`
  | `data-${string}`

export type Attributes = Partial<Record<Safe, string>>

/** `<tag …attributes>children</tag>`. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes,
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const name of Object.keys(attributes) as Safe[]) element.setAttribute(name, attributes[name]!)
  fill(element, children)
  return element
}

/** A button that does one thing. */
export function button(attributes: Attributes, label: Child[], press: () => void): HTMLButtonElement {
  const element = h('button', { type: 'button', ...attributes }, ...label)
  element.addEventListener('click', press)
  return element
}

/** Replaces what an element holds. */
export function fill(element: Element, children: readonly Child[]): void {
  element.replaceChildren(...children.filter((c) => c !== null && c !== false))
}

/** Sets text only where it differs, so that a screen reader is not told the same thing again. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible
}

const drawn = new WeakMap<Element, string>()

/** Redraws `panel` where `shown` (whatever the drawing depends on) is not what it showed last. */
export function redraw(panel: Element, shown: unknown, draw: () => Child[]): void {
  const now = JSON.stringify(shown)
  if (drawn.get(panel) === now) return
  drawn.set(panel, now)
  const focus = panel.contains(document.activeElement) ? document.activeElement : null
  const key = focus?.getAttribute('data-key') ?? null
  fill(panel, draw())
  if (key === null) return
  let next: HTMLElement | null = null
  for (const element of panel.querySelectorAll<HTMLElement>('[data-key]'))
    if (element.dataset['key'] === key) next = element
  if (next === null && panel instanceof HTMLElement) {
    panel.setAttribute('tabindex', '-1')
    next = panel
  }
  next?.focus({ preventScroll: true })
}

/** The element of the page's own HTML with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no element ${id}`)
  return element
}
