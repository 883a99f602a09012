// The page as it is built for the program, once for a test file.
import { type BuiltPages, buildPages as buildAll } from '../../scripts/bundle.ts'

let built: Promise<BuiltPages> | null = null

/** `home`, `phone` and `provider`, built in a moment. */
export function buildPages(): Promise<BuiltPages> {
  built ??= buildAll('quick')
  return built
}
