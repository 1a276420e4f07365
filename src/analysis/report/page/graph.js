// The pass as a table of cells, and the numbers of the chosen one.

const cells = [];  // by value: its button
let selected = -1;

// Columns of the layers, in the order of the pass; layers may lack some.
function layerPoints() {
  const points = [];
  let layer = -1, last = -1;
  for (const value of values) {
    if (value.layer < 0) continue;
    if (value.layer !== layer) { layer = value.layer; last = -1; }
    let at = points.indexOf(value.point);
    if (at < 0) points.splice(at = last + 1, 0, value.point);
    last = at;
  }
  return points;
}

function cellOf(value, i, named) {
  const sign = signOf(value);
  const label = value.name + ', ' + verdictText(value) +
    (value.exact.compared ? ', margin ' + margin(value.exact.margin) : '');
  const cell = make('button', {type: 'button', tabindex: -1, title: label, 'aria-label': label, 'aria-pressed': 'false',
    class: colourOf(value, real(value.exact.margin)) + (value.name === firstWrong ? ' first' : ''),
    onclick: () => select(i)}, named ? value.point + (sign ? ' ' + sign : '') : sign);
  cells[i] = cell;
  return cell;
}

function showMap() {
  const points = layerPoints();
  if (points.length > 9) byId('map').className = 'wide';
  const head = add(add(byId('map'), 'thead'), 'tr');
  add(head, 'td');
  for (const point of points) add(head, 'th', {scope: 'col'}, make('span', {}, point));
  const body = add(byId('map'), 'tbody');
  let row = null, layer = null, blanks = [];
  values.forEach((value, i) => {
    if (value.layer !== layer) {
      layer = value.layer;
      row = add(body, 'tr');
      add(row, 'th', {scope: 'row'}, layer >= 0 ? 'blk.' + layer : value.point === 'token_embd' ? 'input' : 'output');
      blanks = layer >= 0 ? points.map(() => add(row, 'td')) : [add(row, 'td', {colspan: Math.max(points.length, 1)})];
    }
    (layer >= 0 ? blanks[points.indexOf(value.point)] : blanks[0]).append(cellOf(value, i, layer < 0));
  });
  byId('map').addEventListener('keydown', moveInMap);
}

function moveInMap(event) {
  const at = cells.indexOf(event.target);
  const value = values[at];
  if (!value) return;
  const near = (layer) => values.findIndex((v) => v.layer === layer && v.point === value.point);
  const go = {ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => near(value.layer + 1), ArrowUp: () => near(value.layer - 1),
    Home: () => 0, End: () => values.length - 1}[event.key];
  if (!go) return;
  event.preventDefault();
  const to = go();
  if (!values[to]) return;
  select(to);
  cells[to].focus();
}

function showLegend() {
  const entries = [['exact', '', 'the same bits'], ['low', '', 'below 0.1 bounds'], ['within', '', 'up to 1 bound: right'],
    ['explained', '≈', 'beyond, and explained'], ['doubtful', '?', 'doubtful'], ['wrong', '1', 'wrong: up to 10 bounds'],
    ['far', '1', 'up to 10,000'], ['farthest', '1', 'more'], ['unknown', '–', 'cannot say']];
  const used = new Set(values.map((value) => colourOf(value, real(value.exact.margin))));
  for (const [name, sign, text] of entries) {
    if (used.has(name)) add(byId('legend'), 'li', {}, make('span', {class: 'swatch ' + name, 'aria-hidden': 'true'}, sign), text);
  }
  if (data.findings.length) add(byId('legend'), 'li', {}, 'a number is the finding');
}

function select(i, show) {
  if (selected >= 0) { cells[selected].setAttribute('aria-pressed', 'false'); cells[selected].tabIndex = -1; }
  selected = i;
  cells[i].setAttribute('aria-pressed', 'true');
  cells[i].tabIndex = 0;
  showDetails(values[i]);
  markRow();
  if (show) { byId('graph').scrollIntoView({block: 'start'}); cells[i].focus({preventScroll: true}); }
}

function showDetails(value) {
  const panel = empty(byId('details'));
  add(panel, 'h3', {}, value.name);
  add(panel, 'p', {}, make('span', {class: 'swatch ' + colourOf(value, real(value.exact.margin)), 'aria-hidden': 'true'}, signOf(value)),
    verdictText(value));
  add(panel, 'p', {class: 'hint'}, value.op + ' makes it: ' + value.formula);
  if (value.why) add(panel, 'p', {}, value.why);
  const list = add(panel, 'dl');
  const row = (label, text) => { add(list, 'dt', {}, label); add(list, 'dd', {}, text); };
  const exact = value.exact;
  if (exact.compared) {
    row('margin', margin(exact.margin) + (value.tokens_beyond ? ', ' + value.tokens_beyond : ''));
    if (value.explanation) row(value.verdict === 'bug' ? 'with the bug' : 'explained', margin(value.explained_margin));
    if (exact.worst) {
      row('worst at', exact.worst.text);
      row('seen', number(exact.worst.seen));
      row('expected', number(exact.worst.expected));
      row('bound', short(exact.worst.bound, 2));
    }
    row('beyond', count(exact.beyond) + ' of ' + count(exact.compared));
    row('same bits', count(exact.equal));
    row('NMSE', short(exact.nmse, 3));
    row('cosine', number(exact.cosine));
  }
  if (value.global_nmse !== null) row('whole run', 'NMSE ' + short(value.global_nmse, 3));
  if (value.seen_rms > 0) row('seen RMS', number(value.seen_rms));
  if (value.shape.length) row('a row is', '[' + value.shape.join(', ') + ']');
  if (value.source) row('in the dump', value.source);
  if (value.match) row('known by', value.match);
  if (exact.compared && value.groups.length > 1) showTokens(panel, value);
  if (exact.compared && value.histogram.some((n) => n > 0)) showHistogram(panel, value);
}

function showTokens(panel, value) {
  add(panel, 'h4', {}, 'Margin by token');
  const n = value.groups.length, width = Math.max(n * 5, 200);
  const y = (m) => 58 - 56 * Math.min(Math.max((log(Math.min(real(m), 1e7)) + 3) / 10, 0.02), 1);
  const wrong = value.groups.filter(([, m]) => !(real(m) <= 1)).length;
  const svg = add(panel, 'svg', {class: 'tokens', viewBox: '0 0 ' + width + ' 60', role: 'img',
    'aria-label': wrong + ' of ' + n + ' above 1 bound'});
  const step = width / n;
  value.groups.forEach(([group, m], i) => {
    const bar = add(svg, 'rect', {x: i * step + 0.5, width: Math.min(step - 1, 24), y: y(m), height: 60 - y(m),
      style: 'fill: var(--m-' + colourOf(value, real(m)) + ')'});
    add(bar, 'title', {}, tokenText(group) + ': ' + margin(m));
  });
  add(svg, 'line', {x1: 0, x2: width, y1: y(1), y2: y(1), stroke: 'var(--quiet)', 'stroke-dasharray': '3 3'});
  add(panel, 'p', {class: 'hint'}, tokenText(value.groups[0][0]) + ' to ' + tokenText(value.groups[n - 1][0]) + '; dashed: 1 bound');
}

function showHistogram(panel, value) {
  add(panel, 'h4', {}, 'Elements by margin');
  const names = ['below 0.001', 'to 0.01', 'to 0.1', 'to 1', 'to 10', 'to 100', 'to 1,000', 'to 10,000', 'to 100,000', 'to 1,000,000', 'more'];
  const most = Math.max(...value.histogram);
  const bars = add(panel, 'div', {class: 'bars'});
  const last = value.histogram.reduce((found, n, i) => n > 0 ? i : found, 3);
  value.histogram.forEach((n, i) => {
    if (i > last) return;
    if (i === 4) add(bars, 'span', {class: 'cut'}, 'beyond 1 bound');
    add(bars, 'span', {}, names[i]);
    const colour = colourOf(value, i < 3 ? 0.05 : i === 3 ? 0.5 : Math.pow(10, i - 4) * 2);
    add(bars, 'span', {class: 'bar ' + (n ? colour : 'empty'), style: 'width:' + 100 * n / most + '%'});
    add(bars, 'span', {}, count(n));
  });
}
