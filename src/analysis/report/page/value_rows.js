// The values as a table that can be sorted.

const columns = [['value', (v) => indexOf.get(v.name)], ['op', (v) => v.op], ['verdict', (v) => verdictText(v)],
  ['margin', (v) => real(v.exact.margin), 1], ['NMSE', (v) => real(v.exact.nmse), 1], ['worst place', null],
  ['seen', (v) => v.exact.worst ? real(v.exact.worst.seen) : -Infinity, 1], ['expected', (v) => v.exact.worst ? real(v.exact.worst.expected) : -Infinity, 1],
  ['tokens', null]];
let sorted = data.findings.length ? {by: 0, down: false} : {by: 3, down: true};

// Around the first place of each finding; what is doubtful; else the largest margins.
function rowsThatMatter() {
  const few = new Set();
  for (const finding of data.findings) {
    const at = indexOf.get(finding.at[0]);
    if (at === undefined) continue;
    for (let i = Math.max(at - 2, 0); i <= Math.min(at + 2, values.length - 1); ++i) few.add(i);
  }
  values.forEach((value, i) => { if (value.verdict === 'doubtful' && few.size < 60) few.add(i); });
  if (few.size < 8) {
    const byMargin = values.map((value, i) => i).sort((a, b) => real(values[b].exact.margin) - real(values[a].exact.margin) || a - b);
    byMargin.slice(0, 12).forEach((i) => few.add(i));
  }
  return few;
}

function showValues() {
  const few = byId('which').value === 'few' && !byId('search').value ? rowsThatMatter() : null;
  const wanted = byId('search').value.trim();
  const key = columns[sorted.by][1];
  const rows = values.map((value, i) => i).filter((i) => few ? few.has(i) : values[i].name.includes(wanted) || values[i].source.includes(wanted));
  rows.sort((a, b) => {
    const x = key(values[a]), y = key(values[b]);
    return (x < y ? -1 : x > y ? 1 : a - b) * (sorted.down ? -1 : 1);
  });
  byId('count').textContent = rows.length + ' of ' + values.length;
  const table = empty(byId('value-rows'));
  add(table, 'caption', {class: 'unseen'}, 'Values of the dump');
  const head = add(add(table, 'thead'), 'tr');
  columns.forEach(([name, by, right], i) => {
    const arrow = sorted.by === i ? (sorted.down ? ' ↓' : ' ↑') : '';
    const th = add(head, 'th', {scope: 'col', class: right ? 'number' : null,
      'aria-sort': sorted.by === i ? (sorted.down ? 'descending' : 'ascending') : null});
    if (!by) th.append(name);
    else add(th, 'button', {type: 'button', onclick: () => sortBy(i)}, name + arrow);
  });
  const body = add(table, 'tbody');
  for (const i of rows) showRow(body, i);
  markRow();
}

function sortBy(i) {
  sorted = {by: i, down: sorted.by === i ? !sorted.down : Boolean(columns[i][2])};
  showValues();
  byId('value-rows').querySelectorAll('th')[i].querySelector('button').focus();
}

function showRow(body, i) {
  const value = values[i], exact = value.exact, worst = exact.compared ? exact.worst : null;
  const row = add(body, 'tr', {'data-value': i});
  add(row, 'td', {}, make('button', {type: 'button', class: 'mono', onclick: () => select(i, 'show')}, value.name));
  add(row, 'td', {}, value.op);
  add(row, 'td', {}, make('span', {class: 'swatch ' + colourOf(value, real(exact.margin)), 'aria-hidden': 'true'}, signOf(value)), verdictText(value));
  add(row, 'td', {class: 'number'}, exact.compared ? margin(exact.margin) : '');
  add(row, 'td', {class: 'number'}, exact.compared ? short(exact.nmse, 2) : '');
  add(row, 'td', {}, worst ? worst.text : value.why);
  add(row, 'td', {class: 'number'}, worst ? number(worst.seen) : '');
  add(row, 'td', {class: 'number'}, worst ? number(worst.expected) : '');
  add(row, 'td', {}, value.tokens_beyond);
}

function markRow() {
  for (const row of byId('value-rows').querySelectorAll('tr[data-value]')) {
    row.setAttribute('aria-selected', String(Number(row.dataset.value) === selected));
  }
}
