/*
 * Rows of a response: a cursor over an array of objects or over
 * {columns: [...], rows: [[...], ...]}.
 */

function RecordCursor(result) {
    this.rows = [];
    this.names = [];
    this.at = -1;
    var i, j, row;
    if (!isDefined(result)) {
        return;
    }
    if (Array.isArray(result)) {
        this.rows = result;
        if (result.length > 0) {
            this.names = keysOf(result[0]);
        }
        return;
    }
    if (Array.isArray(result.columns) && Array.isArray(result.rows)) {
        this.names = result.columns;
        for (i = 0; i < result.rows.length; i++) {
            row = {};
            for (j = 0; j < result.columns.length; j++) {
                row[result.columns[j]] = result.rows[i][j];
            }
            this.rows.push(row);
        }
        return;
    }
    this.rows = [result];
    this.names = keysOf(result);
}

RecordCursor.prototype.count = function () {
    return this.rows.length;
};

/** Goes to the next row; false behind the last one. */
RecordCursor.prototype.next = function () {
    if (this.at + 1 >= this.rows.length) {
        this.at = this.rows.length;
        return false;
    }
    this.at++;
    return true;
};

RecordCursor.prototype.reset = function () {
    this.at = -1;
};

/** A value of the present row, by name or position from 0; undefined without one. */
RecordCursor.prototype.value = function (column) {
    if (this.at < 0 || this.at >= this.rows.length) {
        return undefined;
    }
    var name = typeof column == 'number' ? this.names[column] : column;
    return this.rows[this.at][name];
};

/** The values of a column, of all rows. */
RecordCursor.prototype.column = function (name) {
    var values = [];
    for (var i = 0; i < this.rows.length; i++) {
        values.push(this.rows[i][name]);
    }
    return values;
};

function openRecords(content) {
    return new RecordCursor(typeof content == 'string' ? parseContent(content) : content);
}

/** The rows in which a column has a value. */
function selectRecords(cursor, column, value) {
    var found = [];
    for (var i = 0; i < cursor.rows.length; i++) {
        if (String(cursor.rows[i][column]) === String(value)) {
            found.push(cursor.rows[i]);
        }
    }
    return new RecordCursor(found);
}

/** Copies named columns of the present row into the variables of an object. */
function copyRecord(cursor, columns, to) {
    for (var i = 0; i < columns.length; i++) {
        to[columns[i]] = cursor.value(columns[i]);
    }
    return to;
}
