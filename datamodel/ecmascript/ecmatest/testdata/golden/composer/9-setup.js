var state = {list: irdListSetValue('tier:gold|lang:en', 'zone', 'CET'), caller: masked('49301234567', 4), padded: irdStrPad('7', 3, '0')};
state.history = [{day: twoDigits(1), tier: tierPriority('gold')}, {day: twoDigits(2), tier: tierPriority('none')}];
state.trim = irdStrTrim;
masked.used = 1;
