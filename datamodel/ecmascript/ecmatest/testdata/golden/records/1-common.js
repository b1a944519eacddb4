/*
 * What every strategy of the project uses: events that were stored, the
 * addresses of documents, parameters from the operations database, dates.
 *
 * The functions reach the variables of the frame by _data.system.context, because
 * they belong to the document and do not see the variables of its states.
 */

/** The system variables of the running strategy; undefined before the frame has made them. */
function systemContext() {
    if (typeof _data != 'undefined' && _data.system != null && typeof _data.system.context != 'undefined') {
        return _data.system.context;
    }
    return undefined;
}

function isDefined(value) {
    return typeof value != 'undefined' && value !== null && value !== 'undefined';
}

/** value, or other when there is none. */
function valueOr(value, other) {
    return isDefined(value) ? value : other;
}

/* ---- events ---- */

/** Remembers the last event of a block, and what it says when it is an error. */
function storeEvent(block, event) {
    var context = systemContext();
    if (typeof context == 'undefined' || typeof event == 'undefined') {
        return;
    }
    if (typeof context.events == 'undefined') {
        context.events = {};
    }
    if (typeof context.errors == 'undefined') {
        context.errors = {};
    }
    context.currentBlock = block;
    context.handledEvent = event;
    dropUnhandledEvent(context, event);
    context.events[block] = event;
    if (isErrorEvent(event)) {
        context.errors[block] = event;
        context.LastErrorEvent = event;
        context.LastErrorEventName = event.name;
        context.LastErrorDescription = getErrorDescription(event);
    }
}

function isErrorEvent(event) {
    return typeof event != 'undefined' && typeof event.name == 'string' &&
        (event.name == 'error' || event.name.indexOf('error.') == 0);
}

/** The text of an error event, whichever module it comes from. */
function getErrorDescription(event) {
    if (typeof event == 'undefined' || typeof event.data == 'undefined' || event.data === null) {
        return '';
    }
    if (isDefined(event.data.description)) {
        return String(event.data.description);
    }
    if (isDefined(event.data.error)) {
        return String(event.data.error);
    }
    return '';
}

/** The code of an error event: 0, a status or a word. */
function getErrorCode(event) {
    if (typeof event == 'undefined' || typeof event.data == 'undefined' || event.data === null) {
        return '';
    }
    return valueOr(event.data.error, '');
}

var UNHANDLED_EVENTS_KEPT = 20;

/**
 * Called by the branch of the application for an event that no block has taken.
 * In parallel blocks another one may have, or may do so yet.
 */
function storeUnhandledEvent() {
    var context = systemContext();
    if (typeof context == 'undefined' || context.handledEvent === _event) {
        return;
    }
    context.uncaughtApplicationEvents.push(_event);
    while (context.uncaughtApplicationEvents.length > UNHANDLED_EVENTS_KEPT) {
        context.uncaughtApplicationEvents.shift();
    }
}

/**
 * Called by the branch of the event handlers: whether a block has taken the
 * event. Both branches see the very same event.
 */
function isEventHandledByApplication() {
    var context = systemContext();
    if (typeof context == 'undefined') {
        return false;
    }
    return !dropUnhandledEvent(context, _event);
}

/** Takes an event off the list; false when it is not there. */
function dropUnhandledEvent(context, event) {
    var at = context.uncaughtApplicationEvents.indexOf(event);
    if (at < 0) {
        return false;
    }
    context.uncaughtApplicationEvents.splice(at, 1);
    return true;
}

/** Raises the error again that a block has kept while it cleaned up. */
function raiseStoredError(event) {
    var params = {};
    if (typeof event != 'undefined' && typeof event.data != 'undefined') {
        for (var key in event.data) {
            params[key] = event.data[key];
        }
    }
    __Raise(typeof event == 'undefined' ? 'error.unknown' : event.name, params);
}

/* ---- addresses ---- */

function cutAtLastSlash(url) {
    var at = url.lastIndexOf('/');
    return at < 0 ? '' : url.substring(0, at);
}

/** The folder of the project: that above the folder of the documents. */
function getBaseURL() {
    return cutAtLastSlash(getRelativePathURL());
}

/** The folder of the documents. */
function getRelativePathURL() {
    var url = __GetDocumentURL();
    var query = url.indexOf('?');
    return cutAtLastSlash(query < 0 ? url : url.substring(0, query));
}

/** url, in the project when it names no host. */
function resolveURL(url) {
    if (/^[a-z][a-z0-9+.\-]*:/i.test(url)) {
        return url;
    }
    if (url.charAt(0) == '/') {
        return getBaseURL() + url;
    }
    return getRelativePathURL() + '/' + url;
}

/** Joins a URL and the parameters in an object. */
function appendQuery(url, params) {
    var parts = [];
    for (var key in params) {
        if (isDefined(params[key])) {
            parts.push(encodeURIComponent(key) + '=' + encodeURIComponent(String(params[key])));
        }
    }
    if (parts.length == 0) {
        return url;
    }
    return url + (url.indexOf('?') < 0 ? '?' : '&') + parts.join('&');
}

/* ---- operational parameters and outbound campaigns ---- */

/** The parameters in the list object named by OPM_Transaction: {} without one. */
function getOPMParameters() {
    var name = _data.OPM_Transaction;
    if (!isDefined(name) || name === '') {
        return {};
    }
    var context = systemContext();
    var item = typeof context != 'undefined' && isDefined(context.diagram) ? context.diagram : 'Default';
    try {
        return copyOf(_genesys.session.getListItemValue(name, item));
    } catch (e) {
        __Log('no parameters ' + item + ' in ' + name + ': ' + e, 'OPM', 3);
        return {};
    }
}

/** A parameter, or other when it is not set. */
function getOPMParameter(key, other) {
    var context = systemContext();
    if (typeof context == 'undefined' || !isDefined(context.OPM)) {
        return other;
    }
    return valueOr(context.OPM[key], other);
}

function getAttachedValue(key) {
    var context = systemContext();
    if (typeof context == 'undefined' || !isDefined(context.InteractionID)) {
        return undefined;
    }
    var interaction = _genesys.ixn.interactions[context.InteractionID];
    if (typeof interaction == 'undefined' || typeof interaction.udata == 'undefined') {
        return undefined;
    }
    return interaction.udata[key];
}

function getWorkflowRecordURI() {
    return valueOr(getAttachedValue('GSW_RECORD_URI'), '');
}

function getWorkflowOCSURI() {
    var uri = getWorkflowRecordURI();
    var at = uri.indexOf('/records/');
    return at < 0 ? '' : uri.substring(0, at);
}

function getWorkflowOCSRecord() {
    var uri = getWorkflowRecordURI();
    var at = uri.indexOf('/records/');
    return at < 0 ? '' : uri.substring(at + '/records/'.length);
}

/* ---- objects ---- */

/** A copy that may be changed: objects of events and of the platform are read-only. */
function copyOf(value) {
    if (typeof value == 'undefined') {
        return undefined;
    }
    return JSON.parse(JSON.stringify(value));
}

function keysOf(object) {
    var keys = [];
    for (var key in object) {
        keys.push(key);
    }
    return keys;
}

/** Reads the JSON text of a response; undefined when it is none. */
function parseContent(content) {
    if (!isDefined(content) || content === '') {
        return undefined;
    }
    try {
        return eval('(' + content + ')');
    } catch (e) {
        __Log('response is no JSON: ' + e, 'REST', 3);
        return undefined;
    }
}

/** Whether the user data of an interaction has all the pairs of an object. */
function hasUserData(interactionid, pairs) {
    var interaction = _genesys.ixn.interactions[interactionid];
    if (typeof interaction == 'undefined') {
        return false;
    }
    for (var key in pairs) {
        if (String(interaction.udata[key]) !== String(pairs[key])) {
            return false;
        }
    }
    return true;
}

/* ---- dates in ISO 8601, for engines that have no toISOString ---- */

function twoDigits(n) {
    return n < 10 ? '0' + n : String(n);
}

function threeDigits(n) {
    return n < 10 ? '00' + n : n < 100 ? '0' + n : String(n);
}

function toISODate(date) {
    return date.getUTCFullYear() + '-' + twoDigits(date.getUTCMonth() + 1) + '-' + twoDigits(date.getUTCDate()) +
        'T' + twoDigits(date.getUTCHours()) + ':' + twoDigits(date.getUTCMinutes()) + ':' + twoDigits(date.getUTCSeconds()) +
        '.' + threeDigits(date.getUTCMilliseconds()) + 'Z';
}

if (typeof Date.prototype.toISOString == 'undefined') {
    Date.prototype.toISOString = function () { return toISODate(this); };
}

/** Milliseconds since 1970 of 2026-01-31, 2026-01-31T10:20:30.5Z, …+01:00; NaN for anything else. */
function fromISODate(text) {
    var m = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+\-]\d\d:?\d\d)?)?$/.exec(text);
    if (m === null) {
        return NaN;
    }
    var milliseconds = isDefined(m[7]) ? Number((m[7] + '00').substring(0, 3)) : 0;
    var time = Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3]), Number(m[4] || 0), Number(m[5] || 0), Number(m[6] || 0), milliseconds);
    if (isDefined(m[8]) && m[8] != 'Z' && m[8] !== '') {
        var minutes = Number(m[8].substr(1, 2)) * 60 + Number(m[8].substr(-2));
        time += (m[8].charAt(0) == '+' ? -1 : 1) * minutes * 60000;
    }
    return time;
}
