// What is computed from points: the front, how much each axis matters. No drawing here.

/** Which of `rows` no other beats. `costs`: functions of a row; smaller is better. Of equal rows, the first. */
function nonDominated(rows, costs) {
  const points = rows.map(row => costs.map(cost => cost(row)));
  const order = points.map((_, i) => i).sort((a, b) => {
    for (let k = 0; k < costs.length; ++k)
      if (points[a][k] !== points[b][k]) return points[a][k] - points[b][k];
    return a - b;
  });
  const front = [];
  for (const i of order) {
    // Once sorted, whoever beats it comes before it; an equal one is as good.
    if (!front.some(j => points[j].every((part, k) => part <= points[i][k]))) front.push(i);
  }
  return front.map(i => rows[i]);
}

/**
 * Values in groups: each distinct one, or of many numbers the eighths, of many texts the most frequent ones and the
 * others.
 */
function groupsOf(values, most = 12) {
  const distinct = [...new Set(values)];
  const isNumeric = distinct.every(value => typeof value === 'number');
  if (isNumeric) distinct.sort((a, b) => a - b);
  if (distinct.length > most && !isNumeric) {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    const kept = new Set([...counts].sort((a, b) => b[1] - a[1]).slice(0, most - 1).map(([value]) => value));
    return groupsOf(values.map(value => kept.has(value) ? value : 'others'), most);
  }
  if (distinct.length <= most) {
    const index = new Map(distinct.map((value, i) => [value, i]));
    return {
      names: distinct.map(value => isNumeric ? number(value) : String(value)),
      of: values.map(value => index.get(value))
    };
  }
  const sorted = [...values].sort((a, b) => a - b), edges = [];
  for (let i = 1; i < 8; ++i) edges.push(sorted[Math.floor(i * sorted.length / 8)]);
  const unique = [...new Set(edges)];
  const of = values.map(value => unique.findIndex(edge => value < edge)).map(i => i < 0 ? unique.length : i);
  const low = [sorted[0], ...unique], high = [...unique, sorted[sorted.length - 1]];
  return {names: low.map((edge, i) => number(edge) + '–' + number(high[i])), of};
}

/**
 * How much of the variance of `results` lies between the groups of an input: the correlation ratio, or first-order
 *  share. `chance`: what it is on average if the input does not matter, (groups - 1) / (points - 1).
 */
function varianceShare(groups, results) {
  const count = groups.names.length, sums = new Array(count).fill(0), sizes = new Array(count).fill(0);
  const low = new Array(count).fill(Infinity), high = new Array(count).fill(-Infinity);
  let all = 0;
  results.forEach((value, i) => {
    const g = groups.of[i];
    sums[g] += value;
    ++sizes[g];
    all += value;
    low[g] = Math.min(low[g], value);
    high[g] = Math.max(high[g], value);
  });
  const mean = all / results.length, means = sums.map((sum, g) => sizes[g] ? sum / sizes[g] : NaN);
  let between = 0, total = 0;
  means.forEach((m, g) => {
    if (sizes[g]) between += sizes[g] * (m - mean) ** 2;
  });
  for (const value of results) total += (value - mean) ** 2;
  const used = sizes.filter(size => size > 0).length;
  return {
    share: total > 0 ? between / total : 0,
    chance: results.length > 1 ? (used - 1) / (results.length - 1) : 0,
    means,
    sizes,
    low,
    high,
    mean
  };
}

/** A field of CSV; a list is in it as JSON. */
function csvField(value) {
  const text = value === null || value === undefined ? '' :
      typeof value === 'object'                      ? JSON.stringify(value) :
                                                       String(value);
  return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}

/** A complete hardware description: the base's values in the schema's order, with those of a point instead. */
function hardwareYaml(base, changes, name) {
  const lines = [], open = [];
  for (const [path, text] of base) {
    const value = path === 'name' ? name : path in changes ? JSON.stringify(changes[path]) : text;
    if (value === '') continue;
    const parts = path.split('.');
    let depth = 0;
    while (depth < parts.length - 1 && open[depth] === parts[depth]) ++depth;
    open.length = depth;
    for (; depth < parts.length - 1; ++depth) {
      lines.push('  '.repeat(depth) + parts[depth] + ':');
      open.push(parts[depth]);
    }
    lines.push('  '.repeat(depth) + parts[depth] + ': ' + value);
  }
  return lines.join('\n') + '\n';
}
