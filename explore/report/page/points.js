// Of a search: the winning hardware, and all points to look through and to save.

/** The value of a row as the results hold it, which is not always what pictures need; null if there is none. */
function valueAt(packed, row) {
  return packed.values ? packed.values[row] : packed.at[row] < 0 ? null : packed.dict[packed.at[row]];
}
/** Of a row, the keys of the hardware that the search set, with their values. */
function changesOf(sweep, row) {
  const changes = {};
  sweep.data.axes.forEach((axis, i) => {
    const value = axis.role === 'hardware' ? valueAt(sweep.data.inputs[i], row) : null;
    if (value !== null) changes[axis.name] = value;
  });
  return changes;
}
function yamlOf(sweep, row) {
  return hardwareYaml(
      sweep.data.base, changesOf(sweep, row),
      `${sweep.data.name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 40)}-${sweep.data.ordinal[row]}`);
}

function hardwareSection(sweep) {
  const body = element('div');
  let picked = -1;  // 'select' of the chart comes here, too
  const build = () => {
    const {front, objectives, data} = sweep;
    if (!front.length && sweep.selected < 0) {
      body.replaceChildren(empty(
          sweep.working.length ? 'The search has no objective that these points have.' :
                                 'No point worked among those shown: there is no winner.'));
      return;
    }
    if (sweep.selected >= 0)
      picked = sweep.selected;
    else if (!sweep.isFront.has(picked))
      picked = bestOf(sweep, front, objectives[0]);
    const winners = new Map();
    for (const workload of new Set(front.map(row => sweep.workload(row))))
      for (const each of objectives) {
        const row = bestOf(sweep, front.filter(other => sweep.workload(other) === workload), each);
        winners.set(row, [...winners.get(row) ?? [], `best ${each.metric}`]);
      }
    const names = row => winners.get(row)?.join(', ') ?? '';
    const listed = [...front].sort((a, b) => names(b).length - names(a).length).slice(0, 300);
    if (!listed.includes(picked)) listed.unshift(picked);
    const select = choice(
        'point',
        listed.map(
            row =>
                [String(row),
                 `${data.ordinal[row]}${
                     sweep.columns.get('workload')?.distinct.length > 1 ? ' ' + sweep.workload(row) : ''}${
                     sweep.isFront.has(row) ? '' : ' (not on the front)'}${names(row) ? ': ' + names(row) : ''}`]),
        String(picked), value => {
          picked = Number(value);
          sweep.select(picked);
        }, 'hardware-point');
    const changes = changesOf(sweep, picked), base = new Map(data.base ?? []);
    const choices = data.axes.filter(axis => axis.role !== 'hardware')
                        .map(axis => `${axis.name} = ${sweep.text(axis.name, picked)}`)
                        .filter(text => !text.endsWith('–'));
    const cards = element(
        'div', {class: 'cards'},
        ...objectives.map(
            each => card(
                withUnit(sweep.columns.get(each.metric).values[picked] ?? NaN, unitOfMetric(each.metric)),
                each.metric)));
    const told = sweep.isOk(picked) ?
        null :
        element('p', {class: 'note'}, 'This point is refused: ' + sweep.reasonOf(picked).text);
    const parts = [
      element('div', {class: 'controls'}, select), told, cards,
      choices.length ? element('p', {}, 'With ' + choices.join(', ')) : null,
      Object.keys(changes).length ?
          table(
              `What differs from ${data.baseName}`, ['key', data.baseName, 'this point', 'unit'],
              Object.entries(changes).map(
                  ([key, value]) =>
                      [key, base.get(key) || '–', typeof value === 'object' ? JSON.stringify(value) : String(value),
                       element('td', {class: 'text'}, data.axes.find(axis => axis.name === key).unit ?? '')])) :
          null
    ];
    if (data.base && !('parallelism.core.kind' in changes)) {
      const text = yamlOf(sweep, picked),
            copy = element(
                'button', {type: 'button', id: 'copy-yaml', onclick: () => copyText(text, copy)}, 'Copy the YAML');
      parts.push(
          element('h3', {}, 'The machine as a file'),
          element(
              'div', {class: 'controls'}, copy,
              element(
                  'button', {
                    type: 'button',
                    onclick: () => download(`${data.name}-${data.ordinal[picked]}.yaml`, 'text/yaml', text)
                  },
                  'Save it'),
              element('span', {class: 'about'}, 'Try it: weft hw check FILE, weft run … --hw FILE')),
          element('pre', {id: 'yaml', tabindex: '0', 'aria-label': 'Hardware description'}, text));
    } else if (data.axes.some(axis => axis.role === 'hardware')) {
      parts.push(element(
          'p', {class: 'note'},
          data.base ?
              'The kind of core differs from the base’s, so that its keys are not known here; write the file by hand from the table above.' :
              `The base machine (${
                  data.baseName}) is not among the presets and the results do not hold it: put the values above into its file.`));
    }
    body.replaceChildren(...parts.filter(part => part));
  };
  sweep.onChange(build);
  return section(
      'hardware',
      sweep.data.base || sweep.data.axes.some(axis => axis.role === 'hardware') ? 'Winning hardware' :
                                                                                  'Winning choices',
      'The points of the front, or the one that is selected in a picture or table.', body);
}

function bestOf(sweep, rows, objective) {
  if (!objective) return rows[0];
  const {values} = sweep.columns.get(objective.metric), sign = objective.max ? -1 : 1;
  return rows.reduce(
      (best, row) => best === undefined || sign * values[row] < sign * values[best] ? row : best, undefined);
}

function pointsSection(sweep) {
  const body = element('div'), perPage = 50;
  const columns = [...sweep.inputs.map(column => column.name), ...sweep.objectives.map(each => each.metric)]
                      .filter((name, i, all) => all.indexOf(name) === i)
                      .slice(0, 18);
  let sortBy = sweep.objectives[0]?.metric ?? '', isDown = sweep.objectives[0]?.max ?? false, page = 0;
  const sorted = () => {
    const values = sweep.columns.get(sortBy)?.values ?? sweep.data.ordinal, sign = isDown ? -1 : 1;
    return [...sweep.shown].sort(
        (a, b) => (values[a] === null) - (values[b] === null) || sign * (values[a] - values[b]) || a - b);
  };
  const build = () => {
    if (!sweep.shown.length) return body.replaceChildren(empty('No point passes the filters.'));
    const rows = sorted(), pages = Math.ceil(rows.length / perPage);
    page = Math.min(page, pages - 1);
    const head = (name, text) => element(
        'button', {
          type: 'button',
          title: 'Sort',
          onclick: () => {
            if (sortBy === name) isDown = !isDown;
            sortBy = name;
            build();
          }
        },
        text + (sortBy === name ? isDown ? ' ↓' : ' ↑' : ''));
    const lines =
        rows.slice(page * perPage, (page + 1) * perPage)
            .map(
                row => element(
                    'tr',
                    {class: 'pick' + (row === sweep.selected ? ' selected' : ''), onclick: () => sweep.select(row)},
                    element(
                        'td', {},
                        element(
                            'button', {
                              type: 'button',
                              onclick: event => {
                                event.stopPropagation();
                                sweep.select(row);
                              }
                            },
                            String(sweep.data.ordinal[row])),
                        sweep.isFront?.has(row) ? ' ◇' : ''),
                    element('td', {class: 'text'}, sweep.data.fidelities[sweep.data.fidelity[row]]),
                    ...columns.map(
                        name => element(
                            'td', {class: sweep.columns.get(name).categories ? 'text' : ''}, sweep.text(name, row))),
                    element(
                        'td', {class: 'long'},
                        sweep.isOk(row) ? 'works' : `${sweep.reasonOf(row).kind}: ${sweep.reasonOf(row).text}`)));
    const turn = (text, to, isPossible) => element(
        'button', {
          type: 'button',
          disabled: !isPossible,
          onclick: () => {
            page = to;
            build();
          }
        },
        text);
    body.replaceChildren(
        element(
            'div', {class: 'controls'}, turn('← before', page - 1, page > 0),
            `${whole(page * perPage + 1)}–${whole(Math.min(rows.length, (page + 1) * perPage))} of ${
                whole(rows.length)}`,
            turn('next →', page + 1, page + 1 < pages),
            element(
                'button', {
                  type: 'button',
                  id: 'export-csv',
                  onclick: () => download(sweep.data.name + '.csv', 'text/csv', csvOf(sweep, rows))
                },
                'Export these as CSV'),
            element(
                'button', {
                  type: 'button',
                  id: 'export-json',
                  onclick: () => download(sweep.data.name + '.jsonl', 'application/json', jsonLinesOf(sweep, rows))
                },
                'as JSON lines')),
        table(
            'Points that pass the filters; ◇ is on the front',
            [head('', 'point'), 'fidelity', ...columns.map(name => head(name, sweep.label(name))), 'status'], lines));
  };
  sweep.onChange(build);
  return section('points', 'All points', 'Click a row to see its hardware.', body);
}

// Values as `weft explore --export` writes them.
function csvOf(sweep, rows) {
  const {data} = sweep, names = [...data.axes.map(axis => axis.name), ...data.metrics],
        columns = [...data.inputs, ...data.results];
  const lines = [['ordinal', 'fidelity', 'status', 'reason_kind', 'reason', ...names].map(csvField).join(',')];
  for (const row of rows) {
    const reason = sweep.isOk(row) ? {kind: '', text: ''} : sweep.reasonOf(row);
    lines.push([
      data.ordinal[row], data.fidelities[data.fidelity[row]], sweep.isOk(row) ? 'ok' : 'refused', reason.kind,
      reason.text, ...columns.map(packed => valueAt(packed, row))
    ].map(csvField).join(','));
  }
  return lines.join('\n') + '\n';
}

function jsonLinesOf(sweep, rows) {
  const {data} = sweep;
  const line = row => {
    const out = {
      ordinal: data.ordinal[row],
      fidelity: data.fidelities[data.fidelity[row]],
      status: sweep.isOk(row) ? 'ok' : 'refused'
    };
    if (!sweep.isOk(row)) Object.assign(out, {reason_kind: sweep.reasonOf(row).kind, reason: sweep.reasonOf(row).text});
    const valuesOf = (names, columns) => Object.fromEntries(
        names.map((name, i) => [name, valueAt(columns[i], row)]).filter(([, value]) => value !== null));
    out.inputs = valuesOf(data.axes.map(axis => axis.name), data.inputs);
    out.results = valuesOf(data.metrics, data.results);
    return JSON.stringify(out);
  };
  return rows.map(line).join('\n') + '\n';
}

function spaceSection(sweep) {
  return section(
      'space', 'The space', 'As it was given to weft explore.',
      element(
          'details', {}, element('summary', {}, 'Show the text'),
          element('pre', {tabindex: '0'}, sweep.data.space || '(none)')));
}
