<!-- written for JavaScript 1.7 -->
const most = 3;
function sum(o) { var s = 0; for each (var v in o) { s += v } return s }
function guarded(f) { try { f() } catch (e if e === 1) { return 'one' } catch (e) { return 'other' } return '' }
function unused(o) { return o.toSource() }
var api = {sum: function (o) { for each (var v in o) { this.last = v } return sum(o) }, late: function (d) { return d.getYear() + most }};
var total = api.sum({a: 1, b: 2});
