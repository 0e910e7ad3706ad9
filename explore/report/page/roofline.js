// How near ops come to what the machine could do.

function rooflineSection(run) {
  const
      machine = run.machine,
      maps = run.maps ?? [],
      about =
          'Multiply-accumulates (MAC) a cycle and core against MAC for each byte that kernels load from SRAM, or for each byte over links. Filled: over all cycles of the op; ring: over the cycles in kernels alone; the gap between them is communication and waiting. An op that runs beside another may stand above its roof, as it has few cycles of its own.';
  const points = maps.flatMap(
      map => map.ops.filter(op => op.macs + op.narrow_macs > 0).map(op => ({map, op, macs: op.macs + op.narrow_macs})));
  if (!machine || !points.length)
    return section(
        'roofline', 'Roofline', about,
        empty(
            maps.length ?
                'No op multiplies: collectives have no roof of this kind.' :
                'This report of a run does not say what its kernels ask of the cores: it is of an older Weft. Run it again with --json.'));
  const cores = run.mesh[0] * run.mesh[1];
  const total = maps.reduce((sum, map) => sum + map.cycles, 0);
  for (const point of points) {
    const {op, macs} = point;
    Object.assign(point, {
      rate: op.cycles ? macs / op.cycles / cores : NaN,
      kernelRate: op.busy.sum ? macs / op.busy.sum : NaN,
      share: op.cycles / total,
      loads: op.load_bytes ? macs / op.load_bytes : NaN,
      links: op.word_hops ? macs / (op.word_hops * machine.link_bytes) : NaN,
      narrow: op.narrow_macs > op.macs
    });
  }
  const names = points.map((point, i) => ({...point, letter: i < 26 ? String.fromCharCode(65 + i) : String(i + 1)}));
  return section(
      'roofline', 'Roofline', about,
      element(
          'div', {class: 'pair'},
          roofPicture(
              names, 'loads', [[machine.load_bytes, `${number(machine.load_bytes)} bytes a cycle from SRAM`]], machine,
              'MAC for each byte loaded from SRAM'),
          roofPicture(
              names, 'links', [[4 * machine.link_bytes, `four links of ${number(machine.link_bytes)} bytes a cycle`]],
              machine, 'MAC for each byte times link')),
      table(
          'Ops that multiply; MAC a cycle and core over all cycles of the op, and in kernels alone',
          [
            'op', 'launch', 'MAC', 'a byte loaded', 'a byte × link', 'a cycle and core', 'of the roof', 'in kernels',
            'of the launch'
          ],
          names.map(
              each =>
                  [`${each.letter}  ${each.op.op}`, element('td', {class: 'text'}, each.map.program), number(each.macs),
                   number(each.loads), number(each.links), number(each.rate),
                   percent(each.rate / roofOf(each, machine)), number(each.kernelRate),
                   percent(each.op.cycles / each.map.cycles)])));
}

function peakOf(point, machine) { return point.narrow ? machine.macs_f16 : machine.macs_f32; }
function roofOf(point, machine) {
  return Math.min(peakOf(point, machine), Number.isFinite(point.loads) ? point.loads * machine.load_bytes : Infinity);
}

function roofPicture(points, key, slopes, machine, label) {
  const chart = new Chart({height: 340, left: 66, right: 14, label: 'Roofline: MAC a cycle and core by ' + label});
  const drawn = points.filter(
      point => Number.isFinite(point[key]) && (Number.isFinite(point.rate) || Number.isFinite(point.kernelRate)));
  const figure = element(
      'figure', {}, chart.root,
      element(
          'figcaption', {},
          drawn.length < points.length ? `${points.length - drawn.length} ops are not here: they move no such bytes.` :
                                         ''));
  if (!drawn.length) return element('figure', {}, empty('No op moves such bytes.'));
  const hasNarrow = drawn.some(point => point.narrow), hasWide = drawn.some(point => !point.narrow);
  const roofs = [
    hasWide && (!hasNarrow || machine.macs_f32 !== machine.macs_f16) ? [machine.macs_f32, 'f32: '] : null,
    hasNarrow ? [machine.macs_f16, hasWide && machine.macs_f32 === machine.macs_f16 ? '' : '16-bit operand: '] : null
  ].filter(each => each && each[0] > 0);
  if (!roofs.length || !(slopes[0][0] > 0))
    return element('figure', {}, empty('The machine does not say what it can multiply.'));
  chart.paint = () => {
    const context = chart.begin(), peak = Math.max(...roofs.map(([rate]) => rate));
    const ridge = peak / slopes[0][0];
    const x = new Scale(
        Math.min(ridge / 4, ...drawn.map(point => point[key] / 1.5)),
        Math.max(ridge * 4, ...drawn.map(point => point[key] * 1.5)), {log: true});
    const rates = drawn.flatMap(point => [point.rate, point.kernelRate]).filter(rate => rate > 0);
    const y = new Scale(Math.min(...rates) / 2, Math.max(peak * 1.4, ...rates), {log: true});
    chart.axes(context, x, y, label + ', log', 'MAC a cycle and core, log');
    context.lineWidth = 2;
    context.textBaseline = 'bottom';
    for (const [rate, name] of roofs) {
      context.strokeStyle = context.fillStyle = cssColor('--ink');
      line(
          context, chart.x(Math.max(0, x.share(rate / slopes[0][0]))), chart.y(y.share(rate)),
          chart.width - chart.right, chart.y(y.share(rate)));
      context.textAlign = 'right';
      context.fillText(`${name}${number(rate)} MAC a cycle`, chart.width - chart.right - 4, chart.y(y.share(rate)) - 3);
    }
    for (const [bytes, name] of slopes) {
      const from = Math.max(x.low, y.low / bytes), to = Math.min(x.high, peak / bytes);
      if (to <= from) continue;
      const [x0, y0, x1, y1] =
          [chart.x(x.share(from)), chart.y(y.share(from * bytes)), chart.x(x.share(to)), chart.y(y.share(to * bytes))];
      line(context, x0, y0, x1, y1);
      context.save();
      context.translate((x0 + x1) / 2, (y0 + y1) / 2);
      context.rotate(Math.atan2(y1 - y0, x1 - x0));
      context.textAlign = 'center';
      context.fillText(clip(context, name, Math.hypot(x1 - x0, y1 - y0)), 0, -4);
      context.restore();
    }
    const labels = [];  // those that would lie on each other stand beside each other
    for (const point of [...drawn].sort((a, b) => b.share - a.share)) {
      const at = chart.x(x.share(point[key])), radius = 4 + 9 * Math.sqrt(Math.max(0, point.share)),
            color = cssColor(point.narrow ? '--c3' : '--dot');
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = 1.5;
      if (point.rate > 0 && point.kernelRate > 0)
        line(context, at, chart.y(y.share(point.rate)), at, chart.y(y.share(point.kernelRate)));
      if (point.kernelRate > 0) {
        context.beginPath();
        context.arc(at, chart.y(y.share(point.kernelRate)), 4, 0, 2 * Math.PI);
        context.stroke();
      }
      if (!(point.rate > 0)) continue;
      context.globalAlpha = 0.85;
      context.beginPath();
      context.arc(at, chart.y(y.share(point.rate)), radius, 0, 2 * Math.PI);
      context.fill();
      context.globalAlpha = 1;
      const [right, middle] = [at + radius + 3, chart.y(y.share(point.rate))],
                    near = labels.find(label => Math.abs(label.x - right) < 14 && Math.abs(label.y - middle) < 9);
      if (near)
        near.text += ' ' + point.letter;
      else
        labels.push({x: right, y: middle, text: point.letter});
    }
    context.fillStyle = cssColor('--ink');
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const label of labels) context.fillText(label.text, label.x, label.y);
  };
  return figure;
}
