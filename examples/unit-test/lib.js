// What the strategy needs of JavaScript.

// tierOf reads the tier of a customer from the answer of the customer database.
function tierOf(content) {
  var customer = JSON.parse(content);
  return customer.tier || 'standard';
}

// skillFor is the skill behind a key of the menu; '' for any other key.
function skillFor(digit) {
  return {1: 'Sales', 2: 'Service'}[digit] || '';
}
