/*
 * Strings as the functions of interaction routing have them: positions begin with 1,
 * and what is out of range is cut off.
 */

function irdStrLen(text) {
    return String(text).length;
}

function irdCat() {
    var text = '';
    for (var i = 0; i < arguments.length; i++) {
        text += valueOr(arguments[i], '');
    }
    return text;
}

/** count characters from position first on. */
function irdStrSub(text, first, count) {
    var s = String(text);
    var from = Math.max(first - 1, 0);
    return s.substring(from, Math.min(from + Math.max(count, 0), s.length));
}

/** The last characters. */
function irdStrRight(text, count) {
    var s = String(text);
    return s.substring(Math.max(s.length - count, 0));
}

/** The position of a part, 0 when it is not there. */
function irdStrPos(text, part) {
    return String(text).indexOf(part) + 1;
}

function irdStrReplace(text, what, by) {
    return String(text).split(what).join(by);
}

function irdStrUpper(text) {
    return String(text).toUpperCase();
}

function irdStrLower(text) {
    return String(text).toLowerCase();
}

function irdStrTrim(text) {
    return String(text).trim();
}

/** -1, 0 or 1. */
function irdStrCompare(a, b) {
    var x = String(a), y = String(b);
    return x < y ? -1 : x > y ? 1 : 0;
}

/** What is before the first separator, and the rest: {head, tail}. */
function irdStrNext(text, separator) {
    var s = String(text);
    var at = s.indexOf(separator);
    if (at < 0) {
        return {head: s, tail: ''};
    }
    return {head: s.substring(0, at), tail: s.substring(at + separator.length)};
}

function irdStrIsNumber(text) {
    return /^[+\-]?\d+$/.test(String(text).trim());
}

/** The number in a text, other when there is none. */
function irdStrToNumber(text, other) {
    return irdStrIsNumber(text) ? parseInt(String(text), 10) : other;
}

/** Fills a text on the left. */
function irdStrPad(text, length, fill) {
    var s = String(text);
    while (s.length < length) {
        s = fill + s;
    }
    return s;
}

/** Only the digits of a number as it was dialled: '+49 30 1234' is '49301234'. */
function onlyDigits(text) {
    return String(valueOr(text, '')).replace(/\D/g, '');
}

/** Everything but the last digits hidden, for logs. */
function masked(text, shown) {
    var s = String(valueOr(text, ''));
    var hidden = Math.max(s.length - shown, 0);
    return irdStrPad('', hidden, '*') + s.substring(hidden);
}

/** Replaces {name} by the members of an object. */
function fillTemplate(template, values) {
    return template.replace(/\{(\w+)\}/g, function (whole, name) {
        return Object.prototype.hasOwnProperty.call(values, name) ? String(values[name]) : whole;
    });
}
