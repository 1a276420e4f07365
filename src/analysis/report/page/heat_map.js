// Margins by token and value, drawn.

const heat = {x: 0, y: 0, left: 46, top: 18, w: 4, h: 16, groups: 0, byValue: []};

function prepareHeat() {
  heat.groups = Math.ceil(data.n_tokens / data.group_size);
  heat.byValue = values.map((value) => new Map(value.groups.map(([group, m]) => [group, real(m)])));
  const tokens = data.group_size > 1 ? 'A row is ' + data.group_size + ' tokens, the largest of their margins is shown' : 'A row is a token';
  byId('heat-hint').textContent = tokens + ', a column a value, in the order of the pass: layer after layer to the right. ' +
    'Point at a cell, or move with the arrow keys; Enter shows the value.';
  const canvas = byId('heat-map');
  canvas.addEventListener('mousemove', (event) => { pointAt(event); });
  canvas.addEventListener('click', (event) => { pointAt(event); select(heat.x, 'show'); });
  canvas.addEventListener('keydown', moveInHeat);
  canvas.addEventListener('focus', drawHeat);
  canvas.addEventListener('blur', drawHeat);
  window.addEventListener('resize', drawHeat);
  const first = indexOf.get(firstWrong);
  if (first !== undefined) { heat.x = first; heat.y = (values[first].groups.find(([, m]) => !(real(m) <= 1)) || [0])[0]; }
}

function pointAt(event) {
  const box = byId('heat-map').getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left - heat.left) / heat.w), y = Math.floor((event.clientY - box.top - heat.top) / heat.h);
  if (x < 0 || y < 0 || x >= values.length || y >= heat.groups) return;
  heat.x = x; heat.y = y;
  sayHeat();
}

function moveInHeat(event) {
  const step = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
  if (event.key === 'Enter') select(heat.x, 'show');
  if (!step) return;
  event.preventDefault();
  heat.x = Math.min(Math.max(heat.x + step[0], 0), values.length - 1);
  heat.y = Math.min(Math.max(heat.y + step[1], 0), heat.groups - 1);
  drawHeat();
  sayHeat();
}

function sayHeat() {
  const value = values[heat.x], m = heat.byValue[heat.x].get(heat.y);
  byId('heat-said').textContent = value.name + ', ' + tokenText(heat.y) + ': ' +
    (m === undefined ? 'not in the dump' : margin(m) + ' bounds, ' + verdictText(value));
}

function drawHeat() {
  const canvas = byId('heat-map'), style = getComputedStyle(document.documentElement);
  const room = canvas.parentElement.clientWidth - heat.left - 8;
  heat.w = Math.min(Math.max(Math.floor(room / values.length * 2) / 2, 1.5), 16);
  heat.h = heat.groups <= 12 ? 20 : heat.groups <= 32 ? 12 : 7;
  const width = heat.left + heat.w * values.length + 2, height = heat.top + heat.h * heat.groups + 2;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio; canvas.height = height * ratio;
  canvas.style.width = width + 'px'; canvas.style.height = height + 'px';
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  const gap = heat.w >= 5 ? 1 : 0;
  values.forEach((value, x) => {
    for (const [y, m] of heat.byValue[x]) {
      pen.fillStyle = style.getPropertyValue('--m-' + colourOf(value, m));
      pen.fillRect(heat.left + x * heat.w, heat.top + y * heat.h, heat.w - gap, heat.h - 1);
    }
  });
  labelHeat(pen, style);
  if (document.activeElement !== canvas) return;
  pen.strokeStyle = style.getPropertyValue('--text');
  pen.lineWidth = 2;
  pen.strokeRect(heat.left + heat.x * heat.w - 1, heat.top + heat.y * heat.h - 1, heat.w + 1, heat.h + 1);
}

function labelHeat(pen, style) {
  pen.fillStyle = style.getPropertyValue('--quiet');
  pen.font = '11px system-ui, sans-serif';
  pen.textAlign = 'right';
  for (let y = 0; y < heat.groups; y += Math.ceil(14 / heat.h)) {
    pen.fillText(y * data.group_size, heat.left - 6, heat.top + y * heat.h + Math.min(heat.h, 14) - 3);
  }
  pen.textAlign = 'left';
  let layer = -1, free = 0;
  values.forEach((value, x) => {
    if (value.layer === layer) return;
    layer = value.layer;
    const at = heat.left + x * heat.w;
    pen.fillRect(at, heat.top - 5, 1, 4);
    if (layer < 0 || at < free) return;
    pen.fillText(layer === 0 ? 'blk.0' : layer, at + 3, heat.top - 6);
    free = at + (layer === 0 ? 40 : 24);
  });
}
