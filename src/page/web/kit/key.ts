// The key of a home's page (docs/wire/page.md "The page of a home"): it comes behind `~` in the fragment
// of the link that the home says to its owner, which leaves the browser on no way, and is kept in this
// origin's own storage (a cookie would go to every port of this computer).

const KEPT = 'wattle.key'
const KEY = /~([\w-]{22})$/

let key: string | null = null

/** Takes the key out of the address bar, where one is in it. True where it is another than before. */
export function takeKey(): boolean {
  const given = KEY.exec(location.hash)?.[1] ?? null
  if (given === null) return false
  const other = given !== pageKey()
  key = given
  try {
    localStorage.setItem(KEPT, given)
  } catch {
    // Then it holds until the page is closed.
  }
  return other
}

export function pageKey(): string {
  if (key === null) {
    try {
      key = localStorage.getItem(KEPT)
    } catch {
      // Nothing is kept here.
    }
  }
  return key ?? ''
}
