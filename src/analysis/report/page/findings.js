// What a value is, and the answer in words.

const values = data.values;
const indexOf = new Map(values.map((value, i) => [value.name, i]));
const findingOf = new Map();  // name of a value -> number of the finding that was seen there
data.findings.forEach((finding, i) => finding.at.forEach((name) => { if (!findingOf.has(name)) findingOf.set(name, i + 1); }));
const isWrong = (value) => value.verdict === 'bug' || value.verdict === 'unexplained';
const firstWrong = data.findings.map((f) => f.at[0]).find((name) => indexOf.has(name));

// What to look at where nothing is wrong beyond doubt.
function worstValue() {
  return values.find((value) => value.verdict === 'doubtful') ||
    values.reduce((worst, value) => real(value.exact.margin) > real(worst.exact.margin) ? value : worst);
}

const words = {exact: 'exact', within: 'right', explained: 'explained', bug: 'bug', unexplained: 'wrong, no known bug',
  doubtful: 'doubtful', cannot_say: 'cannot say'};
function wrongClass(m) { return !(m < 1e4) ? 'farthest' : m >= 10 ? 'far' : 'wrong'; }
// The colour of a margin of this value.
function colourOf(value, m) {
  if (value.verdict === 'cannot_say' || value.exact.compared === 0) return 'unknown';
  if (m <= 1) return m === 0 ? 'exact' : m < 0.1 ? 'low' : 'within';
  if (value.verdict === 'explained') return 'explained';
  return value.verdict === 'doubtful' ? 'doubtful' : wrongClass(m);
}
function signOf(value) {
  if (findingOf.has(value.name)) return String(findingOf.get(value.name));
  return {explained: '≈', doubtful: '?', cannot_say: '–', unexplained: '!', bug: '!'}[value.verdict] || '';
}
const verdictText = (value) => words[value.verdict] + (value.explanation ? ': ' + value.explanation : '');
const tokenText = (group) => data.group_size === 1 ? 'token ' + group :
  'tokens ' + group * data.group_size + '-' + (Math.min((group + 1) * data.group_size, data.n_tokens) - 1);

function showAnswer() {
  const signs = {bug: ['✕ wrong', 'bad'], explained: ['≈ right, rounded', 'good'], clean: ['✓ right', 'good'],
    undecided: ['? undecided', 'doubt'], nothing_compared: ['– nothing compared', 'doubt']};
  const [word, kind] = signs[data.verdict];
  byId('verdict').textContent = word;
  byId('verdict').className = kind;
  byId('headline').textContent = data.headline;
  byId('facts').textContent = [data.coverage_sentence, data.next_token_sentence].filter(Boolean).join(' ');
  const names = [data.dump.path, data.dump.producer && '(' + data.dump.producer + ')', 'against', data.model.path,
    data.model.name && '(' + data.model.name + ')'];
  byId('run').textContent = names.filter(Boolean).join(' ');
}

function valueLink(name, text) {
  if (!indexOf.has(name)) return make('code', {}, name);
  return make('button', {type: 'button', class: 'value-link mono', onclick: () => select(indexOf.get(name), 'show')}, text || name);
}

function showFinding(finding, i) {
  const title = make('h3', {}, make('span', {class: 'badge'}, String(i + 1)), finding.title,
    finding.bug ? make('code', {class: 'id'}, finding.bug) : null);
  let card = add(byId('findings'), 'article', {class: 'finding', id: 'finding-' + (i + 1)});
  if (finding.open) {
    card.append(title);
  } else {
    title.append(': ', finding.at[0] || '');
    card = add(card, 'details', {}, make('summary', {}, title));
  }
  add(card, 'p', {}, finding.cause);
  if (finding.fix) add(card, 'p', {class: 'fix'}, make('strong', {}, 'Fix '), finding.fix);
  const list = add(card, 'dl');
  const row = (label, ...content) => { add(list, 'dt', {}, label); return add(list, 'dd', {}, ...content); };
  if (finding.at.length) row('Where', valueLink(finding.at[0]), finding.places.slice(finding.at[0].length));
  if (finding.weights.length) row('Weights', make('code', {}, finding.weights.join(', ')));
  if (finding.detail) row('Measured', finding.detail);
  for (const pattern of finding.pattern) row('Pattern', pattern);
  if (finding.evidence) row('Evidence', finding.evidence);
  if (finding.at.length) showMeter(row('Margin', finding.margins), finding);
  for (const tie of finding.ties) {
    row('Or else', tie.title + ' ', make('code', {class: 'id'}, tie.bug), tie.detail ? ' ' + tie.detail : null);
  }
  if (finding.next_measurement) row(finding.ties.length ? 'To tell' : 'To see', finding.next_measurement);
  if (finding.page) row('Page', make('code', {}, finding.page));
}

// Before and after on one logarithmic axis.
function showMeter(parent, finding) {
  const at = (m) => 12 + 376 * Math.min(Math.max((log(Math.min(real(m), 1e9)) + 3) / 11, 0), 1);
  const svg = add(parent, 'svg', {class: 'meter', viewBox: '0 0 400 40', role: 'img', 'aria-label': finding.margins});
  const line = (x1, x2, y, stroke) => add(svg, 'line', {x1, x2, y1: y, y2: y, stroke, 'stroke-width': 2});
  line(12, 388, 14, 'var(--line)');
  line(12, at(1), 14, 'var(--good)');
  add(svg, 'line', {x1: at(1), x2: at(1), y1: 6, y2: 22, stroke: 'var(--quiet)'});
  const label = (x, text, anchor) => add(svg, 'text', {x, y: 36, 'font-size': 11, 'text-anchor': anchor || 'middle', fill: 'var(--quiet)'}, text);
  label(at(1), '1 bound');
  const before = at(real(finding.margin_before));
  add(svg, 'rect', {x: before - 5, y: 9, width: 10, height: 10, fill: 'var(--bad)'});
  if (before - at(1) > 50) label(before, finding.bug ? 'as it is' : 'seen', before > 360 ? 'end' : 'middle');
  if (finding.margin_after === null) return;
  const after = at(real(finding.margin_after));
  add(svg, 'circle', {cx: after, cy: 14, r: 5, fill: 'var(--good)'});
  if (at(1) - after > 70) label(after, 'with this bug');
  else label(Math.min(after, at(1) - 72), 'with this bug', 'middle');
}
