/*
 * Names and numbers of enumerations. This file is newer than the others: it uses
 * const.
 */

const MEDIA_NAMES = ['TMediaVoice', 'TMediaVoIP', 'TMediaEMail', 'TMediaVMail', 'TMediaSMail', 'TMediaChat'];

const TIERS = {platinum: 50, gold: 40, silver: 30, standard: 20, unknown: 10};

const TREATMENTS = {
    Music: 'music',
    RingBack: 'ringback',
    Silence: 'silence',
    Busy: 'busy',
    FastBusy: 'fastbusy'
};

function tierPriority(tier) {
    const known = TIERS[tier];
    return typeof known == 'undefined' ? TIERS.unknown : known;
}

function irdMediaName(number) {
    return number >= 0 && number < MEDIA_NAMES.length ? MEDIA_NAMES[number] : '';
}

function irdMediaNumber(name) {
    return _genesys.ixn.getMediaIntValue(name);
}

function irdTreatment(name) {
    return Object.prototype.hasOwnProperty.call(TREATMENTS, name) ? TREATMENTS[name] : 'silence';
}

/** The name of a type of DN: 'CFGRoutingPoint' for 4. */
function irdResourceTypeName(number) {
    const types = _genesys.resource.resourceType;
    for (var name in types) {
        if (types[name] === number) {
            return name;
        }
    }
    return '';
}

function irdDayName(number) {
    const days = _genesys.session.day;
    for (var name in days) {
        if (days[name] === number) {
            return name;
        }
    }
    return '';
}
