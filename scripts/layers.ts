// `make layers`: who may import whom (.dependency-cruiser.cjs), and which globals may be used where.
// Fails also when it inspected fewer modules than there are source files: with the wrong TypeScript,
// dependency-cruiser inspects nothing and is content.

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'

const config = createRequire(resolve('scripts/layers.ts'))('../.dependency-cruiser.cjs') as {
  forbidden: IForbiddenRuleType[]
  layers: Record<string, readonly string[]>
}

/** What a machine without hardware must not reach for, and where it is at home. */
const GLOBALS: readonly { what: RegExp; name: string; allowed: RegExp }[] = [
  {
    name: 'time and timers',
    what: /\b(setTimeout|setInterval|setImmediate|queueMicrotask|Date\.now|performance\.now)\b|\bnew Date\(\)/,
    allowed: /^src\/(bin|hw\/linux|page\/web|(home|provider)\/(sinks|history))\//,
  },
  { name: 'chance', what: /\bMath\.random\b|\bgetRandomValues\b/, allowed: /^src\/page\/web\// },
  {
    name: 'Node',
    what: /\b(Buffer\.|new Buffer\b|process\.|require\()/,
    allowed: /^src\/(bin\/|hw\/linux\/|(home|provider)\/(sinks|history)\/|crypto\/native\.ts)/,
  },
]

/** Source files under `root`/src, without declarations. */
function sources(root: string): string[] {
  return (readdirSync(join(root, 'src'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => `src/${file}`)
    .sort((a, b) => (a < b ? -1 : 1))
}

/** Everything under `root`/src that breaks the table, one line each. */
export async function checkLayers(root: string): Promise<{ files: number; problems: string[] }> {
  const files = sources(root)
  const { output } = await cruise(
    ['src'],
    {
      baseDir: resolve(root),
      ruleSet: { forbidden: config.forbidden },
      validate: true,
      // Types count too.
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      exclude: { path: '^src/.*\\.d\\.ts$' },
    },
    {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.css'],
      conditionNames: ['import', 'node', 'types'],
      exportsFields: ['exports'],
    },
  )
  const { modules, summary } = output as ICruiseResult
  const problems = summary.violations.map((violation) => {
    const rule = config.forbidden.find((r) => r.name === violation.rule.name)
    return `${violation.from} -> ${violation.to}: ${rule?.comment ?? violation.rule.name}`
  })
  const seen = new Set(modules.map((module) => module.source))
  for (const file of files)
    if (!seen.has(file)) problems.push(`${file}: not inspected (TypeScript 5.9 installed?)`)
  for (const file of files) problems.push(...ofFile(root, file))
  return { files: files.length, problems: [...new Set(problems)] }
}

function ofFile(root: string, file: string): string[] {
  const problems: string[] = []
  const row = Object.keys(config.layers).some(
    (name) => file === `src/${name}` || file.startsWith(`src/${name}/`),
  )
  if (!row) problems.push(`${file}: no row of the table covers this folder`)
  if (file.endsWith('/index.ts')) problems.push(`${file}: no barrels`)
  const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  for (const { what, name, allowed } of GLOBALS) {
    const found = what.exec(code)
    if (found && !allowed.test(file)) problems.push(`${file}: ${found[0]} (${name}) is not for this folder`)
  }
  return problems
}

if (process.argv[1]?.endsWith('layers.ts')) {
  const { files, problems } = await checkLayers(process.argv[2] ?? '.')
  for (const problem of problems) console.error(problem)
  console.log(`layers: ${files} files, ${problems.length} problems`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
