// A file of results: the points, what is shown of them, and who wants to know when that changes.

class Sweep {
  constructor(data) {
    this.data = data;
    this.count = data.ordinal.length;
    this.columns = new Map();
    const addColumn = (name, packed, unit, role, doc) => {
      let values = packed.values ?? packed.at.map(i => i < 0 ? null : packed.dict[i]);
      // Extents are ordered by their cores, and called by their sides.
      const extents = new Map();
      if (values.some(value => value !== null) && values.every(value => value === null || (Array.isArray(value) && value.length === 2 && value.every(side => typeof side === 'number'))))
        values = values.map(value => {
          if (value === null) return null;
          const cores = value[0] * value[1];
          extents.set(cores, extents.has(cores) && extents.get(cores) !== value.join('×') ? `${cores} cores` : value.join('×'));
          return cores;
        });
      values = values.map(value => value !== null && typeof value === 'object' ? JSON.stringify(value) : typeof value === 'boolean' ? String(value) : value);
      const known = values.filter(value => value !== null), isNumeric = known.every(value => typeof value === 'number');
      const column = {name, unit, role, isNumeric, extents, known: known.length, values};
      column.distinct = [...new Set(known)];
      if (isNumeric) column.distinct.sort((a, b) => a - b);
      else {
        column.categories = column.distinct.map(String);
        const index = new Map(column.distinct.map((value, i) => [value, i]));
        column.values = values.map(value => value === null ? null : index.get(value));
      }
      this.columns.set(name, column);
    };
    data.inputs.forEach((column, i) => addColumn(data.axes[i].name, column, data.axes[i].unit, data.axes[i].role, data.axes[i].doc));
    data.results.forEach((column, i) => {
      if (!this.columns.has(data.metrics[i])) addColumn(data.metrics[i], column, unitOfMetric(data.metrics[i]), 'metric', '');
    });
    this.inputs = data.axes.map(axis => this.columns.get(axis.name)).filter(column => column.distinct.length > 1 || column.role === 'workload');
    this.varying = this.inputs.filter(column => column.distinct.length > 1);
    this.metrics = data.metrics.map(name => this.columns.get(name)).filter(column => column && column.known > 0);
    this.objectives = data.objectives.filter(each => this.columns.get(each.metric)?.known > 0);
    this.frontFidelity = data.fidelities.indexOf(data.front);
    this.filters = {fidelity: 'finest', ok: true, refused: false, kinds: null, ranges: new Map(), without: new Map()};
    this.listeners = [];
    this.selected = -1;
    this.update(false);
  }
  isMaximised(metric) {
    const objective = this.data.objectives.find(each => each.metric === metric);
    return objective ? objective.max : /per_second|per_joule|utilisation/.test(metric);
  }
  isOk(row) { return this.data.status[row] === 0; }
  text(name, row) {
    const column = this.columns.get(name), value = column.values[row];
    return value === null ? '–' : column.extents.get(value) ?? (column.isNumeric ? number(value) : column.categories[value]);
  }
  workload(row) { return this.columns.has('workload') ? this.text('workload', row) : ''; }

  /** The rows that the choice of fidelity leaves: of each point one, or all. */
  rowsOfFidelity() {
    const {data, filters} = this, all = [...data.ordinal.keys()];
    if (filters.fidelity === 'all') return all;
    if (filters.fidelity !== 'finest') return all.filter(row => data.fidelities[data.fidelity[row]] === filters.fidelity);
    const best = new Map();
    for (const row of all) {
      const known = best.get(data.ordinal[row]);
      if (known === undefined || data.fidelity[row] > data.fidelity[known]) best.set(data.ordinal[row], row);
    }
    return [...best.values()];
  }
  passes(row) {
    const {filters, data} = this;
    if (!(this.isOk(row) ? filters.ok : filters.refused)) return false;
    if (filters.kinds !== null && !this.isOk(row) && data.reasons[data.reason[row]]?.kind !== filters.kinds) return false;
    for (const [name, [low, high]] of filters.ranges) {
      const value = this.columns.get(name).values[row];
      if (value === null || value < low || value > high) return false;
    }
    for (const [name, values] of filters.without)
      if (values.has(this.columns.get(name).values[row])) return false;
    return true;
  }
  update(tell = true) {
    this.candidates = this.rowsOfFidelity();
    this.shown = this.candidates.filter(row => this.passes(row));
    this.working = this.shown.filter(row => this.isOk(row));
    this.updateFront();
    if (tell) this.tell();
  }
  /** Per workload, of the rows shown that are as exact as the search's front. */
  updateFront(names = this.frontNames ?? this.objectives.map(each => each.metric)) {
    this.frontNames = names;
    this.front = [];
    if (!names.length) return;
    const costs = names.map(name => {
      const {values} = this.columns.get(name), sign = this.isMaximised(name) ? -1 : 1;
      return row => sign * values[row];
    });
    let rows = this.working.filter(row => names.every(name => this.columns.get(name).values[row] !== null));
    const exact = rows.filter(row => this.data.fidelity[row] === this.frontFidelity);
    if (exact.length) rows = exact;
    const byWorkload = new Map();
    for (const row of rows) {
      const key = this.workload(row);
      if (!byWorkload.has(key)) byWorkload.set(key, []);
      byWorkload.get(key).push(row);
    }
    for (const group of byWorkload.values()) this.front.push(...nonDominated(group, costs));
    this.isFront = new Set(this.front);
  }
  onChange(listener) { this.listeners.push(listener); }
  tell(what = 'filter') {
    clearTimeout(this.pending);
    for (const listener of this.listeners) listener(what);
  }
  select(row) {
    this.selected = row;
    this.tell('select');
  }
  setRange(name, range) {
    if (range) this.filters.ranges.set(name, range); else this.filters.ranges.delete(name);
    this.update();
  }
  describe(row) {
    const lines = [`point ${this.data.ordinal[row]}, ${this.data.fidelities[this.data.fidelity[row]]}${this.isFront?.has(row) ? ', on the front' : ''}`];
    if (!this.isOk(row)) lines.push('refused: ' + this.reasonOf(row).text);
    for (const column of this.inputs.slice(0, 10)) lines.push(`${column.name} ${this.text(column.name, row)}${column.unit && column.isNumeric ? ' ' + column.unit : ''}`);
    for (const {metric} of this.objectives) lines.push(`${metric} ${withUnit(this.columns.get(metric).values[row] ?? NaN, unitOfMetric(metric))}`);
    return lines.join('\n');
  }
  reasonOf(row) { return this.data.reasons[this.data.reason[row]] ?? {kind: 'unknown', text: 'no reason is given'}; }
  label(name) {
    const column = this.columns.get(name);
    return name + (column.unit ? ` (${column.unit})` : '');
  }
  scaleOf(name, rows, log) {
    const column = this.columns.get(name);
    if (column.categories) return new Scale(0, 1, {categories: column.categories});
    let low = Infinity, high = -Infinity;
    for (const row of rows) {
      const value = column.values[row];
      if (value === null || (log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low > high ? new Scale(log ? 1 : 0, log ? 10 : 1, {log}) : new Scale(low, high, {log});
  }
}

function sweepReport(data, main) {
  const sweep = new Sweep(data);
  document.getElementById('title').textContent = data.title || 'Search';
  const refused = sweep.rowsOfFidelity().filter(row => !sweep.isOk(row)).length, points = sweep.rowsOfFidelity().length;
  document.getElementById('subtitle').textContent = `${data.file}: ${points === 1 ? 'one point' : whole(points) + ' points'}; ${whole(points - refused)} work, ${whole(refused)} refused` +
    (data.fidelities.length ? `; computed at ${data.fidelities.map(name => `${name} (${whole(data.fidelity.filter(f => data.fidelities[f] === name).length)})`).join(', ')}` : '');
  main.append(element('nav', {'aria-label': 'Parts of this report'}, ...[['front', 'Front'], ['parallel', 'Parallel coordinates'], ['sensitivity', 'Sensitivity'],
    ['kills', 'What kills points'], ['difference', 'Fidelities'], ['hardware', 'Winning hardware'], ['points', 'All points'], ['space', 'The space']]
    .map(([id, text]) => element('a', {href: '#' + id}, text))));
  if (!sweep.count) {
    main.append(section('front', 'No points', null, empty('The file holds no point yet. Run weft explore … --resume and make the report again.')));
    return;
  }
  if (points === refused) {
    const counts = countBy(sweep.rowsOfFidelity(), row => sweep.reasonOf(row).kind);
    main.append(element('p', {class: 'note'}, `No point worked: all ${whole(points)} are refused – ${counts.map(([kind, count]) => `${kind} ${whole(count)}`).join(', ')}. What kills points says why.`));
    Object.assign(sweep.filters, {refused: true});
    sweep.update(false);
  }
  main.append(frontSection(sweep), parallelSection(sweep), sensitivitySection(sweep), killsSection(sweep), differenceSection(sweep),
              hardwareSection(sweep), pointsSection(sweep), spaceSection(sweep));
  sweep.tell();
  window.weftSweep = sweep; // for tests, and for the console
}

function countBy(rows, key) {
  const counts = new Map();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
