// The rest of a search's report: sensitivity, what kills points, fidelities, the winning hardware, all points.

function sensitivitySection(sweep) {
  const body = element('div'), metrics = [...sweep.objectives.map(each => each.metric), ...sweep.metrics.map(column => column.name).sort()].filter((name, i, all) => all.indexOf(name) === i);
  let metric = metrics[0];
  const build = () => {
    const results = sweep.columns.get(metric), rows = results ? sweep.working.filter(row => results.values[row] !== null) : [];
    if (rows.length < 2 || !sweep.varying.length) {
      body.replaceChildren(empty(!sweep.varying.length ? 'Nothing varies in this search.' : rows.length ? 'One point alone shows no sensitivity.' : 'No point worked among those shown: nothing to compare.'));
      return;
    }
    const numbers = rows.map(row => results.values[row]);
    const effects = sweep.varying.map(column => ({column, ...effectOf(column, rows, numbers)})).sort((a, b) => b.share - a.share);
    const bars = table(`Share of the variance of ${metric} over ${whole(rows.length)} points`, ['axis', 'share', '', 'by chance', 'smallest mean', 'largest mean'],
      effects.map(each => [each.column.name, percent(each.share), shareBar(each), percent(each.chance),
        withUnit(Math.min(...each.means.filter(Number.isFinite)), results.unit), withUnit(Math.max(...each.means.filter(Number.isFinite)), results.unit)]));
    const pictures = element('div', {style: 'display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:12px;margin-top:12px'}, ...effects.slice(0, 12).map(each => effectPicture(each, results)));
    body.replaceChildren(bars, element('h3', {}, 'Mean of ' + sweep.label(metric) + ' by value of each axis'), element('p', {class: 'about'}, 'Dot: mean; bar: smallest to largest of the points with that value.'), pictures);
  };
  const effectOf = (column, rows, numbers) => {
    const known = rows.map((row, i) => i).filter(i => column.values[rows[i]] !== null);
    const values = known.map(i => column.categories ? column.categories[column.values[rows[i]]] : column.values[rows[i]]);
    const groups = groupsOf(values);
    return {groups, ...varianceShare(groups, known.map(i => numbers[i]))};
  };
  sweep.onChange(what => { if (what !== 'select') build(); });
  return section('sensitivity', 'Sensitivity of each axis',
    'Share of variance (correlation ratio, first-order): how much of a metric’s variance lies between the means of the points with equal values of one axis – of more than 12 numbers, of eighths. “By chance” is what an axis without effect has on average. It is exact for a full grid; where points are refused, random or few, axes may stand in for each other, and effects that two axes only have together are in neither.',
    metrics.length ? element('div', {class: 'controls'}, choice('metric', metrics.map(name => [name, name]), metric, value => { metric = value; build(); }, 'sensitivity-metric')) : null, body);
}

function shareBar({share, chance}) {
  return element('div', {class: 'stack', style: 'position:relative;width:200px'}, element('span', {class: 'bar', style: `width:${Math.min(100, share * 100)}%;height:100%`}),
    element('span', {style: `position:absolute;left:${Math.min(100, chance * 100)}%;top:0;bottom:0;width:2px;background:var(--front)`, title: 'by chance'}));
}

function effectPicture({column, groups, means, sizes, low, high}, results) {
  const chart = new Chart({height: 170, left: 72, right: 8, top: 8, bottom: 46, label: `${results.name} by ${column.name}`});
  const least = Math.min(...low), most = Math.max(...high), log = least > 0 && most / least > 100;
  chart.paint = () => {
    const context = chart.begin();
    const x = new Scale(0, 1, {categories: groups.names}), y = new Scale(least, most, {log});
    chart.axes(context, x, y, column.name + (column.unit ? ` (${column.unit})` : ''), results.unit || results.name);
    means.forEach((mean, g) => {
      if (!sizes[g]) return;
      const at = chart.x(x.share(g));
      context.strokeStyle = context.fillStyle = cssColor('--dot');
      context.lineWidth = 2;
      line(context, at, chart.y(y.share(low[g])), at, chart.y(y.share(high[g])));
      context.beginPath();
      context.arc(at, chart.y(y.share(mean)), 4, 0, 2 * Math.PI);
      context.fill();
    });
  };
  return chart.root;
}

function killsSection(sweep) {
  const all = sweep.rowsOfFidelity(), refused = all.filter(row => !sweep.isOk(row));
  const about = 'Points that cannot work, by kind of reason, over all points of the search (filters do not count here).';
  if (!refused.length) return section('kills', 'What kills points', about, empty(all.length === 1 ? 'Nothing: the one point works.' : `Nothing: all ${whole(all.length)} points work.`));
  const kinds = countBy(refused, row => sweep.reasonOf(row).kind);
  const rows = kinds.map(([kind, count]) => {
    const sentences = countBy(refused.filter(row => sweep.reasonOf(row).kind === kind), row => sweep.reasonOf(row).text);
    const list = element('details', {}, element('summary', {}, sentences[0][0] + (sentences.length > 1 ? ` (${whole(sentences[0][1])}; ${whole(sentences.length - 1)} more)` : '')),
      element('ul', {}, ...sentences.slice(0, 20).map(([text, times]) => element('li', {}, `${whole(times)} × ${text}`)), sentences.length > 20 ? element('li', {}, `and ${whole(sentences.length - 20)} more`) : ''));
    return [kind, whole(count), percent(count / all.length), element('div', {class: 'stack', style: 'width:160px'}, element('span', {class: 'bar', style: `width:${100 * count / refused.length}%;height:100%`})),
      element('td', {class: 'long'}, sentences.length > 1 ? list : sentences[0][0]),
      element('button', {type: 'button', onclick: () => { Object.assign(sweep.filters, {refused: true, kinds: kind}); sweep.update(false); sweep.tell('rebuild'); document.getElementById('points').scrollIntoView(); }}, 'show')];
  });
  const byValue = element('div'), axes = sweep.varying;
  const build = name => {
    const column = sweep.columns.get(name), keep = all.filter(row => column.values[row] !== null);
    const groups = groupsOf(keep.map(row => column.categories ? column.categories[column.values[row]] : column.values[row]));
    const cells = groups.names.map(() => new Map()), sizes = groups.names.map(() => 0);
    keep.forEach((row, i) => {
      const kind = sweep.isOk(row) ? 'works' : sweep.reasonOf(row).kind;
      ++sizes[groups.of[i]];
      cells[groups.of[i]].set(kind, (cells[groups.of[i]].get(kind) ?? 0) + 1);
    });
    const heads = ['works', ...kinds.map(([kind]) => kind)];
    byValue.replaceChildren(table('Points by value of ' + sweep.label(name), [name, 'points', ...heads], groups.names.map((text, g) => [text, whole(sizes[g]),
      ...heads.map(kind => {
        const count = cells[g].get(kind) ?? 0;
        return element('td', {style: `background:color-mix(in srgb, var(${kind === 'works' ? '--c3' : '--front'}) ${Math.round(55 * count / Math.max(1, sizes[g]))}%, transparent)`}, count ? `${whole(count)} (${percent(count / sizes[g])})` : '0');
      })])));
  };
  if (axes.length) build(axes[0].name);
  return section('kills', 'What kills points', about, table(`${whole(refused.length)} of ${whole(all.length)} points are refused`, ['kind', 'points', 'of all', '', 'why', ''], rows),
    axes.length ? element('div', {class: 'controls', style: 'margin-top:12px'}, choice('by value of', axes.map(column => [column.name, column.name]), axes[0].name, build, 'kills-axis')) : null, byValue);
}

function differenceSection(sweep) {
  const {differences, fidelities, check} = sweep.data, about = 'Points that were computed at two fidelities: a random share of all, and the candidates for the front. Difference: |rough ÷ fine − 1|.';
  if (!differences.length)
    return section('difference', 'How far fidelities are apart', about, empty(fidelities.length > 1 ? 'No point worked at two fidelities.' : `All points were computed at one fidelity (${fidelities[0]}): nothing to compare. fidelity: {check: 0.01} in the space runs a share at the next one.`));
  return section('difference', 'How far fidelities are apart', about + (check ? ` The share is ${percent(check)}.` : ''),
    table('Measured differences', ['metric', 'rough', 'fine', 'points', 'mean difference', 'worst'],
      differences.map(each => [each.metric, each.rough, each.fine, whole(each.points), percent(each.mean), percent(each.worst)])));
}

/** Of a row, the keys of the hardware that the search set, with their values. */
function changesOf(sweep, row) {
  const changes = {};
  sweep.data.axes.forEach((axis, i) => {
    if (axis.role !== 'hardware') return;
    const packed = sweep.data.inputs[i], value = packed.values ? packed.values[row] : packed.at[row] < 0 ? null : packed.dict[packed.at[row]];
    if (value !== null) changes[axis.name] = value;
  });
  return changes;
}
function yamlOf(sweep, row) {
  return hardwareYaml(sweep.data.base, changesOf(sweep, row), `${sweep.data.name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 40)}-${sweep.data.ordinal[row]}`);
}

function hardwareSection(sweep) {
  const body = element('div');
  let picked = -1; // 'select' of the chart comes here, too
  const build = () => {
    const {front, objectives, data} = sweep;
    if (!front.length && sweep.selected < 0) {
      body.replaceChildren(empty(sweep.working.length ? 'The search has no objective that these points have.' : 'No point worked among those shown: there is no winner.'));
      return;
    }
    if (sweep.selected >= 0) picked = sweep.selected;
    else if (!sweep.isFront.has(picked)) picked = bestOf(sweep, front, objectives[0]);
    const winners = new Map();
    for (const workload of new Set(front.map(row => sweep.workload(row))))
      for (const each of objectives) {
        const row = bestOf(sweep, front.filter(other => sweep.workload(other) === workload), each);
        winners.set(row, [...winners.get(row) ?? [], `best ${each.metric}`]);
      }
    const names = row => winners.get(row)?.join(', ') ?? '';
    const listed = [...front].sort((a, b) => names(b).length - names(a).length).slice(0, 300);
    if (!listed.includes(picked)) listed.unshift(picked);
    const select = choice('point', listed.map(row => [String(row), `${data.ordinal[row]}${sweep.columns.get('workload')?.distinct.length > 1 ? ' ' + sweep.workload(row) : ''}${sweep.isFront.has(row) ? '' : ' (not on the front)'}${names(row) ? ': ' + names(row) : ''}`]), String(picked),
      value => { picked = Number(value); sweep.select(picked); }, 'hardware-point');
    const changes = changesOf(sweep, picked), base = new Map(data.base ?? []);
    const choices = data.axes.filter(axis => axis.role !== 'hardware').map(axis => `${axis.name} = ${sweep.text(axis.name, picked)}`).filter(text => !text.endsWith('–'));
    const cards = element('div', {class: 'cards'}, ...objectives.map(each => card(withUnit(sweep.columns.get(each.metric).values[picked] ?? NaN, unitOfMetric(each.metric)), each.metric)));
    const told = sweep.isOk(picked) ? null : element('p', {class: 'note'}, 'This point is refused: ' + sweep.reasonOf(picked).text);
    const parts = [element('div', {class: 'controls'}, select), told, cards, choices.length ? element('p', {}, 'With ' + choices.join(', ')) : null,
      Object.keys(changes).length ? table(`What differs from ${data.baseName}`, ['key', data.baseName, 'this point', 'unit'], Object.entries(changes).map(([key, value]) =>
        [key, base.get(key) || '–', typeof value === 'object' ? JSON.stringify(value) : String(value), element('td', {class: 'text'}, data.axes.find(axis => axis.name === key).unit ?? '')])) : null];
    if (data.base && !('parallelism.core.kind' in changes)) {
      const text = yamlOf(sweep, picked), copy = element('button', {type: 'button', id: 'copy-yaml', onclick: () => copyText(text, copy)}, 'Copy the YAML');
      parts.push(element('h3', {}, 'The machine as a file'), element('div', {class: 'controls'}, copy,
        element('button', {type: 'button', onclick: () => download(`${data.name}-${data.ordinal[picked]}.yaml`, 'text/yaml', text)}, 'Save it'), element('span', {class: 'about'}, 'Try it: weft hw check FILE, weft run … --hw FILE')),
        element('pre', {id: 'yaml', tabindex: '0', 'aria-label': 'Hardware description'}, text));
    } else {
      parts.push(element('p', {class: 'note'}, data.base ? 'The kind of core differs from the base’s, so that its keys are not known here; write the file by hand from the table above.'
        : `The base machine (${data.baseName}) is not among the presets and the results do not hold it: put the values above into its file.`));
    }
    body.replaceChildren(...parts.filter(part => part));
  };
  sweep.onChange(build);
  return section('hardware', 'Winning hardware', 'The points of the front, or the one that is selected in a picture or table.', body);
}

function bestOf(sweep, rows, objective) {
  if (!objective) return rows[0];
  const {values} = sweep.columns.get(objective.metric), sign = objective.max ? -1 : 1;
  return rows.reduce((best, row) => best === undefined || sign * values[row] < sign * values[best] ? row : best, undefined);
}

function pointsSection(sweep) {
  const body = element('div'), perPage = 50;
  const columns = [...sweep.inputs.map(column => column.name), ...sweep.objectives.map(each => each.metric)].filter((name, i, all) => all.indexOf(name) === i).slice(0, 18);
  let sortBy = sweep.objectives[0]?.metric ?? '', isDown = sweep.objectives[0]?.max ?? false, page = 0;
  const sorted = () => {
    const values = sweep.columns.get(sortBy)?.values ?? sweep.data.ordinal, sign = isDown ? -1 : 1;
    return [...sweep.shown].sort((a, b) => (values[a] === null) - (values[b] === null) || sign * (values[a] - values[b]) || a - b);
  };
  const build = () => {
    if (!sweep.shown.length) return body.replaceChildren(empty('No point passes the filters.'));
    const rows = sorted(), pages = Math.ceil(rows.length / perPage);
    page = Math.min(page, pages - 1);
    const head = (name, text) => element('button', {type: 'button', title: 'Sort', onclick: () => { if (sortBy === name) isDown = !isDown; sortBy = name; build(); }}, text + (sortBy === name ? isDown ? ' ↓' : ' ↑' : ''));
    const lines = rows.slice(page * perPage, (page + 1) * perPage).map(row => element('tr', {class: 'pick' + (row === sweep.selected ? ' selected' : ''), onclick: () => sweep.select(row)},
      element('td', {}, element('button', {type: 'button', onclick: event => { event.stopPropagation(); sweep.select(row); }}, String(sweep.data.ordinal[row])), sweep.isFront?.has(row) ? ' ◇' : ''),
      element('td', {class: 'text'}, sweep.data.fidelities[sweep.data.fidelity[row]]),
      ...columns.map(name => element('td', {class: sweep.columns.get(name).categories ? 'text' : ''}, sweep.text(name, row))),
      element('td', {class: 'long'}, sweep.isOk(row) ? 'works' : `${sweep.reasonOf(row).kind}: ${sweep.reasonOf(row).text}`)));
    const turn = (text, to, isPossible) => element('button', {type: 'button', disabled: !isPossible, onclick: () => { page = to; build(); }}, text);
    body.replaceChildren(element('div', {class: 'controls'}, turn('← before', page - 1, page > 0), `${whole(page * perPage + 1)}–${whole(Math.min(rows.length, (page + 1) * perPage))} of ${whole(rows.length)}`, turn('next →', page + 1, page + 1 < pages),
      element('button', {type: 'button', id: 'export-csv', onclick: () => download(sweep.data.name + '.csv', 'text/csv', csvOf(sweep, rows))}, 'Export these as CSV'),
      element('button', {type: 'button', id: 'export-json', onclick: () => download(sweep.data.name + '.jsonl', 'application/json', jsonLinesOf(sweep, rows))}, 'as JSON lines')),
      table('Points that pass the filters; ◇ is on the front', [head('', 'point'), 'fidelity', ...columns.map(name => head(name, sweep.label(name))), 'status'], lines));
  };
  sweep.onChange(build);
  return section('points', 'All points', 'Click a row to see its hardware.', body);
}

function csvOf(sweep, rows) {
  const names = [...sweep.columns.keys()];
  const lines = [['ordinal', 'fidelity', 'status', 'reason_kind', 'reason', ...names].map(csvField).join(',')];
  for (const row of rows) {
    const reason = sweep.isOk(row) ? {kind: '', text: ''} : sweep.reasonOf(row);
    lines.push([sweep.data.ordinal[row], sweep.data.fidelities[sweep.data.fidelity[row]], sweep.isOk(row) ? 'ok' : 'refused', reason.kind, reason.text,
      ...names.map(name => { const column = sweep.columns.get(name), value = column.values[row]; return value === null ? '' : column.categories ? column.categories[value] : value; })].map(csvField).join(','));
  }
  return lines.join('\n') + '\n';
}

function jsonLinesOf(sweep, rows) {
  const inputs = new Set(sweep.data.axes.map(axis => axis.name));
  return rows.map(row => {
    const out = {ordinal: sweep.data.ordinal[row], fidelity: sweep.data.fidelities[sweep.data.fidelity[row]], status: sweep.isOk(row) ? 'ok' : 'refused'};
    if (!sweep.isOk(row)) Object.assign(out, {reason_kind: sweep.reasonOf(row).kind, reason: sweep.reasonOf(row).text});
    Object.assign(out, {inputs: {}, results: {}});
    for (const [name, column] of sweep.columns) {
      const value = column.values[row];
      if (value !== null) out[inputs.has(name) ? 'inputs' : 'results'][name] = column.categories ? column.categories[value] : value;
    }
    return JSON.stringify(out);
  }).join('\n') + '\n';
}

function spaceSection(sweep) {
  return section('space', 'The space', 'As it was given to weft explore.', element('details', {}, element('summary', {}, 'Show the text'), element('pre', {tabindex: '0'}, sweep.data.space || '(none)')));
}
