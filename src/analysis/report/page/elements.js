// Elements, and numbers as text. Text is only ever set as text: names come from foreign files.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const kSvg = byId('svg').namespaceURI;

function add(parent, name, attributes, ...children) {
  const inSvg = name === 'svg' || (parent && parent.namespaceURI === kSvg);
  const element = inSvg ? document.createElementNS(kSvg, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'onclick') element.addEventListener('click', value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  if (parent) parent.append(element);
  return element;
}
const make = (name, attributes, ...children) => add(null, name, attributes, ...children);
const empty = (element) => { element.textContent = ''; return element; };

// JSON has infinities and NaN as strings.
const real = (x) => (x === null || x === undefined) ? NaN : x === 'inf' ? Infinity : x === '-inf' ? -Infinity :
  x === 'nan' ? NaN : x;
// As the other reports have it: 1.6e+04, not 1.60e+4.
function trimmed(text) {
  if (!text.includes('e')) return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return text.replace(/\.?0+e/, 'e').replace(/e([+-])(\d)$/, 'e$10$2');
}
function short(x, digits) {
  x = real(x);
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'infinite' : '-infinite';
  if (x === 0) return '0';
  const size = Math.abs(x);
  return size < 1e-3 || size >= 9999.5 ? trimmed(x.toExponential(Math.min(digits, 3) - 1 || 1)) : trimmed(x.toPrecision(digits));
}
function margin(x) {
  const size = Math.abs(real(x));
  if (!(size >= 1e-3 && size < 9999.5) && size > 0 && size < Infinity) return trimmed(real(x).toExponential(1));
  return size >= 999.5 && size < 9999.5 ? real(x).toFixed(0) : short(x, 3);
}
const number = (x) => Number.isFinite(real(x)) && Math.abs(real(x)) >= 1e-4 && Math.abs(real(x)) < 1e6 ?
  trimmed(real(x).toPrecision(6)) : Number.isFinite(real(x)) && real(x) !== 0 ? trimmed(real(x).toExponential(5)) : short(x, 6);
const count = (n) => n.toLocaleString('en');
const log = (x) => Math.log10(Math.max(real(x), 1e-12));
