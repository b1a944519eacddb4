let counter = 1;
const fixed = {x: 1};
var map = new Map([['k', {v: 1}], [fixed, 'object']]), set = new Set([1, 'a', fixed]), bytes = new Uint8Array([1, 2, 3]);
let arrow = (a, b = 2) => a + b + counter;
function* steps() { yield counter; yield fixed.x }
var short = {go(x) { return x * counter }, lone: '\ud800x'};
function outer(x) { const inner = y => x + y; return inner(1) }
async function later() { return 1 }
