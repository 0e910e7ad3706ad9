// The front: a scatter of two numbers of each point, with what is shown chosen beside it.

function frontSection(sweep) {
  const names = [...sweep.objectives.map(each => each.metric), ...sweep.metrics.map(column => column.name).sort(), ...sweep.varying.map(column => column.name)]
    .filter((name, i, all) => all.indexOf(name) === i);
  const objectives = sweep.objectives.map(each => each.metric);
  const view = {
    x: objectives.length > 1 ? objectives[0] : sweep.varying[0]?.name ?? names[0],
    y: objectives[objectives.length > 1 ? 1 : 0] ?? names[1] ?? names[0],
    color: objectives[2] ?? (sweep.columns.get('workload')?.distinct.length > 1 ? 'workload' : ''),
    logX: false, logY: false, of: 'objectives', pairs: false
  };
  const spreads = name => { const column = sweep.columns.get(name); return column?.isNumeric && column.distinct[0] > 0 && column.distinct[column.distinct.length - 1] / column.distinct[0] > 30; };
  [view.logX, view.logY] = [spreads(view.x), spreads(view.y)];
  const chart = new Chart({height: 480, layers: 2, label: 'Scatter of points. Arrow keys go from point to point of the front, Enter selects one.'});
  const caption = element('figcaption', {id: 'scatter-caption'}), note = element('p', {class: 'empty', hidden: true}), legend = element('div');
  const scatter = new Scatter(sweep, view, chart, {caption, note, legend});
  const logX = checkbox('log', view.logX, value => { view.logX = value; scatter.paint(); }, 'scatter-log-x');
  const logY = checkbox('log', view.logY, value => { view.logY = value; scatter.paint(); }, 'scatter-log-y');
  const options = names.map(name => [name, name]);
  const controls = element('div', {class: 'controls'},
    choice('x', options, view.x, value => { view.x = value; scatter.axesChanged(); }, 'scatter-x'), logX,
    choice('y', options, view.y, value => { view.y = value; scatter.axesChanged(); }, 'scatter-y'), logY,
    choice('colour', [['', 'none'], ...options], view.color, value => { view.color = value; scatter.paint(); }, 'scatter-color'),
    choice('front of', [['objectives', 'the objectives'], ['axes', 'the two shown']], view.of, value => { view.of = value; scatter.axesChanged(); }, 'scatter-of'),
    sweep.data.fidelities.length > 1 ? checkbox('join a point’s fidelities', false, value => { view.pairs = value; scatter.paint(); }, 'scatter-pairs') : null);
  return section('front', 'Front', 'A point is on the front if no other with its workload is at least as good in everything and better in something. Move the pointer over points; click one to see its hardware.',
    element('div', {class: 'columns'}, element('figure', {}, controls, chart.root, note, legend, caption), filterPanel(sweep)));
}

class Scatter {
  constructor(sweep, view, chart, parts) {
    Object.assign(this, {sweep, view, chart, ...parts});
    chart.paint = () => this.paint();
    sweep.onChange(what => what === 'select' ? this.paintOver() : this.paint());
    const canvas = chart.surface;
    canvas.addEventListener('pointermove', event => this.hover(event));
    canvas.addEventListener('pointerleave', () => { this.hovered = -1; hideTip(); this.paintOver(); });
    canvas.addEventListener('click', () => { if (this.hovered >= 0) sweep.select(this.hovered); });
    canvas.addEventListener('keydown', event => this.key(event));
    canvas.addEventListener('blur', hideTip);
    this.hovered = -1;
  }
  axesChanged() {
    const {sweep, view} = this;
    const chosen = [view.x, view.y].filter(name => sweep.columns.get(name).role === 'metric');
    sweep.updateFront(view.of === 'axes' && chosen.length ? chosen : sweep.objectives.map(each => each.metric));
    sweep.tell();
  }
  paint() {
    const {sweep, view, chart} = this, context = chart.begin(0);
    const x = sweep.columns.get(view.x), y = sweep.columns.get(view.y);
    const drawable = row => x.values[row] !== null && y.values[row] !== null && (!view.logX || x.categories || x.values[row] > 0) && (!view.logY || y.categories || y.values[row] > 0);
    this.rows = sweep.shown.filter(drawable);
    this.xScale = sweep.scaleOf(view.x, this.rows, view.logX);
    this.yScale = sweep.scaleOf(view.y, this.rows, view.logY);
    const better = name => sweep.columns.get(name).role !== 'metric' ? '' : sweep.isMaximised(name) ? ', more is better' : ', less is better';
    chart.axes(context, this.xScale, this.yScale, sweep.label(view.x) + (this.xScale.log ? ', log' : '') + better(view.x), sweep.label(view.y) + (this.yScale.log ? ', log' : '') + better(view.y));
    this.px = new Float32Array(this.rows.length);
    this.py = new Float32Array(this.rows.length);
    const colors = this.colors();
    const faint = this.rows.length > 3000 ? 0.45 : this.rows.length > 400 ? 0.65 : 0.85, radius = this.rows.length > 3000 ? 2.2 : 3.4;
    this.rows.forEach((row, i) => {
      this.px[i] = chart.x(this.xScale.share(x.values[row]));
      this.py[i] = chart.y(this.yScale.share(y.values[row]));
    });
    if (view.pairs) this.paintPairs(context, x, y);
    context.globalAlpha = faint;
    this.rows.forEach((row, i) => {
      if (sweep.isFront?.has(row)) return;
      context.fillStyle = context.strokeStyle = colors(row);
      mark(context, this.px[i], this.py[i], radius, sweep.isOk(row) ? sweep.data.fidelity[row] : -1);
    });
    context.globalAlpha = 1;
    this.paintFront(context, colors);
    this.note.hidden = this.rows.length > 0;
    this.note.textContent = this.rows.length ? '' : this.emptyText();
    this.describe(colors);
    this.buckets = null;
    this.paintOver();
  }
  emptyText() {
    const {sweep, view} = this;
    if (!sweep.shown.length) return `None of the ${whole(sweep.candidates.length)} points passes the filters.`;
    return `None of the ${whole(sweep.shown.length)} points shown has both ${view.x} and ${view.y}: points that are refused have no results.`;
  }
  /** A function of a row. */
  colors() {
    const {sweep, view} = this, column = view.color ? sweep.columns.get(view.color) : null, plain = cssColor('--dot'), refused = cssColor('--faint');
    this.colorScale = null;
    if (!column) return row => sweep.isOk(row) ? plain : refused;
    if (column.categories && column.categories.length <= 8) {
      const palette = column.categories.map((_, i) => cssColor('--c' + (i % 8 + 1)));
      return row => column.values[row] === null ? refused : palette[column.values[row]];
    }
    const scale = this.colorScale = sweep.scaleOf(view.color, this.rows, !column.categories && column.distinct[0] > 0 && column.distinct[column.distinct.length - 1] / column.distinct[0] > 100);
    return row => column.values[row] === null ? refused : `rgb(${rampColor(scale.share(column.values[row]))})`;
  }
  paintFront(context, colors) {
    const {sweep, view} = this, ink = cssColor('--front');
    const places = this.rows.map((row, i) => ({row, x: this.px[i], y: this.py[i]})).filter(each => sweep.isFront?.has(each.row)).sort((a, b) => a.x - b.x || a.y - b.y);
    this.places = places;
    // A line only where the front is one of these two alone; of more objectives it is a surface.
    if (sweep.frontNames?.length <= 2 && sweep.frontNames.every(name => name === view.x || name === view.y) && view.x !== view.y)
      for (const workload of new Set(places.map(each => sweep.workload(each.row)))) {
        context.strokeStyle = ink;
        context.lineWidth = 1.5;
        context.beginPath();
        places.filter(each => sweep.workload(each.row) === workload).forEach((each, i) => i ? context.lineTo(each.x, each.y) : context.moveTo(each.x, each.y));
        context.stroke();
      }
    for (const each of places) {
      context.beginPath();
      for (const [dx, dy] of [[0, -7], [7, 0], [0, 7], [-7, 0]]) context.lineTo(each.x + dx, each.y + dy);
      context.closePath();
      context.fillStyle = view.color ? colors(each.row) : cssColor('--paper');
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = ink;
      context.stroke();
    }
  }
  /** From each point at the first fidelity to the same one at a finer one. */
  paintPairs(context, x, y) {
    const {sweep, chart} = this, data = sweep.data, first = new Map();
    for (let row = 0; row < sweep.count; ++row) if (data.fidelity[row] === 0) first.set(data.ordinal[row], row);
    context.strokeStyle = cssColor('--soft');
    context.lineWidth = 1;
    const shown = new Set(sweep.shown);
    for (let row = 0; row < sweep.count; ++row) {
      const from = first.get(data.ordinal[row]);
      if (data.fidelity[row] === 0 || from === undefined || !(shown.has(row) || shown.has(from))) continue;
      if ([x.values[from], y.values[from], x.values[row], y.values[row]].includes(null)) continue;
      const [x0, y0] = [chart.x(this.xScale.share(x.values[from])), chart.y(this.yScale.share(y.values[from]))];
      line(context, x0, y0, chart.x(this.xScale.share(x.values[row])), chart.y(this.yScale.share(y.values[row])));
      context.strokeRect(x0 - 2, y0 - 2, 4, 4);
    }
  }
  paintOver() {
    const context = this.chart.begin(1);
    for (const [row, width] of [[this.hovered, 2], [this.sweep.selected, 3]]) {
      const i = row < 0 ? -1 : this.rows.indexOf(row);
      if (i < 0) continue;
      context.strokeStyle = cssColor('--ink');
      context.lineWidth = width;
      context.beginPath();
      context.arc(this.px[i], this.py[i], 10, 0, 2 * Math.PI);
      context.stroke();
    }
  }
  /** The point next to the pointer, found among those of its neighbourhood. */
  nearest(x, y) {
    const cell = 20, key = (a, b) => a * 4096 + b;
    if (!this.buckets) {
      this.buckets = new Map();
      this.rows.forEach((_, i) => {
        const place = key(Math.floor(this.px[i] / cell), Math.floor(this.py[i] / cell));
        if (!this.buckets.has(place)) this.buckets.set(place, []);
        this.buckets.get(place).push(i);
      });
    }
    let best = -1, distance = 18 * 18;
    for (let a = -1; a <= 1; ++a)
      for (let b = -1; b <= 1; ++b)
        for (const i of this.buckets.get(key(Math.floor(x / cell) + a, Math.floor(y / cell) + b)) ?? []) {
          const apart = (this.px[i] - x) ** 2 + (this.py[i] - y) ** 2 - (this.sweep.isFront?.has(this.rows[i]) ? 30 : 0);
          if (apart < distance) [best, distance] = [i, apart];
        }
    return best;
  }
  hover(event) {
    const i = this.nearest(...positionIn(this.chart.surface, event));
    const row = i < 0 ? -1 : this.rows[i];
    if (row !== this.hovered) {
      this.hovered = row;
      this.paintOver();
    }
    if (row < 0) hideTip(); else showTip(this.sweep.describe(row), event.clientX, event.clientY);
  }
  key(event) {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    const places = this.places?.length ? this.places : this.rows.map((row, i) => ({row, x: this.px[i], y: this.py[i]}));
    if (event.key === 'Enter' && this.hovered >= 0) return this.sweep.select(this.hovered);
    if (!step || !places.length) return;
    event.preventDefault();
    const at = places.findIndex(each => each.row === this.hovered);
    const next = places[(at + step + places.length) % places.length] ?? places[0];
    this.hovered = next.row;
    this.paintOver();
    const box = this.chart.surface.getBoundingClientRect();
    showTip(this.sweep.describe(next.row), box.left + next.x, box.top + next.y);
  }
  describe() {
    const {sweep, view} = this, items = [];
    const column = view.color ? sweep.columns.get(view.color) : null;
    items.push(element('span', {class: 'key'}, '◇ on the front'));
    sweep.data.fidelities.forEach((name, i) => { if (sweep.data.fidelities.length > 1) items.push(element('span', {class: 'key'}, `${i === 0 ? '●' : '■'} ${name}`)); });
    if (this.rows.some(row => !sweep.isOk(row))) items.push(element('span', {class: 'key'}, '× refused'));
    if (column && !this.colorScale)
      column.categories.forEach((name, i) => items.push(element('span', {class: 'key'}, element('span', {class: 'swatch', style: `background:var(--c${i % 8 + 1})`}), name)));
    if (this.colorScale) items.push(rampLegend(column.categories ? column.categories[0] : withUnit(this.colorScale.low, column.unit), column.categories ? column.categories.at(-1) : withUnit(this.colorScale.high, column.unit), view.color + (this.colorScale.log ? ', log' : '')));
    this.legend.replaceChildren(...items);
    const exact = sweep.front.length && sweep.frontFidelity >= 0 ? ` at fidelity ${sweep.data.fidelities[sweep.data.fidelity[sweep.front[0]]]}` : '';
    this.caption.textContent = `${whole(this.rows.length)} of ${whole(sweep.candidates.length)} points drawn; ${whole(sweep.front.length)} on the front of ${sweep.frontNames?.join(', ') || 'nothing'}${exact}, among what the filters leave.`;
  }
}

function rampLegend(low, high, name) {
  const stops = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map(share => `rgb(${rampColor(share)})`).join(',');
  return element('span', {class: 'key'}, `${name}: ${low}`, element('span', {style: `width:110px;height:12px;display:inline-block;background:linear-gradient(90deg,${stops})`}), high);
}

/** By fidelity; below 0 what is refused. */
function mark(context, x, y, radius, fidelity) {
  if (fidelity < 0) {
    context.lineWidth = 1.4;
    line(context, x - radius, y - radius, x + radius, y + radius);
    line(context, x - radius, y + radius, x + radius, y - radius);
  } else if (fidelity === 0) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  } else context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
}
