// Elements, numbers, units, colours: what every picture needs.

/** A new element. Text given as a child stays text, whatever is in it. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on'))
      made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== 'string')
      made[name] = value;
    else if (value !== null && value !== undefined)
      made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

function section(id, title, about, ...children) {
  return element(
      'section', {id, 'aria-labelledby': id + '-title'}, element('h2', {id: id + '-title'}, title),
      about ? element('p', {class: 'about'}, about) : null, ...children);
}

function empty(text) { return element('p', {class: 'empty'}, text); }

function choice(label, options, value, onChange, id) {
  const select = element('select', {id, onchange: () => onChange(select.value)});
  for (const [key, text] of options) select.append(element('option', {value: key, selected: key === value}, text));
  return element('label', {}, label, select);
}

function checkbox(label, checked, onChange, id) {
  const box = element('input', {type: 'checkbox', checked, id, onchange: () => onChange(box.checked)});
  return element('label', {}, box, label);
}

function card(value, label) {
  return element('div', {class: 'card'}, element('b', {}, value), element('span', {}, label));
}

/** Cells are texts or elements; a row may be an element, too. */
function table(caption, heads, rows) {
  const isText = heads.map(
      (_, i) => rows.length > 0 &&
          rows.every(row => (row instanceof Node ? row.cells[i] : row[i])?.className?.match?.(/text|long/)));
  return element(
      'div', {class: 'scroll-x', tabindex: '0', role: 'region', 'aria-label': caption},
      element(
          'table', {}, element('caption', {}, caption),
          element(
              'thead', {},
              element(
                  'tr', {},
                  ...heads.map((head, i) => element('th', {scope: 'col', class: isText[i] ? 'text' : ''}, head)))),
          element(
              'tbody', {},
              ...rows.map(
                  row => row instanceof Node ?
                      row :
                      element(
                          'tr', {},
                          ...row.map(
                              cell =>
                                  cell instanceof Node && cell.tagName === 'TD' ? cell : element('td', {}, cell)))))));
}

/** Four significant digits, with a letter for large numbers. */
function number(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  for (const [limit, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M']])
    if (size >= limit) return trim(value / limit) + ' ' + letter;
  return trim(value);
}
function trim(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
}
function whole(value) { return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '–'; }
function percent(share) {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  return (value === 0                ? '0' :
              Math.abs(value) < 1e-4 ? value.toExponential(1) :
                                       String(Number(value.toPrecision(3)))) +
      ' %';
}
function withUnit(value, unit) {
  return typeof value === 'number' ? number(value) + (unit ? ' ' + unit : '') : String(value);
}

const metricUnits = {
  cycles: 'cycles',
  seconds: 's',
  tokens_per_second: 'tokens/s',
  joules: 'J',
  joules_per_token: 'J/token',
  tokens_per_joule: 'tokens/J',
  watts: 'W',
  utilisation: 'share',
  compute: 'cycles',
  communicate: 'cycles',
  wait: 'cycles'
};
function unitOfMetric(name) {
  if (metricUnits[name]) return metricUnits[name];
  for (const [end, unit] of [
           ['_mm2', 'mm²'], ['_bytes', 'bytes'], ['_cycles', 'cycles'], ['_seconds', 's'], ['_joules', 'J'],
           ['watts', 'W'], ['bytes_per_core', 'bytes'], ['_pj', 'pJ']])
    if (name.endsWith(end)) return unit;
  return '';
}

function cssColor(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/**
 * From little to much: Cividis (Nunez, Anderton, Renslow 2018), which the colour-blind see alike; without its end that
 *  the paper swallows.
 */
const ramp = [
  [0, 32, 76], [0, 60, 110], [63, 79, 108], [97, 101, 110], [129, 124, 120], [163, 149, 116], [200, 175, 100],
  [235, 203, 71], [255, 234, 70]
];
function rampColor(share) {
  const isDark = document.documentElement.dataset.theme === 'dark', inside = Math.min(1, Math.max(0, share));
  const at = (isDark ? 0.2 + 0.8 * inside : 0.92 * inside) * (ramp.length - 1),
        low = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[low].map((part, i) => Math.round(part + (ramp[low + 1][i] - part) * (at - low)));
}

// Tips: one box, moved where the pointer is.
function showTip(text, x, y) {
  const tip = document.getElementById('tip');
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 6)) + 'px';
  tip.style.top = Math.max(4, y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + 'px';
}
function hideTip() { document.getElementById('tip').hidden = true; }

function download(name, type, text) {
  const link = element('a', {href: URL.createObjectURL(new Blob([text], {type})), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Copies by the clipboard where the browser lets a local file have it, else by a selection. */
async function copyText(text, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    const area = element('textarea', {style: 'position:fixed;opacity:0'});
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand('copy');
    area.remove();
  }
  const label = button.textContent;
  button.textContent = done ? 'Copied' : 'Select the text and copy it';
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}

// Everything that draws with colours draws again when they change.
let printing = false;  // on paper, pictures are finer
const painters = [];
function onRepaint(paint) { painters.push(paint); }
function repaint() {
  for (const paint of painters) paint();
}
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  repaint();
}
