var n = 1.5, negative = -0, far = Infinity, nothing = null, missing, text = 'grün 😀';
var shared = {k: 1}, pair = [shared, shared], cyclic = {list: []};
cyclic.self = cyclic;
cyclic.list.push(cyclic, 'x');
var sparse = [];
sparse[5000] = 1;
var date = new Date(86400000), pattern = /a+(b)/gi, wrong = new TypeError('bad'), box = new Number(3);
wrong.code = 7;
pattern.exec('aab');
