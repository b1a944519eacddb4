/*
 * Lists of keys and values as text, 'key1:value1|key2:value2', and of values,
 * 'a,b,c'.
 */

function irdListToObject(list) {
    var object = {};
    if (!isDefined(list) || list === '') {
        return object;
    }
    var pairs = String(list).split('|');
    for (var i = 0; i < pairs.length; i++) {
        var at = pairs[i].indexOf(':');
        if (at < 0) {
            object[pairs[i]] = '';
        } else {
            object[pairs[i].substring(0, at)] = pairs[i].substring(at + 1);
        }
    }
    return object;
}

function irdObjectToList(object) {
    var pairs = [];
    for (var key in object) {
        pairs.push(key + ':' + object[key]);
    }
    return pairs.join('|');
}

/** The value of a key, '' without one. */
function irdListGetValue(list, key) {
    return valueOr(irdListToObject(list)[key], '');
}

/** The list with a pair added or changed. */
function irdListSetValue(list, key, value) {
    var object = irdListToObject(list);
    object[key] = value;
    return irdObjectToList(object);
}

function irdListRemove(list, key) {
    var object = irdListToObject(list);
    delete object[key];
    return irdObjectToList(object);
}

function irdListCount(list) {
    return keysOf(irdListToObject(list)).length;
}

/** Keys of the first list that are also in the second one. */
function irdListCommonKeys(list, other) {
    var keys = [], wanted = irdListToObject(other);
    for (var key in irdListToObject(list)) {
        if (Object.prototype.hasOwnProperty.call(wanted, key)) {
            keys.push(key);
        }
    }
    return keys;
}

/* ---- 'a,b,c' ---- */

function splitValues(text) {
    var values = [];
    var parts = String(valueOr(text, '')).split(',');
    for (var i = 0; i < parts.length; i++) {
        var part = parts[i].trim();
        if (part !== '') {
            values.push(part);
        }
    }
    return values;
}

function containsValue(text, value) {
    return splitValues(text).indexOf(value) >= 0;
}

function addValue(text, value) {
    var values = splitValues(text);
    if (values.indexOf(value) < 0) {
        values.push(value);
    }
    return values.join(',');
}

function removeValue(text, value) {
    var values = splitValues(text);
    var at = values.indexOf(value);
    if (at >= 0) {
        values.splice(at, 1);
    }
    return values.join(',');
}

/* ---- categories of classified messages: [{name, id, relevancy}, ...] ---- */

function containsCategoryName(categories, name) {
    for (var i = 0; i < categories.length; i++) {
        if (categories[i].name === name) {
            return true;
        }
    }
    return false;
}

function containsCategoryId(categories, id) {
    for (var i = 0; i < categories.length; i++) {
        if (String(categories[i].id) === String(id)) {
            return true;
        }
    }
    return false;
}

/** Writes a category into the user data. */
function attachCategory(name, id, relevancy) {
    var pairs = {CtgId: id, CtgName: name, CtgRelevancy: relevancy};
    pairs['Ctg_' + id] = name;
    _genesys.ixn.setuData(pairs);
}

/** The category with the highest relevancy; undefined without any. */
function bestCategory(categories) {
    var best;
    for (var i = 0; i < categories.length; i++) {
        if (typeof best == 'undefined' || categories[i].relevancy > best.relevancy) {
            best = categories[i];
        }
    }
    return best;
}
