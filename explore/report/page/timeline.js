// When each op runs: a row a kind of op, a box from where the op before it left the end of the program to where it does.

const parts = [['compute', '--c1', 'in kernels'], ['communicate', '--c2', 'issuing and reducing'], ['wait', '--c7', 'waiting for words']];

/** layers.12.attn.q -> layers.*.attn.q, and "sum #2" -> sum: as weft run folds them. */
function foldedName(name) {
  return name.replace(/ #\d+$/, '').split('.').map(part => /^\d+$/.test(part) ? '*' : part).join('.');
}

function timelineSection(run, phases) {
  const about = 'Ops in the order of the program. The length of a box is how far the op moved the end of the program, summed over the launches of the phase; its parts are what the cores that took part did meanwhile, as shares. Steps of one op that follow each other are one box. An op that others hide has no length.';
  const usable = phases.filter(phase => phase.cycles > 0);
  if (!usable.length) return section('timeline', 'Timeline', about, empty('No op took a cycle.'));
  const chart = new Chart({height: 200, layers: 1, left: 190, right: 14, top: 8, bottom: 46, label: 'Timeline. Plus and minus zoom, arrow keys move.'});
  const caption = element('figcaption');
  const timeline = new Timeline(usable[0], chart, caption);
  const zoom = (text, label, factor) => element('button', {type: 'button', 'aria-label': label, onclick: () => timeline.zoom(factor)}, text);
  return section('timeline', 'Timeline', about,
    element('div', {class: 'controls'}, usable.length > 1 ? choice('phase', usable.map(phase => [phase.name, phase.name]), usable[0].name, value => timeline.take(usable.find(phase => phase.name === value)), 'timeline-phase') : null,
      zoom('+', 'Zoom in', 0.5), zoom('−', 'Zoom out', 2), element('button', {type: 'button', onclick: () => timeline.zoom(0)}, 'all'), partsLegend()),
    element('figure', {}, chart.root, caption));
}

function partsLegend() {
  return element('span', {}, ...parts.map(([, , text], i) => element('span', {class: 'key'}, element('span', {class: 'swatch h' + (i + 1)}), text)));
}

class Timeline {
  constructor(phase, chart, caption) {
    Object.assign(this, {chart, caption});
    chart.paint = () => this.paint();
    const canvas = chart.surface;
    canvas.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.cycleAt(positionIn(canvas, event)[0]));
    }, {passive: false});
    canvas.addEventListener('pointerdown', event => { this.drag = positionIn(canvas, event)[0]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener('pointerup', () => { this.drag = null; });
    canvas.addEventListener('pointermove', event => this.move(event));
    canvas.addEventListener('pointerleave', hideTip);
    canvas.addEventListener('keydown', event => {
      const width = this.to - this.from, action = {'+': () => this.zoom(0.5), '-': () => this.zoom(2), ArrowRight: () => this.shift(width / 5), ArrowLeft: () => this.shift(-width / 5)}[event.key];
      if (action) { event.preventDefault(); action(); }
    });
    this.take(phase);
  }
  take(phase) {
    this.phase = phase;
    const most = 26, families = [...phase.families].sort((a, b) => b.cycles - a.cycles).slice(0, most).map(each => each.name);
    this.rows = phase.families.map(each => each.name).filter(name => families.includes(name));
    if (phase.families.length > most) this.rows.push('others');
    const rowOf = new Map(this.rows.map((name, i) => [name, i]));
    let at = 0;
    this.boxes = [];
    for (const op of phase.ops) {
      let box = this.boxes[this.boxes.length - 1];
      if (box?.op.op !== op.op) {
        box = {op: {op: op.op, kinds: [], cycles: 0, compute: 0, communicate: 0, wait: 0, hidden: 0}, row: rowOf.get(foldedName(op.op)) ?? this.rows.length - 1, begin: at, end: at};
        this.boxes.push(box);
      }
      for (const key of ['cycles', 'compute', 'communicate', 'wait', 'hidden']) box.op[key] += op[key] ?? 0;
      box.op.kinds.push(op.kind);
      box.end = at += op.cycles;
    }
    [this.from, this.to, this.all] = [0, at, at];
    this.chart.setHeight(this.rows.length * 22 + this.chart.top + this.chart.bottom);
    this.chart.left = Math.min(230, Math.max(90, 8 * Math.max(...this.rows.map(name => name.length))));
    this.paint();
  }
  cycleAt(x) { return this.from + (x - this.chart.left) / this.chart.innerWidth * (this.to - this.from); }
  zoom(factor, around = (this.from + this.to) / 2) {
    if (!factor) [this.from, this.to] = [0, this.all];
    else {
      const width = Math.min(this.all, Math.max(10, (this.to - this.from) * factor)), share = (around - this.from) / (this.to - this.from);
      this.from = Math.max(0, Math.min(this.all - width, around - share * width));
      this.to = this.from + width;
    }
    this.paint();
  }
  shift(cycles) {
    const width = this.to - this.from;
    this.from = Math.max(0, Math.min(this.all - width, this.from + cycles));
    this.to = this.from + width;
    this.paint();
  }
  paint() {
    const {chart, rows} = this;
    if (!chart.root.clientWidth) return;
    const context = chart.begin(), scale = new Scale(0, 1);
    [scale.low, scale.high] = [this.from, this.to];
    const lanes = {share: i => 1 - (i + 0.5) / rows.length, ticks: () => rows.map((name, i) => [i, name])};
    chart.axes(context, scale, lanes, 'cycles', '');
    const x = cycle => chart.left + (cycle - this.from) / (this.to - this.from) * chart.innerWidth;
    context.save();
    context.beginPath();
    context.rect(chart.left, 0, chart.innerWidth, chart.height);
    context.clip();
    for (const box of this.boxes) {
      if (box.end <= this.from || box.begin >= this.to || box.end === box.begin) continue;
      const [x0, x1] = [x(box.begin), x(box.end)], all = parts.reduce((sum, [key]) => sum + box.op[key], 0);
      let bottom = chart.top + box.row * 22 + 19;
      for (const [key, color] of parts) {
        const height = all > 0 ? 16 * box.op[key] / all : key === 'wait' ? 16 : 0;
        context.fillStyle = cssColor(color);
        context.fillRect(x0, bottom - height, Math.max(x1 - x0, 0.6), height);
        bottom -= height;
      }
      if (x1 - x0 > 4) {
        context.strokeStyle = cssColor('--card');
        context.lineWidth = 1;
        context.strokeRect(x0, chart.top + box.row * 22 + 3, x1 - x0, 16);
      }
    }
    context.restore();
    this.caption.textContent = `${this.phase.name}: ${whole(this.all)} cycles (${this.phase.time(this.all)})${this.phase.launches > 1 ? ` in ${this.phase.launches} launches` : ''}, ${whole(this.phase.ops.length)} steps in ${whole(this.boxes.length)} boxes; shown: cycles ${whole(this.from)} to ${whole(this.to)}. Within a box, kernels are at the bottom, waiting at the top. Ctrl and the wheel zoom.`;
  }
  move(event) {
    const [x, y] = positionIn(this.chart.surface, event);
    if (this.drag !== null && this.drag !== undefined && event.buttons) {
      this.shift((this.drag - x) / this.chart.innerWidth * (this.to - this.from));
      this.drag = x;
      return;
    }
    const cycle = this.cycleAt(x), row = Math.floor((y - this.chart.top) / 22), slack = (this.to - this.from) / this.chart.innerWidth * 2;
    const box = this.boxes.find(each => each.row === row && each.begin - slack <= cycle && cycle <= each.end + slack && each.end > each.begin);
    if (!box) return hideTip();
    const {op} = box;
    showTip([`${op.op} (${op.kinds.join(', ')})`, `${whole(op.cycles)} cycles, ${percent(op.cycles / this.all)} of ${this.phase.name}`, ...parts.map(([key, , text]) => `${text}: ${number(op[key])} cycles`), `hidden behind kernels: ${number(op.hidden ?? 0)} cycles`].join('\n'), event.clientX, event.clientY);
  }
}

const causeNames = {
  compute: 'a kernel', issue: 'starting transfers', latency: 'words under way', bandwidth: 'words one after the other', 'back-pressure': 'a full queue',
  contention: 'other words went first', wait: 'a message', host: 'the host'
};

function pathSection(run) {
  const all = run.explain ? [run.explain].flat() : [];
  const about = 'The chain of things that each waited for the one before, back from the last event to the launch: shorten one of them and the launch may get shorter.';
  if (!all.length) return section('path', 'Critical path', about, empty('Run again with --explain to see why the launch takes as long as it does.'));
  return section('path', 'Critical path', about, ...all.flatMap(why => {
    const causes = Object.entries(why.by_cause).filter(([, cycles]) => cycles > 0).sort((a, b) => b[1] - a[1]);
    const chart = new Chart({height: causes.length * 24 + 54, left: 170, right: 14, top: 8, bottom: 46, label: 'Critical path of ' + why.program});
    chart.paint = () => {
      const context = chart.begin(), scale = new Scale(0, 1), rows = new Map(causes.map(([name], i) => [name, i]));
      [scale.low, scale.high] = [0, why.cycles];
      chart.axes(context, scale, {share: i => 1 - (i + 0.5) / causes.length, ticks: () => causes.map(([name], i) => [i, causeNames[name] ?? name])}, 'cycles', '');
      context.fillStyle = cssColor('--front');
      for (const segment of why.path)
        context.fillRect(chart.x(segment.begin / why.cycles), chart.top + rows.get(segment.cause) * chart.innerHeight / causes.length + 4, Math.max(0.7, (segment.end - segment.begin) / why.cycles * chart.innerWidth), chart.innerHeight / causes.length - 8);
    };
    return [element('h3', {}, `${why.program}: ${whole(why.cycles)} cycles in ${whole(why.segments)} stretches${why.path.length < why.segments ? `, the last ${whole(why.path.length)} drawn` : ''}`), chart.root,
      table('Cycles of the path by cause', ['cause', 'cycles', 'share'], causes.map(([name, cycles]) => [causeNames[name] ?? name, whole(cycles), percent(cycles / why.cycles)])),
      why.busiest_link ? element('p', {}, `Busiest link: from core (${why.busiest_link.at.join(', ')}) to the ${why.busiest_link.to}, ${whole(why.busiest_link.words)} words.`) : null].filter(each => each);
  }));
}
