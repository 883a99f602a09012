// Français : les demandes de fournisseurs, et la propre page d'un fournisseur.

import type { MoreWords } from './table.ts'

export const more: MoreWords = {
  ask: {
    title: (name) => `${name} demande à lire votre compteur`,
    who: 'Qui demande',
    wants: 'Demande',
    purpose: 'Dans quel but',
    keeps: 'Le garde',
    keepsFor: (days) => (days === 1 ? 'un jour' : `${days} jours`),
    until: 'Jusqu’au',
    device: 'Quel appareil',
    narrow: 'Vous pouvez donner moins que demandé, et pour moins longtemps.',
    grant: 'Laisser lire',
    refuse: 'Refuser',
    granted: (name) =>
      `${name} lit à partir du prochain télégramme. Vous pouvez l’arrêter à tout moment sous Partage.`,
    refused: (name) => `${name} n’a pas été admis.`,
    backTo: (host) => `Vous pouvez retourner à ${host}. On y apprend votre réponse, et jamais une clé.`,
    backUnverified: (host) =>
      `La demande veut que vous alliez à ${host}. Personne n’a vérifié que c’est le propre lieu du fournisseur.`,
    goBack: 'Y aller',
    noBack: 'Vous pouvez fermer cette page.',
    unverifiedWhy: (domain) =>
      `Il dit être ${domain}. D’ici, cela n’a pas pu être vérifié : comparez avec l’endroit d’où vient ce lien.`,
    verifiedWhy: (domain) => `${domain} confirme que cette clé est la sienne.`,
    noDevice: 'Il n’y a pas encore d’appareil à vous ici. Prenez-en possession, puis rouvrez le lien.',
    bad: 'Cette demande ne peut pas être montrée',
    badWhy: {
      shape:
        'Ce n’est pas une demande de lecture, ou elle est abîmée. Demandez un nouveau lien au fournisseur.',
      signature: 'Sa signature ne va pas : quelqu’un l’a changée. Rien n’en est montré.',
      old: 'Son temps est passé. Demandez un nouveau lien au fournisseur.',
      redirect:
        'Elle veut vous envoyer à un lieu qui n’est pas une simple adresse https. Rien n’en est montré.',
    },
  },
  provider: {
    states: { waiting: 'En attente d’accès', open: 'Accès ouvert', closed: 'Accès terminé' },
    statesWhy: {
      waiting: 'Le propriétaire n’a pas laissé entrer ce fournisseur.',
      open: 'Chaque trame qui arrive peut être ouverte.',
      closed: 'Des trames peuvent encore arriver. Aucune ne peut plus être ouverte.',
    },
    none: 'Pas d’accès',
    noneWhy: 'Aucun propriétaire n’a encore laissé entrer ce fournisseur. Rien ne peut être lu.',
    opened: 'Ouvertes',
    sealed: 'Encore scellées',
    last: 'Dernière valeur',
    framesAre: (opened, sealed) =>
      `Des dernières trames, ${opened} ont été ouvertes et ${sealed} sont restées scellées.`,
    frameOpened: (index) => `Trame ${index} ouverte`,
    frameSealed: (index) => `Trame ${index} reçue, impossible à ouvrir`,
    noGaps: 'Aucune trame ne manque.',
    gaps: (n) => (n === 1 ? 'Un trou dans les trames' : `${n} trous dans les trames`),
    gap: (from, to, when) => `De ${from} à ${to}, remarqué à ${when}`,
    never: 'aucune encore',
  },
  help: {
    buttonDoes: [
      'Un appui court, tant que personne ne le possède : la fenêtre s’ouvre pour 60 secondes.',
      'Un appui court, quand il a un propriétaire : il clignote, pour que vous sachiez lequel c’est.',
      'Maintenu 10 secondes, jusqu’à ce que les deux voyants brillent ; puis lâchez et appuyez une fois dans les 5 secondes : ses clés et son propriétaire sont effacés.',
    ],
    secondSteps: [
      'Gardez la clé ici et portez le fichier sur l’autre téléphone.',
      'Ouvrez-y la même adresse : le nom ou le numéro dans la barre d’adresse.',
      'Choisissez « J’ai sa clé » et donnez le fichier et la phrase secrète.',
    ],
    safetyIs: [
      'Personne en chemin ne lit vos valeurs : elles quittent l’appareil scellées et s’ouvrent dans ce téléphone.',
      'Le code de l’étiquette ne se devine pas d’une écoute, et personne ne prend l’appareil sans appuyer sur son bouton.',
      'Pas contre quelqu’un qui est déjà dans votre réseau et change ce qui y passe : cette page vient en simple HTTP et pourrait être remplacée en route. Si cela compte, prenez-le avec « wattle home » sur un ordinateur.',
      'Pas contre qui tient ce téléphone déverrouillé. Un appui de 10 secondes sur l’appareil exclut tous les téléphones.',
      'Les navigateurs effacent parfois ce qu’une page a gardé, certains après une semaine sans visite. Gardez la clé.',
    ],
  },
}
