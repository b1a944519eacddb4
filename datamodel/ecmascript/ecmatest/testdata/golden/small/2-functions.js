function add(a, b) { return a + b + shared.k }
function never(called) { return called }
function replaced() { return 'declared' }
function marked() { return marked.with }
marked.with = 'mark';
replaced = function () { return 'assigned' };
var api = {sum: function (a) { return add(a, 1) }, alias: add, strict: function () { 'use strict'; undeclared = 1 }};
