// Of a search: how much each axis matters, what kills points, how far fidelities are apart.

function sensitivitySection(sweep) {
  const body = element('div'), metrics = [
    ...sweep.objectives.map(each => each.metric), ...sweep.metrics.map(column => column.name).sort()
  ].filter((name, i, all) => all.indexOf(name) === i);
  const workloads = sweep.columns.get('workload')?.categories ?? [];
  let metric = metrics[0], workload = workloads.length > 1 ? workloads[0] : '';
  const build = () => {
    const results = sweep.columns.get(metric),
          rows = results ?
        sweep.working.filter(row => results.values[row] !== null && (!workload || sweep.workload(row) === workload)) :
        [];
    const axes = sweep.varying.filter(column => !workload || column.name !== 'workload');
    if (rows.length < 2 || !axes.length) {
      body.replaceChildren(empty(
          !axes.length    ? 'Nothing varies in this search.' :
              rows.length ? 'One point alone shows no sensitivity.' :
                            'No point worked among those shown: nothing to compare.'));
      return;
    }
    const numbers = rows.map(row => results.values[row]);
    const effects =
        axes.map(column => ({column, ...effectOf(column, rows, numbers)})).sort((a, b) => b.share - a.share);
    const bars = table(
        `Share of the variance of ${metric} over ${whole(rows.length)} points`,
        ['axis', 'share', '', 'by chance', 'smallest mean', 'largest mean'],
        effects.map(
            each =>
                [each.column.name, percent(each.share), shareBar(each), percent(each.chance),
                 withUnit(Math.min(...each.means.filter(Number.isFinite)), results.unit),
                 withUnit(Math.max(...each.means.filter(Number.isFinite)), results.unit)]));
    const pictures = element(
        'div',
        {style: 'display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:12px;margin-top:12px'},
        ...effects.slice(0, 12).map(each => effectPicture(each, results)));
    body.replaceChildren(
        bars, element('h3', {}, 'Mean of ' + sweep.label(metric) + ' by value of each axis'),
        element('p', {class: 'about'}, 'Dot: mean; bar: smallest to largest of the points with that value.'), pictures);
  };
  const effectOf = (column, rows, numbers) => {
    const known = rows.map((row, i) => i).filter(i => column.values[rows[i]] !== null);
    const values =
        known.map(i => column.categories ? column.categories[column.values[rows[i]]] : column.values[rows[i]]);
    const groups = groupsOf(values);
    return {groups, ...varianceShare(groups, known.map(i => numbers[i]))};
  };
  sweep.onChange(what => {
    if (what !== 'select') build();
  });
  return section(
      'sensitivity', 'Sensitivity of each axis',
      'Share of variance (correlation ratio, first-order): how much of a metric’s variance lies between the means of the points with equal values of one axis – of more than 12 numbers, of eighths. “By chance” is what an axis without effect has on average. It is exact for a full grid; where points are refused, random or few, axes may stand in for each other, and effects that two axes only have together are in neither.',
      metrics.length ? element(
                           'div', {class: 'controls'},
                           choice(
                               'metric', metrics.map(name => [name, name]), metric,
                               value => {
                                 metric = value;
                                 build();
                               },
                               'sensitivity-metric'),
                           workloads.length > 1 ?
                               choice(
                                   'of', [...workloads.map(name => [name, name]), ['', 'all workloads']], workload,
                                   value => {
                                     workload = value;
                                     build();
                                   },
                                   'sensitivity-workload') :
                               null) :
                       null,
      body);
}

function shareBar({share, chance}) {
  return element(
      'div', {class: 'stack', style: 'position:relative;width:200px'},
      element('span', {class: 'bar', style: `width:${Math.min(100, share * 100)}%;height:100%`}), element('span', {
        style:
            `position:absolute;left:${Math.min(100, chance * 100)}%;top:0;bottom:0;width:2px;background:var(--front)`,
        title: 'by chance'
      }));
}

function effectPicture({column, groups, means, sizes, low, high}, results) {
  const chart =
      new Chart({height: 170, left: 72, right: 8, top: 8, bottom: 46, label: `${results.name} by ${column.name}`});
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
  const about =
      'Points that cannot work, by kind of reason, over all points of the search (filters do not count here).';
  if (!refused.length)
    return section(
        'kills', 'What kills points', about,
        empty(all.length === 1 ? 'Nothing: the one point works.' : `Nothing: all ${whole(all.length)} points work.`));
  const kinds = countBy(refused, row => sweep.reasonOf(row).kind);
  const rows = kinds.map(([kind, count]) => {
    const sentences =
        countBy(refused.filter(row => sweep.reasonOf(row).kind === kind), row => sweep.reasonOf(row).text);
    const list = element(
        'details', {},
        element(
            'summary', {},
            sentences[0][0] +
                (sentences.length > 1 ? ` (${whole(sentences[0][1])}; ${whole(sentences.length - 1)} more)` : '')),
        element(
            'ul', {}, ...sentences.slice(0, 20).map(([text, times]) => element('li', {}, `${whole(times)} × ${text}`)),
            sentences.length > 20 ? element('li', {}, `and ${whole(sentences.length - 20)} more`) : ''));
    return [
      kind, whole(count), percent(count / all.length),
      element(
          'div', {class: 'stack', style: 'width:160px'},
          element('span', {class: 'bar', style: `width:${100 * count / refused.length}%;height:100%`})),
      element('td', {class: 'long'}, sentences.length > 1 ? list : sentences[0][0]),
      element(
          'button', {
            type: 'button',
            onclick: () => {
              Object.assign(sweep.filters, {refused: true, kinds: kind});
              sweep.update(false);
              sweep.tell('rebuild');
              document.getElementById('points').scrollIntoView();
            }
          },
          'show')
    ];
  });
  const byValue = element('div'), axes = sweep.varying;
  const build = name => {
    const column = sweep.columns.get(name), keep = all.filter(row => column.values[row] !== null);
    const groups =
        groupsOf(keep.map(row => column.categories ? column.categories[column.values[row]] : column.values[row]));
    const cells = groups.names.map(() => new Map()), sizes = groups.names.map(() => 0);
    keep.forEach((row, i) => {
      const kind = sweep.isOk(row) ? 'works' : sweep.reasonOf(row).kind;
      ++sizes[groups.of[i]];
      cells[groups.of[i]].set(kind, (cells[groups.of[i]].get(kind) ?? 0) + 1);
    });
    const heads = ['works', ...kinds.map(([kind]) => kind)];
    byValue.replaceChildren(table(
        'Points by value of ' + sweep.label(name), [name, 'points', ...heads],
        groups.names.map((text, g) => [text, whole(sizes[g]), ...heads.map(kind => {
                           const count = cells[g].get(kind) ?? 0;
                           return element(
                               'td', {
                                 style: `background:color-mix(in srgb, var(${kind === 'works' ? '--c3' : '--front'}) ${
                                     Math.round(55 * count / Math.max(1, sizes[g]))}%, transparent)`
                               },
                               count ? `${whole(count)} (${percent(count / sizes[g])})` : '0');
                         })])));
  };
  if (axes.length) build(axes[0].name);
  return section(
      'kills', 'What kills points', about,
      table(
          `${whole(refused.length)} of ${whole(all.length)} points are refused`,
          ['kind', 'points', 'of all', '', 'why', ''], rows),
      axes.length ?
          element(
              'div', {class: 'controls', style: 'margin-top:12px'},
              choice(
                  'by value of', axes.map(column => [column.name, column.name]), axes[0].name, build, 'kills-axis')) :
          null,
      byValue);
}

function differenceSection(sweep) {
  const {
    differences,
    fidelities,
    check
  } = sweep.data,
  about =
      'Points that were computed at two fidelities: a random share of all, and the candidates for the front. Difference: |rough ÷ fine − 1|.';
  if (!differences.length)
    return section(
        'difference', 'How far fidelities are apart', about,
        empty(
            fidelities.length > 1 ?
                'No point worked at two fidelities.' :
                `All points were computed at one fidelity (${
                    fidelities
                        [0]}): nothing to compare. fidelity: {check: 0.01} in the space runs a share at the next one.`));
  return section(
      'difference', 'How far fidelities are apart', about + (check ? ` The share is ${percent(check)}.` : ''),
      table(
          'Measured differences', ['metric', 'rough', 'fine', 'points', 'mean difference', 'worst'],
          differences.map(
              each =>
                  [each.metric, each.rough, each.fine, whole(each.points), percent(each.mean), percent(each.worst)])));
}
