/*
 * Days and times in the zone of the business: opening hours, special days.
 * Days are numbered from 0, Sunday; times are 'HH:MM' or 'HH:MM:SS' and are compared as
 * text.
 */

var DAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

function irdDate(zone) {
    return _genesys.session.dateInZone(zone);
}

function irdTime(zone) {
    return _genesys.session.timeInZone(zone);
}

function irdDay(zone) {
    return _genesys.session.dayInZone(zone);
}

/** The number of a day by its name, or the first three letters; -1 for an unknown one. */
function dayNumber(name) {
    var wanted = String(name).substring(0, 3).toLowerCase();
    for (var i = 0; i < DAY_NAMES.length; i++) {
        if (DAY_NAMES[i].substring(0, 3).toLowerCase() === wanted) {
            return i;
        }
    }
    return -1;
}

function withSeconds(time) {
    return time.length == 5 ? time + ':00' : time;
}

/** Whether a time is from one time on and before another; the range may go over midnight. */
function isTimeBetween(time, from, to) {
    var t = withSeconds(time), f = withSeconds(from), u = withSeconds(to);
    if (f <= u) {
        return f <= t && t < u;
    }
    return t >= f || t < u;
}

/** Whether a date is in a range, both days included; 'YYYY-MM-DD'. */
function isDateBetween(date, from, to) {
    return from <= date && date <= to;
}

/** Whether a day is in a range of days, such as Monday to Friday or Saturday to Monday. */
function isDayBetween(day, from, to) {
    var f = dayNumber(from), t = dayNumber(to);
    if (f < 0 || t < 0) {
        return false;
    }
    if (f <= t) {
        return f <= day && day <= t;
    }
    return day >= f || day <= t;
}

/** Hours as text: 'Mon-Fri 08:00-18:00; Sat 09:00-13:00'. */
function parseOpeningHours(text) {
    var list = [];
    var parts = text.split(';');
    var m;
    for (var i = 0; i < parts.length; i++) {
        m = /^\s*([A-Za-z]{3,9})(?:\s*-\s*([A-Za-z]{3,9}))?\s+(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s*$/.exec(parts[i]);
        if (m === null) {
            throw new Error('opening hours "' + parts[i] + '" are not of the form Mon-Fri 08:00-18:00');
        }
        list.push({first: m[1], last: valueOr(m[2], m[1]), from: m[3], to: m[4]});
    }
    return list;
}

/** Whether the business is open now. */
function isOpen(hours, zone) {
    var list = parseOpeningHours(hours);
    var day = irdDay(zone), time = irdTime(zone);
    for (var i = 0; i < list.length; i++) {
        if (isDayBetween(day, list[i].first, list[i].last) && isTimeBetween(time, list[i].from, list[i].to)) {
            return true;
        }
    }
    return false;
}

/** Whether today is a day of a statistical table; false when there is no table. */
function isHoliday(table, zone) {
    if (!isDefined(table) || table === '') {
        return false;
    }
    try {
        var special = _genesys.session.isSpecialDay(table, '', zone);
        return special === true || special === 1;
    } catch (e) {
        __Log('special days: ' + e, 'DateTime', 3);
        return false;
    }
}

/** The days from one date to another. */
function daysBetween(from, to) {
    return Math.round((fromISODate(to) - fromISODate(from)) / 86400000);
}

/** Adds days to a date. */
function addDays(date, days) {
    return toISODate(new Date(fromISODate(date) + days * 86400000)).substring(0, 10);
}

/** Seconds since midnight. */
function toSeconds(time) {
    var parts = withSeconds(time).split(':');
    return Number(parts[0]) * 3600 + Number(parts[1]) * 60 + Number(parts[2]);
}

function fromSeconds(seconds) {
    var s = ((seconds % 86400) + 86400) % 86400;
    return twoDigits(Math.floor(s / 3600)) + ':' + twoDigits(Math.floor(s / 60) % 60) + ':' + twoDigits(s % 60);
}

/** Time as it is spoken: in steps of a quarter of an hour. */
function roundedTime(time) {
    return fromSeconds(Math.ceil(toSeconds(time) / 900) * 900).substring(0, 5);
}
