// A run of a model or of one kernel.

function runReport(data, main) {
  const {run} = data, isModel = run.schema.startsWith('weft.run/');
  const duration = cycles => { const s = cycles / (run.clock_ghz * 1e9); return s < 1e-3 ? number(s * 1e6) + ' µs' : s < 1 ? number(s * 1e3) + ' ms' : number(s) + ' s'; };
  const [width, height] = run.mesh;
  document.getElementById('title').textContent = isModel ? `${run.model.name} on ${run.hardware.name}` : `${run.kind} ${(run.shape ?? []).join(' × ')} on ${run.hardware.name}`;
  document.getElementById('subtitle').textContent = `${data.file}: ${width} × ${height} = ${whole(width * height)} cores at ${number(run.clock_ghz)} GHz` + (isModel ? (run.timing_only ? '; cycles without data' : '') : `; ${run.algorithm}, ${run.element}`);
  const phases = phasesOf(run, isModel, duration);
  main.append(element('nav', {'aria-label': 'Parts of this report'}, ...[['summary', 'Summary'], ['ops', 'Ops by cost'], ['timeline', 'Timeline'], ['mesh', 'The mesh'], ['roofline', 'Roofline'], ['sram', 'SRAM'], ['path', 'Critical path']]
    .map(([id, text]) => element('a', {href: '#' + id}, text))));
  main.append(summarySection(run, isModel, duration), opsSection(phases), timelineSection(run, phases), meshSection(run), rooflineSection(run), sramSection(run, isModel), pathSection(run));
  window.weftRun = run;
}

function phasesOf(run, isModel, duration) {
  const byName = new Map();
  for (const op of run.per_op) {
    const name = op.phase ?? 'kernel';
    if (!byName.has(name)) byName.set(name, []);
    byName.get(name).push(op);
  }
  return [...byName].map(([name, ops]) => {
    const families = new Map();
    for (const op of ops) {
      const folded = foldedName(op.op);
      if (!families.has(folded)) families.set(folded, {name: folded, kinds: new Set(), count: 0, cycles: 0, compute: 0, communicate: 0, wait: 0, hidden: 0});
      const family = families.get(folded);
      ++family.count;
      family.kinds.add(op.kind);
      for (const key of ['cycles', 'compute', 'communicate', 'wait', 'hidden']) family[key] += op[key] ?? 0;
    }
    const launches = isModel && name === 'decode' ? run.cycles.decode?.length ?? 1 : 1;
    return {name, ops, families: [...families.values()], launches, cycles: ops.reduce((sum, op) => sum + op.cycles, 0), time: duration};
  });
}

function summarySection(run, isModel, duration) {
  const cores = run.mesh[0] * run.mesh[1], cards = [];
  if (isModel) {
    const decode = run.cycles.decode ?? [], decodeCycles = decode.reduce((sum, cycles) => sum + cycles, 0);
    if (run.cycles.prefill) cards.push(card(`${whole(run.cycles.prefill)} cycles`, `prefill of ${whole(run.prompt_tokens?.length ?? 0)} tokens, ${duration(run.cycles.prefill)}`));
    if (decode.length) cards.push(card(`${whole(decodeCycles / decode.length)} cycles`, `a token of decode, ${duration(decodeCycles / decode.length)}; mean of ${decode.length}`));
    const rates = run.tokens_per_second ?? {};
    if (typeof rates.prefill === 'number') cards.push(card(`${number(rates.prefill)} tokens/s`, 'prefill'));
    if (typeof rates.decode === 'number') cards.push(card(`${number(rates.decode)} tokens/s`, 'decode'));
    if (typeof run.core_utilization === 'number') cards.push(card(percent(run.core_utilization), 'of all core cycles in kernels'));
  } else {
    cards.push(card(`${number(run.cycles)} cycles`, duration(run.cycles) + (run.repeats > 1 ? `; ${run.cycles_of}` : '')));
    if (run.macs) cards.push(card(`${number(run.macs / run.cycles / cores)} MAC`, 'a cycle and core'));
    cards.push(card(whole(run.steps ?? 0), 'communication steps'), card(whole(run.max_hops ?? 0), 'hops of the longest message'), card(`${whole(run.bytes_per_core ?? 0)} bytes`, 'of buffers a core'), card(whole(run.colors ?? 0), 'colours'));
  }
  const notes = [];
  if (run.error_bar?.text) notes.push(element('p', {class: 'note'}, 'How sure: ' + run.error_bar.text));
  if (run.evaluator) notes.push(element('p', {class: 'about'}, `Evaluated by ${run.evaluator.name}${run.evaluator.why ? ': ' + run.evaluator.why : ''}.` + (run.kernel_costs ? ` Costs of kernels are ${run.kernel_costs.source === 'measured' ? 'those of the core’s machine code' : 'from the rates that the core declares'}.` : '')));
  if (typeof run.text === 'string') notes.push(element('details', {}, element('summary', {}, 'The text that the model wrote'), element('pre', {tabindex: '0'}, run.text)));
  if (run.alternatives?.length) notes.push(table('What auto compared', ['algorithm', 'cycles', ''], run.alternatives.map(each => [each.algorithm, each.cycles ? number(each.cycles) : '–', element('td', {class: 'long'}, each.problem ?? '')])));
  return section('summary', 'Summary', null, element('div', {class: 'cards'}, ...cards), ...notes);
}

function opsSection(phases) {
  const body = element('div');
  let phase = phases.reduce((most, each) => !most || each.cycles > most.cycles ? each : most, null), isFolded = true;
  const about = 'Sorted by cost. Cycles: how far the op moved the end of the program; they add up to the phase. The bar divides the time of the cores that took part; hidden: communication under way while they computed.';
  if (!phase) return section('ops', 'Ops by cost', about, empty('The run has no ops.'));
  const build = () => {
    const list = [...(isFolded ? phase.families : phase.ops.map(op => ({...op, name: op.op, kinds: [op.kind], count: 1})))].sort((a, b) => b.cycles - a.cycles);
    const rows = list.slice(0, 400).map(op => {
      const all = op.compute + op.communicate + op.wait, part = key => all > 0 ? 100 * op[key] / all : 0;
      return [op.name, element('td', {class: 'text'}, [...op.kinds].join(', ')), whole(op.count), number(op.cycles), percent(op.cycles / phase.cycles),
        element('div', {class: 'stack', title: parts.map(([key, , text]) => `${text} ${part(key).toFixed(1)} %`).join(', ')}, ...parts.map(([key], i) => element('span', {class: 'h' + (i + 1), style: `width:${part(key)}%`}))),
        ...parts.map(([key]) => number(op[key])), number(op.hidden ?? 0)];
    });
    body.replaceChildren(table(`${phase.name}: ${whole(phase.cycles)} cycles, ${phase.time(phase.cycles)}` + (phase.launches > 1 ? `, in ${phase.launches} launches` : '') + (list.length > 400 ? `; the first 400 of ${whole(list.length)}` : ''),
      ['op', 'kinds', 'steps', 'cycles', 'share', '', 'in kernels', 'issuing', 'waiting', 'hidden'], rows));
  };
  build();
  return section('ops', 'Ops by cost', about, element('div', {class: 'controls'},
    phases.length > 1 ? choice('phase', phases.map(each => [each.name, each.name]), phase.name, value => { phase = phases.find(each => each.name === value); build(); }, 'ops-phase') : null,
    checkbox('layers together', true, value => { isFolded = value; build(); }, 'ops-folded'), partsLegend()), body);
}

const sramKinds = ['weights', 'constants', 'kv_cache', 'activations', 'communication', 'host_io'];

function sramSection(run, isModel) {
  const about = 'What cores keep in their SRAM at most, by classes of cores that do so alike, the fullest first. Buffers that are never alive together share bytes, so that kinds may add up to more than the peak.';
  if (!isModel) {
    const budget = run.machine?.sram_bytes;
    return section('sram', 'SRAM', 'What a core keeps in its SRAM.', table('Bytes of a core', ['', 'bytes', 'of what buffers may use'], [['buffers', whole(run.bytes_per_core ?? 0), budget ? percent(run.bytes_per_core / budget) : '–']]),
      element('p', {class: 'about'}, 'The mesh above shows it by core: SRAM in use.'));
  }
  if (!run.sram.length) return section('sram', 'SRAM', about, empty('The run says nothing about SRAM.'));
  const most = Math.max(...run.sram.map(each => Math.max(each.peak_bytes, each.budget_bytes, sramKinds.reduce((sum, kind) => sum + (each.by_kind[kind] ?? 0), 0))));
  const rows = run.sram.slice(0, 200).map(each => [each.class, whole(each.cores),
    element('div', {style: 'position:relative;width:320px'}, element('div', {class: 'stack', style: 'width:100%'}, ...sramKinds.map((kind, i) => element('span', {class: 'h' + (i + 1), title: `${kind}: ${whole(each.by_kind[kind] ?? 0)} bytes`, style: `width:${100 * (each.by_kind[kind] ?? 0) / most}%`}))),
      element('span', {title: 'budget', style: `position:absolute;top:-2px;bottom:-2px;width:3px;background:var(--ink);left:calc(${100 * each.budget_bytes / most}% - 3px)`})),
    ...sramKinds.map(kind => whole(each.by_kind[kind] ?? 0)), whole(each.peak_bytes), percent(each.peak_bytes / each.budget_bytes)]);
  return section('sram', 'SRAM', about, element('p', {}, ...sramKinds.map((kind, i) => element('span', {class: 'key'}, element('span', {class: 'swatch h' + (i + 1)}), kind.replace('_', ' '))), element('span', {class: 'key'}, '┃ budget')),
    table(`Bytes of a core, of a budget of ${whole(run.sram[0].budget_bytes)}`, ['cores', 'how many', '', ...sramKinds.map(kind => kind.replace('_', ' ')), 'peak', 'of the budget'], rows));
}
