// A canvas with axes. Positions are CSS pixels.

class Scale {
  /** Of numbers; `categories`: they are indices into these names. */
  constructor(low, high, {log = false, categories = null} = {}) {
    this.categories = categories;
    this.log = log && low > 0;
    if (categories) [low, high] = [-0.5, categories.length - 0.5];
    else if (low === high) [low, high] = this.log ? [low / 2, low * 2] : low === 0 ? [-1, 1] : [low - Math.abs(low) * 0.1, low + Math.abs(low) * 0.1];
    else if (this.log) { const pad = Math.pow(high / low, 0.04); [low, high] = [low / pad, high * pad]; }
    else { const pad = (high - low) * 0.04; [low, high] = [low >= 0 && low - pad < 0 ? low - Math.min(pad, low) : low - pad, high + pad]; }
    [this.low, this.high] = [low, high];
  }
  /** From 0 to 1. */
  share(value) {
    return this.log ? Math.log(value / this.low) / Math.log(this.high / this.low) : (value - this.low) / (this.high - this.low);
  }
  value(share) {
    return this.log ? this.low * Math.pow(this.high / this.low, share) : this.low + share * (this.high - this.low);
  }
  ticks(count) {
    if (this.categories) {
      const step = Math.ceil(this.categories.length / Math.max(count * 1.6, 2));
      return this.categories.map((text, i) => [i, text]).filter(([i]) => i % step === 0);
    }
    if (this.log) {
      const found = [];
      const decades = Math.log10(this.high / this.low);
      const parts = decades > 4 ? [1] : decades > 1.5 ? [1, 3] : decades > 0.6 ? [1, 2, 5] : null;
      if (parts) {
        for (let power = Math.floor(Math.log10(this.low)); power <= Math.ceil(Math.log10(this.high)); ++power)
          for (const part of parts) {
            const at = part * Math.pow(10, power);
            if (at >= this.low && at <= this.high) found.push([at, number(at)]);
          }
        const step = Math.ceil(found.length / (count + 2));
        return found.filter((_, i) => i % step === 0);
      }
    }
    const raw = (this.high - this.low) / Math.max(count, 1), power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 2.5, 5, 10].map(part => part * power).find(part => part >= raw);
    const found = [];
    for (let i = Math.ceil(this.low / step); i * step <= this.high + step * 1e-9; ++i) found.push([i * step, number(Number((i * step).toPrecision(12)))]);
    return found;
  }
}

class Chart {
  /** `draw(context, chart)` paints what lies between the axes. */
  constructor({height, label, left = 78, right = 18, top = 14, bottom = 50, layers = 1}) {
    Object.assign(this, {height, left, right, top, bottom});
    this.root = element('div', {class: 'plot', style: `height:${height}px`});
    this.canvases = [];
    for (let i = 0; i < layers; ++i) {
      const canvas = element('canvas', i + 1 === layers ? {tabindex: '0', role: 'img', 'aria-label': label} : {'aria-hidden': 'true'});
      if (i) canvas.className = 'over';
      this.canvases.push(canvas);
      this.root.append(canvas);
    }
    this.surface = this.canvases[layers - 1];
    new ResizeObserver(() => { if (this.root.clientWidth !== this.width) this.paint?.(); }).observe(this.root);
    onRepaint(() => this.paint?.());
  }
  setHeight(height) {
    this.height = height;
    this.root.style.height = height + 'px';
  }
  /** A cleared context of a layer at the screen's resolution. */
  begin(layer = 0) {
    const canvas = this.canvases[layer], ratio = printing ? 2 : devicePixelRatio || 1;
    this.width = this.root.clientWidth;
    const width = Math.round(this.width * ratio), height = Math.round(this.height * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.height = this.height + 'px';
    }
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    return context;
  }
  get innerWidth() { return Math.max(10, this.width - this.left - this.right); }
  get innerHeight() { return this.height - this.top - this.bottom; }
  x(share) { return this.left + share * this.innerWidth; }
  y(share) { return this.top + (1 - share) * this.innerHeight; }

  axes(context, xScale, yScale, xLabel, yLabel) {
    context.strokeStyle = cssColor('--grid');
    context.fillStyle = cssColor('--soft');
    context.lineWidth = 1;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const [value, text] of xScale.ticks(Math.max(2, this.innerWidth / 95))) {
      const at = this.x(xScale.share(value));
      line(context, at, this.top, at, this.height - this.bottom);
      context.fillText(clip(context, text, 110), at, this.height - this.bottom + 6);
    }
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const [value, text] of yScale.ticks(Math.max(2, this.innerHeight / 55))) {
      const at = this.y(yScale.share(value));
      line(context, this.left, at, this.width - this.right, at);
      context.fillText(clip(context, text, this.left - 26), this.left - 6, at);
    }
    context.strokeStyle = cssColor('--faint');
    context.strokeRect(this.left, this.top, this.innerWidth, this.innerHeight);
    context.fillStyle = cssColor('--ink');
    context.textAlign = 'center';
    context.textBaseline = 'bottom';
    context.fillText(clip(context, xLabel, this.innerWidth), this.left + this.innerWidth / 2, this.height - 6);
    context.save();
    context.translate(13, this.top + this.innerHeight / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = 'middle';
    context.fillText(clip(context, yLabel, this.innerHeight), 0, 0);
    context.restore();
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Text that is cut to fit. */
function clip(context, text, width) {
  text = String(text);
  if (context.measureText(text).width <= width) return text;
  while (text.length > 1 && context.measureText(text + '…').width > width) text = text.slice(0, -1);
  return text + '…';
}

function positionIn(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
