// The mesh from above: what each core computes, what its links carry, how full its SRAM is.

/** "5*3 7" -> [5, 5, 5, 7] */
function unpackRuns(text) {
  const out = [];
  for (const part of text.split(' ')) {
    if (!part) continue;
    const [value, count] = part.split('*');
    for (let i = Number(count ?? 1); i > 0; --i) out.push(Number(value));
  }
  return out;
}
/** A grid of docs/json.md, row after row. */
function unpackGrid(grid, columns, rows) {
  const lines = grid.lines.map(unpackRuns), out = new Float64Array(columns * rows);
  unpackRuns(grid.rows).slice(0, rows).forEach((line, row) => out.set(lines[line].slice(0, columns), row * columns));
  return out;
}

const quantities = {
  busy: {name: 'time in kernels', unit: 'cycles', ofWhat: 'of the launch'},
  link: {name: 'words over a link', unit: 'words', ofWhat: 'of what it can carry in the launch'},
  sram: {name: 'SRAM in use', unit: 'bytes', ofWhat: 'of what buffers may use'}
};

function meshSection(run) {
  const maps = run.maps ?? [], about = 'Counted from the program for the last launch of each phase: cycles in kernels, words that leave each router by its links (west, east, north, south; at most one a cycle), bytes of buffers in use. North is up.';
  if (!maps.length) return section('mesh', 'The mesh', about, empty('This report of a run holds no map of the mesh: it is of an older Weft. Run it again with --json.'));
  const view = {map: 0, quantity: 'busy', op: '', direction: '', statistic: 'mean', stretch: false};
  const chart = new Chart({height: 400, layers: 2, left: 62, right: 16, top: 10, bottom: 46, label: 'Heat map of the mesh. Arrow keys go from core to core.'});
  const controls = element('div', {class: 'controls'}), legend = element('div'), caption = element('figcaption', {id: 'mesh-caption'}), note = element('p', {class: 'empty', hidden: true});
  const map = new HeatMap(run, view, chart, {legend, caption, note});
  const build = () => {
    const chosen = maps[view.map], change = (key, value) => { view[key] = value; build(); map.paint(); };
    const ops = chosen.ops.filter(op => view.quantity === 'sram' ? false : op[view.quantity].sum > 0);
    if (!ops.some(op => op.op === view.op)) view.op = '';
    controls.replaceChildren(...[
      maps.length > 1 ? choice('launch', maps.map((each, i) => [String(i), each.program]), String(view.map), value => change('map', Number(value)), 'mesh-launch') : null,
      choice('show', Object.entries(quantities).map(([key, each]) => [key, each.name]), view.quantity, value => change('quantity', value), 'mesh-quantity'),
      ops.length ? choice('of', [['', 'all ops'], ...ops.map(op => [op.op, op.op])], view.op, value => change('op', value), 'mesh-op') : null,
      view.quantity === 'link' && !view.op ? choice('links', [['', 'all four'], ...['west', 'east', 'north', 'south'].map(side => [side, side])], view.direction, value => change('direction', value), 'mesh-direction') : null,
      chosen.bin > 1 || view.quantity === 'link' ? choice('value', [['mean', 'mean'], ['max', 'largest']], view.statistic, value => change('statistic', value), 'mesh-statistic') : null,
      checkbox('stretch the colours', view.stretch, value => change('stretch', value), 'mesh-stretch')].filter(each => each));
  };
  build();
  const list = element('div');
  map.onPaint = () => list.replaceChildren(opsOfMesh(run, view, op => { view.op = op; build(); map.paint(); }));
  chart.paint = () => map.paint();
  return section('mesh', 'The mesh', about, controls, element('div', {class: 'pair wide'}, element('figure', {}, chart.root, note, legend, caption), list));
}

/** What each op has of the quantity shown, the most first. */
function opsOfMesh(run, view, onPick) {
  const map = run.maps[view.map], {quantity} = view;
  if (quantity === 'sram') return element('p', {class: 'about'}, 'SRAM is kept for the whole launch, not by op.');
  const total = map[quantity].sum, ops = [...map.ops].filter(op => op[quantity].sum > 0).sort((a, b) => b[quantity].sum - a[quantity].sum);
  if (!ops.length) return empty('No op has any.');
  const {unit} = quantities[quantity];
  return table(`${quantities[quantity].name} by op; press one to see it`, ['op', 'of all', '', quantity === 'link' ? 'most of a link' : 'most of a core'],
    ops.slice(0, 40).map(op => [element('button', {type: 'button', 'aria-pressed': String(op.op === view.op), onclick: () => onPick(op.op === view.op ? '' : op.op)}, op.op), percent(op[quantity].sum / total),
      element('div', {class: 'stack', style: 'width:110px;min-width:60px'}, element('span', {class: 'bar', style: `width:${100 * op[quantity].sum / total}%;height:100%`})), withUnit(op[quantity].highest, unit)]));
}

class HeatMap {
  constructor(run, view, chart, parts) {
    Object.assign(this, {run, view, chart, ...parts});
    this.cache = new Map();
    this.at = null;
    const canvas = chart.surface;
    canvas.addEventListener('pointermove', event => { this.at = this.binAt(...positionIn(canvas, event)); this.paintOver(event.clientX, event.clientY); });
    canvas.addEventListener('pointerleave', () => { this.at = null; hideTip(); this.paintOver(); });
    canvas.addEventListener('blur', hideTip);
    canvas.addEventListener('keydown', event => this.key(event));
  }
  get map() { return this.run.maps[this.view.map]; }
  plane() {
    const {map, view} = this, op = view.op ? map.ops.find(each => each.op === view.op) : null;
    if (view.quantity === 'link' && !op && view.direction) return map.links[view.direction];
    return (op ?? map)[view.quantity];
  }
  values(plane) {
    const grid = (this.view.statistic === 'max' && plane.max) || plane.mean;
    if (!this.cache.has(grid)) this.cache.set(grid, unpackGrid(grid, this.map.columns, this.map.rows));
    return this.cache.get(grid);
  }
  /** What a value would be at most. */
  whole() { return this.view.quantity === 'sram' ? this.run.machine?.sram_bytes ?? NaN : this.map.cycles; }
  paint() {
    const {chart, map, view, run} = this, plane = this.plane(), values = this.values(plane), {columns, rows} = map;
    const available = Math.max(100, chart.root.clientWidth - chart.left - chart.right);
    this.cell = Math.max(0.5, Math.min(available / columns, 560 / rows, 44));
    chart.setHeight(Math.round(Math.max(60, this.cell * rows) + chart.top + chart.bottom));
    const context = chart.begin(0), width = this.cell * columns, height = this.cell * rows;
    let low = Infinity, high = -Infinity;
    for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
    this.range = view.stretch && high > low ? [low, high] : [0, Math.max(high, 0)];
    const image = new ImageData(columns, rows);
    values.forEach((value, i) => {
      const share = this.range[1] > this.range[0] ? (value - this.range[0]) / (this.range[1] - this.range[0]) : 0;
      image.data.set([...rampColor(share), 255], i * 4);
    });
    const small = document.createElement('canvas');
    [small.width, small.height] = [columns, rows];
    small.getContext('2d').putImageData(image, 0, 0);
    context.imageSmoothingEnabled = this.cell < 1;
    context.drawImage(small, chart.left, chart.top, width, height);
    this.paintAxes(context, width, height);
    const share = value => Number.isFinite(this.whole()) && this.whole() > 0 ? ` (${percent(value / this.whole())})` : '';
    const {unit, name, ofWhat} = quantities[view.quantity];
    this.legend.replaceChildren(rampLegend(withUnit(this.range[0], unit), withUnit(this.range[1], unit) + share(this.range[1]), name));
    this.note.hidden = high > 0;
    this.note.textContent = `Nothing to see: ${view.op || 'the launch'} has no ${name}.`;
    const largest = values.indexOf(high), mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    this.caption.textContent = `${run.mesh[0]} × ${run.mesh[1]} = ${whole(run.mesh[0] * run.mesh[1])} cores` + (map.bin > 1 ? `, in bins of ${map.bin} × ${map.bin} cores (${view.statistic === 'max' ? 'largest' : 'mean'} of each)` : ', each one drawn') +
      `. ${map.program}, ${whole(map.cycles)} cycles. ${name}: mean ${withUnit(mean, unit)}${share(mean)}, most ${withUnit(high, unit)}${share(high)} ${ofWhat}, ${low === high ? 'all alike' : 'first at ' + this.placeText(largest % columns, Math.floor(largest / columns))}; ` +
      `${view.quantity === 'link' ? 'most of one link' : 'most of one core'} ${withUnit(plane.highest, unit)}.`;
    this.onPaint?.();
    this.paintOver();
  }
  paintAxes(context, width, height) {
    const {chart, run} = this;
    context.fillStyle = cssColor('--soft');
    context.strokeStyle = cssColor('--faint');
    context.strokeRect(chart.left, chart.top, width, height);
    const ticks = (count, room) => { const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(each => count / each <= room) ?? 2000; return Array.from({length: Math.ceil(count / step)}, (_, i) => i * step); };
    const perCore = this.cell / this.map.bin;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const x of ticks(run.mesh[0], Math.max(2, width / 45))) {
      const at = chart.left + (x + 0.5) * perCore;
      line(context, at, chart.top + height, at, chart.top + height + 4);
      context.fillText(String(x), at, chart.top + height + 6);
    }
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const y of ticks(run.mesh[1], Math.max(2, height / 28))) {
      const at = chart.top + (y + 0.5) * perCore;
      line(context, chart.left - 4, at, chart.left, at);
      context.fillText(String(y), chart.left - 7, at);
    }
    context.fillStyle = cssColor('--ink');
    context.textAlign = 'left';
    context.textBaseline = 'top';
    context.fillText('x (core, to the east)', chart.left, chart.top + height + 24);
    context.save();
    context.translate(12, chart.top);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.fillText(height > 140 ? 'y (core, to the south)' : 'y', 0, 0);
    context.restore();
  }
  binAt(x, y) {
    const column = Math.floor((x - this.chart.left) / this.cell), row = Math.floor((y - this.chart.top) / this.cell);
    return column >= 0 && row >= 0 && column < this.map.columns && row < this.map.rows ? [column, row] : null;
  }
  placeText(column, row) {
    const {bin} = this.map, [width, height] = this.run.mesh;
    if (bin === 1) return `core (${column}, ${row})`;
    return `cores x ${column * bin}–${Math.min(width, (column + 1) * bin) - 1}, y ${row * bin}–${Math.min(height, (row + 1) * bin) - 1}`;
  }
  paintOver(clientX, clientY) {
    const context = this.chart.begin(1);
    if (!this.at) return hideTip();
    const [column, row] = this.at, [x, y] = [this.chart.left + column * this.cell, this.chart.top + row * this.cell];
    context.strokeStyle = '#fff';
    context.lineWidth = 3;
    context.strokeRect(x - 1, y - 1, this.cell + 2, this.cell + 2);
    context.strokeStyle = '#000';
    context.lineWidth = 1;
    context.strokeRect(x - 1, y - 1, this.cell + 2, this.cell + 2);
    if (clientX === undefined) return;
    const plane = this.plane(), i = row * this.map.columns + column, {unit} = quantities[this.view.quantity];
    const tell = grid => { const value = unpackCached(this.cache, grid, this.map)[i]; return withUnit(value, unit) + (Number.isFinite(this.whole()) ? ` (${percent(value / this.whole())})` : ''); };
    showTip([this.placeText(column, row), plane.max ? `mean ${tell(plane.mean)}\nlargest ${tell(plane.max)}` : tell(plane.mean)].join('\n'), clientX, clientY);
  }
  key(event) {
    const step = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
    if (!step) return;
    event.preventDefault();
    const [column, row] = this.at ?? [-step[0], -step[1]];
    this.at = [Math.min(this.map.columns - 1, Math.max(0, column + step[0])), Math.min(this.map.rows - 1, Math.max(0, row + step[1]))];
    const box = this.chart.surface.getBoundingClientRect();
    this.paintOver(box.left + this.chart.left + (this.at[0] + 1) * this.cell, box.top + this.chart.top + (this.at[1] + 1) * this.cell);
  }
}

function unpackCached(cache, grid, map) {
  if (!cache.has(grid)) cache.set(grid, unpackGrid(grid, map.columns, map.rows));
  return cache.get(grid);
}
