// café
var x = 1;
