// French: what only the page of a home on a computer has.

import type { DeskWords } from './table.ts'

export const desk: DeskWords = {
  locked: {
    title: 'Cette page demande sa clé',
    why: 'D’autres personnes peuvent avoir un compte sur cet ordinateur. Ma Maison ne s’ouvre donc qu’avec un lien qu’elle vous donne elle-même.',
    how: 'Lancez « wattle home link » et ouvrez ce qui s’affiche. Ce navigateur s’en souvient.',
  },
  history: {
    title: 'Historique',
    span: 'Durée',
    what: 'Quoi',
    views: { day: 'Jour', week: 'Semaine', month: 'Mois', year: 'Année' },
    measures: { power: 'Électricité', gas: 'Gaz', water: 'Eau' },
    before: 'Plus tôt',
    after: 'Plus tard',
    week: (from, to) => `du ${from} au ${to}`,
    compare: 'Comparer avec',
    compares: { none: 'rien', before: 'la période précédente', year: 'un an auparavant' },
    sums: (taken, given) => `${taken} prélevés, ${given} injectés`,
    differs: (then, percent) =>
      percent === null
        ? `Alors : ${then}.`
        : percent === 0
          ? `Autant que dans la même partie d’alors : ${then}.`
          : `${Math.abs(percent)} % de ${percent > 0 ? 'plus' : 'moins'} que dans la même partie d’alors : ${then}.`,
    noOther: 'On ne sait rien de l’autre période.',
    peak: (power) => `Plus forte moyenne d’une minute : ${power}.`,
    gap: 'Tout n’a pas été mesuré : il y a des trous.',
    at: (step, value) => `${step} : ${value}`,
    chart: (period, known, all) =>
      `Barres de ${period} : ${known} pas sur ${all} ont été mesurés. Les chiffres sont dans le tableau ci-dessous.`,
    empty: 'Rien n’a été mesuré pendant ce temps.',
    nothing:
      'Rien n’est encore gardé. Les premières minutes apparaissent moins d’une minute après le premier télégramme.',
    table: 'En tableau',
    columns: {
      when: 'Quand',
      taken: 'Prélevé',
      given: 'Injecté',
      gas: 'Gaz',
      water: 'Eau',
      peak: 'Pointe',
      gap: '(en partie)',
    },
    csv: 'Enregistrer en CSV',
    csvMinutes: 'Chaque minute en CSV',
    fetching: 'Récupération …',
    notFetched: 'Récupération impossible',
  },
  proof: {
    title: 'Qui a pu lire quoi',
    why: 'Calculé à partir des clés que l’appareil a remises. Il signe chacune de ces lignes, et aucune ne peut manquer sans que cela se voie.',
    nobody: 'Personne d’autre que vous n’a jamais été admis.',
    states: {
      waiting: 'convenu ; aucune clé n’a encore été remise',
      open: 'lit maintenant',
      paused: 'en pause',
      ended: 'terminé',
    },
    ends: {
      revoked: 'vous l’avez arrêté',
      expired: 'son temps était écoulé',
      deleted: 'l’appareil a été cédé',
      paused: 'vous l’avez mis en pause',
    },
    frames: (from, fromWhen, to, toWhen) =>
      to === null
        ? `Trames de ${from} (${fromWhen}) à maintenant`
        : `Trames de ${from} (${fromWhen}) jusqu’avant ${to} (${toWhen})`,
    noKey: 'Aucune clé n’a été remise : rien ne peut être lu.',
    delivered: (place, when) => `Dernier envoi : trame ${place} (${when})`,
    differs: 'L’appareil dit autre chose que ses lignes.',
    save: 'Enregistrer la preuve signée',
  },
  owners: {
    title: 'Propriétaires',
    threshold: (m, n) =>
      n === 1
        ? 'Vous décidez seul.'
        : m === 1
          ? 'Chacun d’eux peut décider seul.'
          : `${m} sur ${n} doivent accepter un changement de propriétaires.`,
    recovery: 'Il existe une clé sur papier pour le jour où toutes les clés seraient perdues.',
    own: 'cette maison',
    remove: 'Retirer',
    removeTitle: (name) => `Retirer ${name} des propriétaires ?`,
    removeNote:
      'Dès lors sa clé n’ouvre plus rien et ne décide plus rien ici. Faites-le quand un ordinateur ou un téléphone est perdu ou volé.',
    add: 'Ajouter un propriétaire',
    addTitle: 'Ajouter un propriétaire à l’appareil',
    addNote:
      'Collez la carte de l’autre propriétaire : une ligne qui commence par « wattle-owner: ». « Carte de cette maison » la montre chez lui.',
    card: 'Carte',
    ownCard: 'Carte de cette maison',
    ownCardNote:
      'Donnez cette ligne à qui doit vous admettre comme propriétaire. Elle ne contient aucun secret.',
    invite: 'Invitation à cet appareil',
    inviteNote:
      'Après avoir ajouté un propriétaire, donnez-lui cette ligne : avec elle, sa maison trouve l’appareil.',
    join: 'Rejoindre un appareil',
    joinNote: 'Collez l’invitation du propriétaire qui vous a ajouté.',
    invitation: 'Ligne d’invitation',
    joined: (name) => `${name} est aussi à vous maintenant.`,
    others:
      'D’autres propriétaires doivent aussi signer. Donnez-leur cette ligne ; ils lancent « wattle home owners sign ».',
    waiting: 'Un changement est encore en route vers l’appareil.',
    close: 'Fermer',
  },
  policy: {
    title: 'Règles',
    why: 'Ce qui vaut pour chaque partage et chaque voisin de cet appareil. Ce qui les assouplit demande les mêmes propriétaires qu’un changement de propriétaires.',
    factory: 'Comme à la livraison : rien n’a été changé.',
    change: 'Changer une règle',
    member: 'Règle',
    value: 'Nouvelle valeur',
    valueNote:
      'true ou false, un nombre, un mot, ou des mots séparés par des virgules. Ce que chacune accepte est dans docs/wire/owners.md.',
    all: 'Toutes les règles',
  },
  files: {
    title: 'Copies et mises à jour',
    why: 'Un seul fichier contient tout ce qu’un propriétaire ne doit pas perdre : clés, journaux, partages et historique.',
    backup: 'Enregistrer une copie',
    backupNote: (chars) =>
      `Le fichier est scellé avec une phrase secrète d’au moins ${chars} caractères. Sans elle personne ne peut l’ouvrir, vous non plus.`,
    backedUp: 'La copie a été enregistrée.',
    restore: 'Ramener une copie',
    restoreNote:
      'Les appareils, les partages et l’historique de la copie viennent dans cette maison. Si l’ancien ordinateur a été volé, retirez ensuite sa clé.',
    restored: 'La copie est revenue. Ma Maison redémarre.',
    update: 'Mettre l’appareil à jour',
    updateNote: (name) => `${name} vérifie qui a signé le fichier avant de l’accepter. Laissez-le branché.`,
    updateFile: 'Fichier qui se termine par .update',
    sending: (done, of) => `${done} sur ${of} Mo`,
    compares: 'Envoyé ; l’appareil compare et redémarre.',
    updated: 'L’appareil a accepté la mise à jour.',
    cannotSend: 'La connexion a été perdue. Réessayez.',
  },
  change: {
    done: 'C’est fait : cela vaut dès maintenant.',
    waiting:
      'Signé et gardé. Tenez le bouton de l’appareil de trois à huit secondes : le changement est accepté dans les dix minutes qui suivent.',
    'needs-signatures': 'D’autres propriétaires doivent signer.',
  },
}
