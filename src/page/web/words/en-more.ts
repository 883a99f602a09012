// English: requests of providers, and a provider's own page.

import type { MoreWords } from './table.ts'

export const more: MoreWords = {
  ask: {
    title: (name) => `${name} asks to read your meter`,
    who: 'Who asks',
    wants: 'Asks for',
    purpose: 'What for',
    keeps: 'Keeps it',
    keepsFor: (days) => (days === 1 ? 'for one day' : `for ${days} days`),
    until: 'Until',
    device: 'Which device',
    narrow: 'You may give less than was asked for, and for a shorter time.',
    grant: 'Let it read',
    refuse: 'Refuse',
    granted: (name) => `${name} reads from the next telegram on. You can stop it under Sharing at any time.`,
    refused: (name) => `${name} was not let in.`,
    backTo: (host) => `You can go back to ${host} now. It is told your answer, and never a key.`,
    backUnverified: (host) =>
      `The request wants you to go on to ${host}. Nobody has checked that this is the provider’s own place.`,
    goBack: 'Go there',
    noBack: 'You can close this page.',
    unverifiedWhy: (domain) =>
      `It says that it is ${domain}. That could not be checked from here: compare with where you got this link.`,
    verifiedWhy: (domain) => `${domain} confirms that this key is its own.`,
    noDevice: 'There is no device of yours here yet. Claim it first, then open the link again.',
    bad: 'This request cannot be shown',
    badWhy: {
      shape: 'It is not a request to read, or it is damaged. Ask the provider for a new link.',
      signature: 'Its signature does not fit: somebody has changed it. Nothing of it is shown.',
      old: 'Its time is over. Ask the provider for a new link.',
      redirect: 'It wants to send you to a place that is no plain https address. Nothing of it is shown.',
    },
  },
  provider: {
    states: { waiting: 'Waiting for access', open: 'Access open', closed: 'Access ended' },
    statesWhy: {
      waiting: 'The owner has not let this provider in.',
      open: 'Each frame that comes in can be opened.',
      closed: 'Frames may still arrive. None of them can be opened any more.',
    },
    none: 'No access',
    noneWhy: 'No owner has let this provider in yet. Nothing can be read.',
    opened: 'Opened',
    sealed: 'Still sealed',
    last: 'Last reading',
    framesAre: (opened, sealed) => `Of the latest frames ${opened} were opened and ${sealed} stayed sealed.`,
    frameOpened: (index) => `Frame ${index} opened`,
    frameSealed: (index) => `Frame ${index} received, cannot open`,
    noGaps: 'No frame is missing.',
    gaps: (n) => (n === 1 ? 'One gap in the frames' : `${n} gaps in the frames`),
    gap: (from, to, when) => `From ${from} to ${to}, noticed at ${when}`,
    never: 'none yet',
  },
  help: {
    buttonDoes: [
      'A short press, while nobody owns the device: the window for a claim opens for 60 seconds.',
      'A short press, when it has an owner: it winks, so that you know which one it is.',
      'Held for 10 seconds, until both lights are on; then let go and press once within 5 seconds: its keys and its owner are erased.',
    ],
    secondSteps: [
      'Save the key here and bring the file to the other phone.',
      'Open the same address there: the name or number in the address bar above.',
      'Choose “I have its key” and give the file and the pass-phrase.',
    ],
    safetyIs: [
      'Nobody on the way reads your values: they leave the device sealed and are opened in this phone.',
      'The code on the label cannot be guessed from what was overheard, and nobody can claim the device without pressing its button.',
      'Not against somebody who is in your network already and changes what passes through it: this page comes over plain HTTP and could be replaced on its way. Where that matters, claim with “wattle home” on a computer.',
      'Not against whoever has this phone unlocked in his hand. A press of 10 seconds at the device shuts every phone out.',
      'Browsers may clear what a page has stored, some after a week without a visit. Save the key.',
    ],
  },
}
