/*
 * What is left: random shares, counters, attempts, checks of digits.
 */

/** True for a share of calls, given in per cent; the number decides, so that a caller is always treated alike. */
function inShare(number, percent) {
    var digits = onlyDigits(number);
    if (digits === '') {
        return false;
    }
    return parseInt(irdStrRight(digits, 2), 10) < percent;
}

/** Counts in the variables of a block, from 1. */
function countIn(block, name) {
    block[name] = valueOr(block[name], 0) + 1;
    return block[name];
}

/** Whether a block may try once more. */
function mayRetry(block, most) {
    return countIn(block, 'attempts') < most;
}

/** The digits that a caller has entered, without the one that ends the entry. */
function enteredDigits(event, terminators) {
    var digits = String(valueOr(event.data.digits, ''));
    while (digits !== '' && terminators.indexOf(digits.charAt(digits.length - 1)) >= 0) {
        digits = digits.substring(0, digits.length - 1);
    }
    return digits;
}

/** The check digit of Luhn's algorithm. */
function hasCheckDigit(number) {
    var digits = onlyDigits(number);
    var sum = 0;
    for (var i = 0; i < digits.length; i++) {
        var d = parseInt(digits.charAt(digits.length - 1 - i), 10);
        if (i % 2 == 1) {
            d *= 2;
            if (d > 9) {
                d -= 9;
            }
        }
        sum += d;
    }
    return digits.length > 1 && sum % 10 == 0;
}

/** Milliseconds since a moment that a block has kept. */
function elapsed(since) {
    return isDefined(since) ? new Date().getTime() - since : 0;
}

/** A number between two others. */
function bounded(n, least, most) {
    return Math.min(Math.max(n, least), most);
}

/** The priority of a call: higher for better customers, and for those who have waited. */
function priorityOf(tier, waited) {
    return bounded(tierPriority(tier) + Math.floor(waited / 30), 1, 100);
}

/** The innermost active state. */
function innermostState() {
    var states = __GetCurrentStates();
    return states.length == 0 ? '' : states[states.length - 1];
}
