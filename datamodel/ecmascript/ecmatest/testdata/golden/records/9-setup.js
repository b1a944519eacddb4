var cursor = openRecords([{id: 1, name: 'a'}, {id: 2, name: 'b'}]);
cursor.next();
var make = RecordCursor;
