// What is shown: by workload, status, fidelity, axis and objective.

function filterPanel(sweep) {
  const root = element('div', {class: 'filters'}), count = element('p', {class: 'about', role: 'status', id: 'shown-count'});
  const build = () => {
    const {filters, data} = sweep, parts = [];
    const box = (legend, ...children) => element('fieldset', {}, element('legend', {}, legend), element('div', {}, ...children));
    parts.push(box('status', checkbox('works', filters.ok, value => { filters.ok = value; sweep.update(); }, 'filter-ok'),
      checkbox('refused', filters.refused, value => { filters.refused = value; sweep.update(); }, 'filter-refused')));
    if (data.fidelities.length > 1)
      parts.push(box('fidelity', choice('', [['finest', 'the finest of each point'], ...data.fidelities.map(name => [name, name + ' only']), ['all', 'every row']], filters.fidelity,
        value => { filters.fidelity = value; sweep.update(); }, 'filter-fidelity')));
    const shown = new Set();
    for (const column of [...sweep.varying, ...sweep.objectives.map(each => sweep.columns.get(each.metric))]) {
      if (shown.has(column.name)) continue;
      shown.add(column.name);
      parts.push(box(sweep.label(column.name), ...(column.distinct.length <= 10 && column.role !== 'metric' ? valueBoxes(sweep, column) : rangeBoxes(sweep, column))));
    }
    root.replaceChildren(element('h3', {style: 'margin-top:0'}, 'Filters'), count,
      element('div', {class: 'controls'}, element('button', {type: 'button', id: 'clear-filters', onclick: () => {
        Object.assign(filters, {ok: true, refused: sweep.working.length === 0 && !sweep.candidates.some(row => sweep.isOk(row)), kinds: null, fidelity: 'finest'});
        filters.ranges.clear();
        filters.without.clear();
        sweep.update();
        build();
      }}, 'Show all')), element('div', {class: 'scroll'}, ...parts));
  };
  build();
  sweep.onChange(what => {
    if (what === 'select') return;
    count.textContent = `${whole(sweep.shown.length)} of ${whole(sweep.candidates.length)} points` + (sweep.filters.kinds ? `; of the refused only ${sweep.filters.kinds}` : '');
    if (what === 'rebuild') build();
    for (const input of root.querySelectorAll('input[data-range]')) {
      const range = sweep.filters.ranges.get(input.dataset.range);
      if (document.activeElement !== input) input.value = range ? Number(range[input.dataset.end].toPrecision(6)) : '';
    }
  });
  return root;
}

function valueBoxes(sweep, column) {
  return column.distinct.map((value, i) => {
    const key = column.categories ? i : value, without = sweep.filters.without;
    return checkbox(column.categories ? column.categories[i] : number(value), !without.get(column.name)?.has(key), isChecked => {
      if (!without.has(column.name)) without.set(column.name, new Set());
      without.get(column.name)[isChecked ? 'delete' : 'add'](key);
      if (!without.get(column.name).size) without.delete(column.name);
      sweep.update();
    }, `filter-${column.name}-${i}`);
  });
}

function rangeBoxes(sweep, column) {
  if (column.categories) return [element('span', {class: 'about'}, `${column.categories.length} values; brush them in the parallel coordinates`)];
  const inputs = ['from', 'to'].map((label, end) => element('input', {
    type: 'number', step: 'any', 'aria-label': `${column.name} ${label}`, placeholder: label, 'data-range': column.name, 'data-end': String(end),
    onchange: () => {
      const [low, high] = inputs.map(input => input.value === '' ? NaN : Number(input.value));
      sweep.setRange(column.name, Number.isNaN(low) && Number.isNaN(high) ? null : [Number.isNaN(low) ? -Infinity : low, Number.isNaN(high) ? Infinity : high]);
    }
  }));
  return [inputs[0], '–', inputs[1]];
}
