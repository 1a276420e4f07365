// The rest of the page, light and dark, and the start.

function part(title, list, show) {
  if (!list.length) return;
  const section = add(byId('more'), 'section', {});
  add(section, 'h2', {}, title);
  const items = add(section, 'ul', {class: 'list'});
  for (const entry of list) add(items, 'li', {}, show(entry));
}

function showMore() {
  const note = (n) => [n.subject, n.sentence].filter(Boolean).join(': ');
  part('Roundings that honest engines make', data.explanations, (e) => e.sentence + ' (' + e.id + '): ' + count(e.values) + ' values');
  part('Hyper-parameters', data.hyper_parameters, (h) => h.key + ': ' +
    (h.equal ? h.ours + ', in the engine and in the file' : 'the engine has ' + h.theirs + ', the file ' + h.ours));
  part('Rows of weights', data.weights, (w) => w.tensor + ', ' + count(w.rows) + ' from row ' + count(w.first_row) + ': ' +
    (w.equal ? 'right' : count(w.wrong) + ' of ' + count(w.elements) + ' elements wrong') + (w.explanation ? ', ' + w.explanation : ''));
  part('Looks wrong, and is right', data.normal, note);
  part('How the dump was read', data.notes, note);
  part('What this dump cannot show', data.unseen, (sentence) => sentence);
  const shown = data.tokens.slice(0, 200).join(' ') + (data.tokens.length > 200 ? ' ...' : '');
  part('Tokens', data.tokens.length ? [shown, 'in passes of ' + data.passes.join(', ')] : [], (text) => text);
}

const system = window.matchMedia('(prefers-color-scheme: dark)');
let theme = 'system';
function showTheme(name) {
  document.documentElement.dataset.theme = name === 'system' ? (system.matches ? 'dark' : 'light') : name;
  if (byId('heat-map')) drawHeat();
}
function setTheme(name) {
  theme = name;
  byId('theme').textContent = 'Theme: ' + name;
  showTheme(name);
}

function start() {
  byId('page').hidden = false;
  showAnswer();
  data.findings.forEach(showFinding);
  if (!data.findings.length) byId('findings').remove();
  if (values.length) {
    showLegend();
    showMap();
    if (values.some((value) => value.groups.length > 1)) prepareHeat();
    else byId('heat').remove();
    showValues();
    byId('which').addEventListener('change', showValues);
    byId('search').addEventListener('input', showValues);
    if (firstWrong) byId('first').append('First wrong value: ', valueLink(firstWrong));
    select(firstWrong === undefined ? values.indexOf(worstValue()) : indexOf.get(firstWrong));
  } else {
    for (const id of ['graph', 'heat', 'values']) byId(id).remove();
  }
  showMore();
  setTheme('system');
  system.addEventListener('change', () => showTheme(theme));
  window.addEventListener('beforeprint', () => showTheme('light'));  // paper is
  window.addEventListener('afterprint', () => showTheme(theme));
  byId('theme').addEventListener('click', () => setTheme({system: 'dark', dark: 'light', light: 'system'}[theme]));
}

start();
