// Dutch: what only the page of a home on a computer has.

import type { DeskWords } from './table.ts'

export const desk: DeskWords = {
  locked: {
    title: 'Deze pagina vraagt om haar sleutel',
    why: 'Ook anderen kunnen een account op deze computer hebben. Daarom opent Mijn Huis alleen met een link die het u zelf geeft.',
    how: 'Voer “wattle home link” uit en open wat er dan staat. Deze browser onthoudt het.',
  },
  history: {
    title: 'Verloop',
    span: 'Hoe lang',
    what: 'Wat',
    views: { day: 'Dag', week: 'Week', month: 'Maand', year: 'Jaar' },
    measures: { power: 'Stroom', gas: 'Gas', water: 'Water' },
    before: 'Eerder',
    after: 'Later',
    week: (from, to) => `${from} tot en met ${to}`,
    compare: 'Vergelijken met',
    compares: { none: 'niets', before: 'de vorige', year: 'een jaar eerder' },
    sums: (taken, given) => `${taken} verbruikt, ${given} teruggeleverd`,
    differs: (then, percent) =>
      percent === null
        ? `Toen: ${then}.`
        : percent === 0
          ? `Evenveel als in hetzelfde deel van toen: ${then}.`
          : `${Math.abs(percent)} % ${percent > 0 ? 'meer' : 'minder'} dan in hetzelfde deel van toen: ${then}.`,
    noOther: 'Van toen is niets bekend.',
    peak: (power) => `Hoogste gemiddelde van een minuut: ${power}.`,
    gap: 'Niet alles is gemeten: er zitten gaten in.',
    at: (step, value) => `${step}: ${value}`,
    chart: (period, known, all) =>
      `Balken van ${period}: ${known} van ${all} stappen zijn gemeten. De cijfers staan in de tabel eronder.`,
    empty: 'In deze tijd is niets gemeten.',
    nothing:
      'Er is nog niets bewaard. De eerste minuten verschijnen binnen een minuut na het eerste telegram.',
    table: 'Als tabel',
    columns: {
      when: 'Wanneer',
      taken: 'Verbruikt',
      given: 'Teruggeleverd',
      gas: 'Gas',
      water: 'Water',
      peak: 'Piek',
      gap: '(deels)',
    },
    csv: 'Opslaan als CSV',
    csvMinutes: 'Elke minuut als CSV',
    fetching: 'Wordt opgehaald …',
    notFetched: 'Ophalen lukte niet',
  },
  proof: {
    title: 'Wie wat kon lezen',
    why: 'Berekend uit de sleutels die het apparaat heeft uitgegeven. Het ondertekent elk van deze regels, en er kan er geen worden weggelaten zonder dat het opvalt.',
    nobody: 'Nooit is er iemand anders dan u toegelaten.',
    states: {
      waiting: 'afgesproken; er is nog geen sleutel uitgegeven',
      open: 'leest nu',
      paused: 'rust',
      ended: 'beëindigd',
    },
    ends: {
      revoked: 'u hebt het gestopt',
      expired: 'de tijd was om',
      deleted: 'het apparaat is opgegeven',
      paused: 'u laat het rusten',
    },
    frames: (from, fromWhen, to, toWhen) =>
      to === null
        ? `Frames vanaf ${from} (${fromWhen}) tot nu`
        : `Frames vanaf ${from} (${fromWhen}) tot ${to} (${toWhen})`,
    noKey: 'Er is geen sleutel uitgegeven: het kan niets lezen.',
    delivered: (place, when) => `Laatst verstuurd: frame ${place} (${when})`,
    differs: 'Het apparaat zegt iets anders dan zijn regels.',
    save: 'Het ondertekende bewijs opslaan',
  },
  owners: {
    title: 'Eigenaars',
    threshold: (m, n) =>
      n === 1
        ? 'U beslist alleen.'
        : m === 1
          ? 'Ieder van hen mag alleen beslissen.'
          : `${m} van de ${n} moeten het eens zijn om eigenaars te wijzigen.`,
    recovery: 'Er is een papieren sleutel voor de dag dat alle sleutels weg zijn.',
    own: 'dit huis',
    remove: 'Verwijderen',
    removeTitle: (name) => `${name} als eigenaar verwijderen?`,
    removeNote:
      'Vanaf dan opent die sleutel niets en beslist hij hier niets meer. Doe dit als een computer of telefoon kwijt of gestolen is.',
    add: 'Eigenaar toevoegen',
    addTitle: 'Een eigenaar toevoegen',
    addNote:
      'Plak de kaart van de andere eigenaar: een regel die begint met “wattle-owner:”. Daar toont “Kaart van dit huis” die.',
    card: 'Kaart',
    ownCard: 'Kaart van dit huis',
    ownCardNote: 'Geef deze regel aan wie u als eigenaar wil toelaten. Er staat geen geheim in.',
    invite: 'Uitnodiging voor dit apparaat',
    inviteNote:
      'Geef na het toevoegen deze regel aan de nieuwe eigenaar: daarmee vindt diens huis het apparaat.',
    join: 'Meedoen met een apparaat',
    joinNote: 'Plak de uitnodiging van de eigenaar die u heeft toegevoegd.',
    invitation: 'Uitnodiging',
    joined: (name) => `${name} is nu ook van u.`,
    others:
      'Andere eigenaars moeten dit ook ondertekenen. Geef hun deze regel; zij voeren “wattle home owners sign” uit.',
    waiting: 'Een wijziging is nog onderweg naar het apparaat.',
    close: 'Sluiten',
  },
  policy: {
    title: 'Regels',
    why: 'Wat voor elk delen en elke buur van dit apparaat geldt. Wie iets versoepelt heeft dezelfde eigenaars nodig als voor een wijziging van eigenaars.',
    factory: 'Zoals geleverd: er is niets gewijzigd.',
    change: 'Een regel wijzigen',
    member: 'Regel',
    value: 'Nieuwe waarde',
    valueNote:
      'true of false, een getal, een woord, of woorden met komma’s ertussen. Wat mag, staat in docs/wire/owners.md.',
    all: 'Alle regels',
  },
  files: {
    title: 'Kopieën en updates',
    why: 'Eén bestand bevat alles wat een eigenaar niet mag verliezen: sleutels, logboeken, toestemmingen en verloop.',
    backup: 'Kopie opslaan',
    backupNote: (chars) =>
      `Het bestand wordt verzegeld met een wachtzin van minstens ${chars} tekens. Zonder die zin kan niemand het openen, u ook niet.`,
    backedUp: 'De kopie is opgeslagen.',
    restore: 'Een kopie terugzetten',
    restoreNote:
      'Apparaten, toestemmingen en verloop van de kopie komen in dit huis. Is de oude computer gestolen, verwijder daarna zijn sleutel.',
    restored: 'De kopie staat er weer. Mijn Huis begint opnieuw.',
    update: 'Apparaat bijwerken',
    updateNote: (name) =>
      `${name} controleert wie het bestand heeft ondertekend voordat het dit aanneemt. Laat het aangesloten.`,
    updateFile: 'Bestand dat eindigt op .update',
    sending: (done, of) => `${done} van ${of} MB`,
    compares: 'Verstuurd; het apparaat vergelijkt en start opnieuw.',
    updated: 'Het apparaat heeft de update aangenomen.',
    cannotSend: 'De verbinding viel weg. Probeer het opnieuw.',
  },
  change: {
    done: 'Klaar: het geldt vanaf nu.',
    waiting:
      'Ondertekend en bewaard. Houd de knop van het apparaat drie tot acht seconden ingedrukt: het wordt aangenomen als dat binnen tien minuten gebeurt.',
    'needs-signatures': 'Meer eigenaars moeten ondertekenen.',
  },
}
