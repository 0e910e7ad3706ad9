// Parallel coordinates: a line a point, an axis an input or objective. A stretch brushed on an axis is a filter.

function parallelSection(sweep) {
  const chart = new Chart({height: 380, layers: 2, left: 40, right: 40, top: 46, bottom: 26,
    label: 'Parallel coordinates. Drag along an axis to filter by it; the filters beside the front do the same by keyboard.'});
  const caption = element('figcaption');
  new Parallel(sweep, chart, caption);
  return section('parallel', 'Parallel coordinates', 'Each line is a point. Drag along an axis to keep the lines that pass there, click the axis to let go. What is brushed away stays faint. ↑: more is better, ↓: less is.',
    element('figure', {}, element('div', {class: 'scroll-x'}, chart.root), caption));
}

class Parallel {
  constructor(sweep, chart, caption) {
    Object.assign(this, {sweep, chart, caption});
    const names = [...sweep.varying.map(column => column.name), ...sweep.objectives.map(each => each.metric)].filter((name, i, all) => all.indexOf(name) === i);
    this.names = names.slice(0, 16);
    chart.root.style.minWidth = this.names.length * 92 + 'px';
    chart.paint = () => this.paint();
    sweep.onChange(what => { if (what !== 'select') this.paint(); else this.paintOver(); });
    const canvas = chart.surface;
    canvas.style.touchAction = 'none';
    canvas.addEventListener('pointerdown', event => this.down(event));
    canvas.addEventListener('pointermove', event => this.move(event));
    canvas.addEventListener('pointerup', () => { this.drag = null; });
  }
  at(i) { return this.names.length > 1 ? this.chart.x(i / (this.names.length - 1)) : this.chart.x(0.5); }
  paint() {
    const {sweep, chart, names} = this, context = chart.begin(0);
    const rows = sweep.candidates.filter(row => sweep.isOk(row) ? sweep.filters.ok : sweep.filters.refused);
    if (names.length < 2 || !rows.length) {
      context.fillStyle = cssColor('--soft');
      context.textAlign = 'center';
      context.fillText(rows.length ? 'There is only one axis to draw.' : 'No point passes the filters.', chart.width / 2, chart.height / 2);
      this.caption.textContent = '';
      chart.begin(1);
      return;
    }
    this.scales = names.map(name => {
      const {isNumeric, distinct} = sweep.columns.get(name);
      return sweep.scaleOf(name, rows, isNumeric && distinct[0] > 0 && distinct[distinct.length - 1] / distinct[0] > 100);
    });
    this.columns = names.map(name => sweep.columns.get(name).values);
    const shown = new Set(sweep.shown), rest = rows.filter(row => !shown.has(row)), kept = sweep.shown.filter(row => !sweep.isFront?.has(row));
    this.lines(context, rest, cssColor('--grid'), 0.5, 1);
    this.lines(context, kept, cssColor('--dot'), kept.length > 2000 ? 0.05 : kept.length > 300 ? 0.2 : 0.55, 1);
    this.lines(context, sweep.front, cssColor('--front'), sweep.front.length > 100 ? 0.5 : 0.95, 1.8);
    this.axes(context);
    const missing = sweep.varying.length + sweep.objectives.length - names.length;
    this.caption.textContent = `${whole(sweep.shown.length)} lines of ${whole(rows.length)}; thick ones are the front.` + (missing > 0 ? ` ${missing} more axes are left out.` : '') +
      ' Points without a number on an axis have no line there.';
    this.paintOver();
  }
  lines(context, rows, color, alpha, width) {
    context.strokeStyle = color;
    context.globalAlpha = alpha;
    context.lineWidth = width;
    // A long path that crosses itself is slow to stroke, many short ones are not.
    for (let i = 0; i < rows.length; i += 20) {
      context.beginPath();
      for (const row of rows.slice(i, i + 20)) this.path(context, row);
      context.stroke();
    }
    context.globalAlpha = 1;
  }
  path(context, row) {
    let pen = false;
    for (let i = 0; i < this.names.length; ++i) {
      const value = this.columns[i][row];
      if (value === null) { pen = false; continue; }
      const y = this.chart.y(this.scales[i].share(value));
      if (pen) context.lineTo(this.at(i), y); else context.moveTo(this.at(i), y);
      pen = true;
    }
  }
  axes(context) {
    const {chart, names, sweep} = this, room = chart.innerWidth / Math.max(1, names.length - 1) - 8;
    names.forEach((name, i) => {
      const x = this.at(i), column = sweep.columns.get(name);
      context.strokeStyle = cssColor('--ink');
      context.lineWidth = 1.2;
      line(context, x, chart.top, x, chart.height - chart.bottom);
      context.fillStyle = cssColor('--ink');
      context.textAlign = i === 0 ? 'left' : i === names.length - 1 ? 'right' : 'center';
      context.textBaseline = 'alphabetic';
      const edge = i === 0 ? x - 30 : i === names.length - 1 ? x + 30 : x;
      context.fillText(clip(context, name.includes('.') ? name.slice(name.lastIndexOf('.') + 1) : name, room), edge, i % 2 ? 14 : 28);
      context.fillStyle = cssColor('--soft');
      const unit = column.role === 'metric' ? (column.unit ? column.unit + ' ' : '') + (sweep.isMaximised(name) ? '↑' : '↓') : column.unit;
      if (unit) context.fillText(clip(context, unit, room), edge, i % 2 ? 27 : 41);
      context.textAlign = 'left';
      context.textBaseline = 'middle';
      for (const [value, text] of this.scales[i].ticks(5)) {
        const y = chart.y(this.scales[i].share(value)), label = clip(context, text, Math.min(room, 86));
        context.fillStyle = cssColor('--card');
        context.globalAlpha = 0.8;
        context.fillRect(i === names.length - 1 ? x - 8 - context.measureText(label).width : x + 5, y - 7, context.measureText(label).width + 4, 14);
        context.globalAlpha = 1;
        context.fillStyle = cssColor('--ink');
        line(context, x - 3, y, x + 3, y);
        context.fillText(label, i === names.length - 1 ? x - 6 - context.measureText(label).width : x + 7, y);
      }
    });
  }
  paintOver() {
    const {sweep, chart} = this, context = chart.begin(1);
    if (!this.scales) return;
    this.names.forEach((name, i) => {
      const range = sweep.filters.ranges.get(name);
      if (!range) return;
      const [low, high] = range.map(value => chart.y(Math.min(1, Math.max(0, this.scales[i].share(value)))));
      context.fillStyle = cssColor('--accent');
      context.globalAlpha = 0.3;
      context.fillRect(this.at(i) - 9, high, 18, low - high);
      context.globalAlpha = 1;
      context.strokeStyle = cssColor('--accent');
      context.lineWidth = 2;
      context.strokeRect(this.at(i) - 9, high, 18, low - high);
    });
    if (sweep.selected >= 0) this.lines(context, [sweep.selected], cssColor('--ink'), 1, 3);
  }
  axisNear(x) {
    let best = -1;
    for (let i = 0; i < this.names.length; ++i) if (Math.abs(this.at(i) - x) < 26 && (best < 0 || Math.abs(this.at(i) - x) < Math.abs(this.at(best) - x))) best = i;
    return best;
  }
  shareAt(y) { return Math.min(1, Math.max(0, 1 - (y - this.chart.top) / this.chart.innerHeight)); }
  down(event) {
    const [x, y] = positionIn(this.chart.surface, event), axis = this.scales ? this.axisNear(x) : -1;
    if (axis < 0) return;
    this.chart.surface.setPointerCapture(event.pointerId);
    this.drag = {axis, from: this.shareAt(y)};
    this.sweep.setRange(this.names[axis], null);
  }
  move(event) {
    const [x, y] = positionIn(this.chart.surface, event);
    this.chart.surface.style.cursor = this.scales && this.axisNear(x) >= 0 ? 'ns-resize' : 'default';
    if (!this.drag) return;
    const {axis, from} = this.drag, to = this.shareAt(y);
    if (Math.abs(to - from) < 0.01) return;
    const scale = this.scales[axis];
    this.wanted = [this.names[axis], [scale.value(Math.min(from, to)), scale.value(Math.max(from, to))]];
    // One drawing a frame, however fast the pointer moves.
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.sweep.setRange(...this.wanted); });
  }
}
