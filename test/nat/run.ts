// The laboratory's main program: enters namespaces of its own, runs the cells it was asked for, prints
// the matrix. Exit code 0 also where the kernel refuses: the notice says that nothing was tried.
import { CELLS, type Cell, NAIVE, type Outcome, runCell } from './cells.ts'
import { runHouse } from './house.ts'
import { hyperAvailable, runHyper } from './hyper.ts'
import { enterLab, igdAvailable } from './lab.ts'

const [program, ...rest] = process.argv.slice(2)
const once = rest.includes('--once')
const words = rest.filter((word) => !word.startsWith('--'))
/** A cell whose outcome is chance is run so often. */
const REPEAT = 5

async function times(cell: Cell, count: number): Promise<{ good: number; outcomes: Outcome[] }> {
  const outcomes: Outcome[] = []
  for (let i = 0; i < count; i++)
    outcomes.push(
      await runCell(once ? { ...cell, withinMs: Math.min(cell.withinMs, 2_500) } : cell, program!),
    )
  return { good: outcomes.filter((o) => o.ok).length, outcomes }
}

const NOTE = `ours: from the first path, over the relay, to the direct one. hyperdht: once, from connect to open; its
short-lived datagram takes five hops, more than this laboratory has, so that routers which accept WAN
input are unfair to it here.`

/** One field of the matrix: what came of it, and the slowest that did. */
function summary(cell: Cell, good: number, outcomes: readonly Outcome[]): string {
  const slowest = Math.max(...outcomes.map((o) => o.directMs))
  const what = cell.upset ? 'resumed' : cell.expect === 'relay' ? 'by relay' : `direct in ${slowest} ms`
  return good === outcomes.length
    ? `${what}${good > 1 ? ` (${good}/${good})` : ''}`
    : `FAILED ${good}/${outcomes.length}`
}

async function main(): Promise<number> {
  const inside = enterLab(process.argv.slice(1))
  if (typeof inside === 'string') {
    console.log(`nat-lab: SKIPPED, nothing was tried: ${inside}`)
    return 0
  }
  if (inside !== null) return inside
  const igd = igdAvailable()
  if (!igd) console.log('there is no miniupnpd (Debian: miniupnpd-nftables): SKIPPED, ports from routers')
  const wanted = CELLS.filter((cell) => igd || !cell.how).filter(
    (cell) => words.length === 0 || words.some((word) => cell.name.includes(word)),
  )
  const beside = !once && hyperAvailable()
  if (!once && !beside) console.log('hyperdht is not there, or its addon does not load: no comparison')
  const rows: string[] = []
  const matrix: string[][] = [['routers', 'ours', 'hyperdht 6.34']]
  let bad = 0
  for (const cell of wanted) {
    const count = !once && (cell.delayMs || (cell.name.includes('symmetric') && !cell.relays)) ? REPEAT : 1
    const { good, outcomes } = await times(cell, count)
    if (good < count) bad++
    const worst = outcomes.find((o) => !o.ok) ?? outcomes.reduce((a, b) => (b.directMs > a.directMs ? b : a))
    const rival = beside && !cell.upset && !cell.relays ? await runHyper(cell.lab) : '-'
    matrix.push([cell.name, summary(cell, good, outcomes), rival])
    const row = `${good === count ? 'ok  ' : 'FAIL'} ${cell.name.padEnd(28)} ${good}/${count}  ${worst.text}`
    console.log(row)
    rows.push(row)
    if (cell.name.startsWith('accepts WAN') && !once) {
      const naive = await times(NAIVE, REPEAT)
      console.log(
        `     ${NAIVE.name.padEnd(28)} ${naive.good}/${REPEAT}  without the short-lived first datagram, for comparison`,
      )
    }
  }
  if (!once && (words.length === 0 || words.some((word) => 'device and home'.includes(word)))) {
    const { ok, text } = await runHouse('cone', 'symmetric')
    if (!ok) bad++
    const row = `${ok ? 'ok  ' : 'FAIL'} ${'device and home'.padEnd(28)} ${ok ? 1 : 0}/1  ${text}`
    console.log(row)
    rows.push(row)
  }
  if (matrix.length > 2)
    for (const [name, ours, rival] of matrix) console.log(`${name!.padEnd(30)}${ours!.padEnd(34)}${rival}`)
  if (beside) console.log(NOTE)
  console.log(`nat-lab: ${rows.length - bad} of ${rows.length} cells`)
  return bad > 0 ? 1 : 0
}

process.exitCode = await main()
