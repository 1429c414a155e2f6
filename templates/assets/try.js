/** "Attack it live": the choices, and the search as it runs; long because one form, its pictures and its chart are one page. */
document.addEventListener('DOMContentLoaded', () => {
  const { start, el, radius } = window.rampart;
  const form = document.getElementById('try');
  const field = (name) => form.elements.namedItem(name);
  const part = (selector) => form.querySelector(selector);
  const [images, choices, place, how, params, told, runs, stop, file] = [
    '.images',
    '.choices',
    '.place',
    '#how',
    '.params',
    '.told',
    '.runs',
    '.stop',
    'input[type=file]',
  ].map(part);
  const PAGE = 12;
  document.querySelector('.needs-scripts').remove();
  form.hidden = false;

  let worker;
  let known;
  let from = 0;
  let own;
  let panels = [];
  const answers = [];
  const drawing =
    part('.drawing') &&
    window.rampart.drawing(form, { send: async (message) => (await ready()).postMessage(message), show: draw, choose: takeDrawing });

  const say = (text, refused = false) => {
    told.textContent = text;
    told.classList.toggle('warn', refused);
  };
  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  const indexOf = (select) => JSON.parse(select.selectedOptions[0].dataset.index);
  const nameOf = (c) => known.classNames[c] ?? String(c);

  function busy(now) {
    for (const control of form.elements) control.disabled = now;
    stop.disabled = !now;
    form.dataset.state = now ? 'busy' : 'done';
    form.setAttribute('aria-busy', String(now));
    if (!now && known) {
      field('earlier').disabled = from === 0;
      field('later').disabled = from + PAGE >= known.total;
    }
  }

  /** The worker, started where it is not. */
  async function ready() {
    worker ??= start(form.dataset.root, hear, field('engine').value);
    try {
      return await worker;
    } catch (error) {
      worker = undefined;
      throw error;
    }
  }

  /** Gives an order; resolves with what the worker has done, and throws why it refused. */
  async function order(what) {
    const to = await ready();
    return new Promise((resolve, reject) => {
      answers.push({ resolve, reject });
      to.postMessage(what);
    });
  }

  /** Another engine is another worker. */
  async function changeEngine() {
    const old = worker;
    worker = undefined;
    (await old)?.terminate();
    if (known) drawing?.again();
  }

  function hear(message) {
    if (message.type === 'done') answers.shift()?.resolve(message);
    else if (message.type === 'refused') answers.shift()?.reject(new Error(message.reason));
    else if (message.type === 'status') say(`${message.text[0].toUpperCase()}${message.text.slice(1)} …`);
    else if (message.type === 'drawn') drawing.drawn(message);
    else panels[message.model]?.[message.type](message);
  }

  /** Does `work` with all controls but Stop off. */
  async function during(work) {
    busy(true);
    try {
      await work();
    } catch (error) {
      say(`Refused: ${error.message}`, true);
    }
    busy(false);
  }

  /** Pixels `[h,w,c]` in [0,1] on a canvas. */
  function draw(canvas, pixels) {
    const [h, w, c] = known.shape;
    canvas.width = w;
    canvas.height = h;
    const picture = new ImageData(w, h);
    for (let i = 0; i < h * w; i++) {
      for (let channel = 0; channel < 3; channel++)
        picture.data[4 * i + channel] = Math.round(255 * pixels[i * c + Math.min(channel, c - 1)]);
      picture.data[4 * i + 3] = 255;
    }
    canvas.getContext('2d').putImageData(picture, 0, 0);
  }

  function canvasOf(pixels, text) {
    const canvas = el('canvas', [], text === '' ? { 'aria-hidden': 'true' } : { role: 'img', 'aria-label': text });
    if (pixels) draw(canvas, pixels);
    return canvas;
  }

  async function load() {
    say('Loading the checker …');
    const index = indexOf(field('first'));
    const { images: got } = await order({ type: 'images', index, from, count: PAGE });
    const first = !known;
    if (own && known.shape.join() !== got.shape.join()) forget();
    known = got;
    drawing?.offer(field('first').selectedOptions[0].dataset.drawn !== undefined);
    const taken = own || drawing?.isChosen();
    images.hidden = how.hidden = false;
    field('load').textContent = 'Load the images of this model';
    field('label').replaceChildren(...known.classNames.map((name, c) => el('option', name, { value: String(c) })));
    choices.replaceChildren(
      ...known.choices.map(({ image, label, pixels }, i) => {
        const radio = el('input', [], { type: 'radio', name: 'image', value: String(image), ...(i === 0 && !taken && { checked: '' }) });
        const robust = known.claims
          .filter((claim) => claim.images.includes(image))
          .map(({ threat }) => `${threat.norm} ${radius(threat.eps)}`);
        const claim = robust.length > 0 ? [el('small', ` robust so far: ${robust.join(', ')}`)] : [];
        return el('label', [radio, canvasOf(pixels, ''), el('span', [`${image}: `, el('bdi', nameOf(label)), ...claim])]);
      }),
    );
    place.textContent = `Images ${from + 1} to ${from + known.choices.length} of ${known.total}`;
    say(first ? 'Choose an image and an attack.' : '');
  }

  function forget() {
    own = undefined;
    file.value = '';
  }

  /** The drawing is what is attacked; its figure, where it has one, is its class. */
  function takeDrawing(figure) {
    forget();
    const c = known.classNames.indexOf(figure);
    if (c >= 0) field('label').value = String(c);
    say(`Your drawing is chosen. Its class: ${nameOf(Number(field('label').value))}.`);
  }

  /** The reader's own picture, cut to a square of the network's size. */
  async function bring() {
    own = undefined;
    if (!file.files[0]) return;
    const [h, w, c] = known.shape;
    const bitmap = await createImageBitmap(file.files[0]);
    const side = Math.min(bitmap.width, bitmap.height);
    const canvas = el('canvas', [], { width: String(w), height: String(h) });
    const context = canvas.getContext('2d');
    context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, w, h);
    const { data } = context.getImageData(0, 0, w, h);
    const grey = (i) => Math.round((data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3);
    own = Float32Array.from({ length: h * w * c }, (_, i) => (c === 1 ? grey(i) : data[4 * Math.floor(i / c) + (i % c)]) / 255);
    for (const radio of images.querySelectorAll('input[type=radio]')) radio.checked = false;
    say(`Your image is ${w} by ${h} pixels now. Choose its class.`);
  }

  function showParams() {
    const given = JSON.parse(field('attack').selectedOptions[0].dataset.params);
    params.replaceChildren(
      ...Object.entries(given).map(([name, value]) =>
        el('label', [
          `${name[0].toUpperCase()}${name.slice(1)} `,
          el('input', [], { name, value: String(value), type: 'number', min: '1' }),
        ]),
      ),
    );
  }

  const givenParams = () => Object.fromEntries([...params.querySelectorAll('input')].map((input) => [input.name, Number(input.value)]));

  /** `8/255` or a number. */
  function givenRadius() {
    const [, over, under = '1'] = /^\s*([\d.]+)\s*(?:\/\s*([\d.]+))?\s*$/.exec(field('eps').value) ?? [];
    const eps = Number(over) / Number(under);
    if (!(eps > 0)) throw new Error(`expected a radius such as 8/255, got "${field('eps').value}"`);
    return eps;
  }

  /** Where one model's search is shown. */
  function panelOf(select, run) {
    const { threat } = run;
    const model = select.selectedOptions[0].textContent.replace(/ \([^(]*\)$/, '');
    const index = indexOf(select);
    const title = el('h2', el('bdi', model));
    const texts = ['The image', 'The perturbation, scaled to the full range (grey is no change)', 'The adversarial image'];
    const pictures = texts.map((text) => canvasOf(undefined, text));
    const figures = pictures.map((canvas, i) =>
      el('figure', [canvas, el('figcaption', ['image', 'perturbation, scaled', 'adversarial'][i])]),
    );
    const said = el('p', [], { class: 'said' });
    const saved = el('p', []);
    const engine = el('p', [], { class: 'engine muted' });
    const bars = el('table', [], { class: 'bars' });
    const chart = chartOf();
    const root = el('section', [title, el('div', figures, { class: 'figures' }), said, engine, saved, bars, chart.node], { class: 'run' });
    const state = { original: undefined, losses: [], last: 0 };

    function picture(point) {
      const delta = point.map((v, i) => v - state.original[i]);
      const largest = delta.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      draw(pictures[1], largest > 0 ? delta.map((v) => 0.5 + v / (2 * largest)) : delta.fill(0.5));
      draw(pictures[2], point);
    }

    function probabilities(values) {
      const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 5);
      bars.replaceChildren(
        el('caption', 'Most probable classes'),
        el(
          'tbody',
          order.map((c) => {
            const meter = el('meter', [], { min: '0', max: '1', value: String(values[c]), 'aria-label': nameOf(c) });
            return el(
              'tr',
              [el('th', el('bdi', nameOf(c)), { scope: 'row' }), el('td', meter), el('td', percent(values[c]), { class: 'n' })],
              c === state.label ? { class: 'right' } : {},
            );
          }),
        ),
      );
    }

    /** A file of the find, for `rampart validate-results`. */
    async function save({ point, prediction }) {
      const { file: made } = await order({
        ...run,
        type: 'save',
        index,
        image: run.chosen.image,
        point,
        prediction,
        finder: field('finder').value.trim(),
      });
      const url = URL.createObjectURL(new Blob([made.bytes], { type: 'application/octet-stream' }));
      el('a', [], { href: url, download: made.name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      say(`Saved as ${made.name}.`);
    }

    return {
      root,
      begun({ engine: used, original, label }) {
        engine.textContent = `Engine: ${used}.`;
        Object.assign(state, { original, label });
        draw(pictures[0], original);
        picture(original);
      },
      step({ pass, loss, probabilities: values, point }) {
        state.losses.push(loss);
        if (!point) return;
        picture(point);
        probabilities(values);
        chart.draw(state.losses);
        said.textContent = `Pass ${pass}: loss ${loss.toPrecision(3)}`;
      },
      ended({ outcome, point, distance, prediction, probabilities: values, passes, margin }) {
        picture(point);
        probabilities(values);
        chart.draw(state.losses);
        const size = `${threat.norm} distance ${Number(distance.toPrecision(4))} of ${radius(threat.eps)}`;
        const spent = `${passes.forward} forward and ${passes.backward} backward passes`;
        const now = `${nameOf(prediction)} (${percent(values[prediction])})`;
        root.dataset.outcome = outcome;
        if (outcome === 'broken' && run.chosen.image !== undefined) {
          const button = el('button', 'Save as a counterexample', { type: 'button' });
          button.addEventListener('click', () => during(() => save({ point, prediction })));
          saved.append(button);
        }
        if (outcome === 'wrong') said.textContent = `Wrong without an attack: ${now} where ${nameOf(state.label)} is right.`;
        else if (outcome === 'broken') said.textContent = `Broken after ${spent}: ${nameOf(state.label)} became ${now}, ${size}, checked.`;
        else said.textContent = `Still right after ${spent}: ${now}, by a margin of ${margin.toPrecision(3)}.`;
      },
    };
  }

  /** Loss against passes; above 0 the point is misclassified. */
  function chartOf() {
    const [width, height, left, top] = [360, 130, 44, 10];
    const svg = (name, attributes, content = []) => {
      const node = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.append(...[content].flat());
      return node;
    };
    const node = svg('svg', {
      viewBox: `0 0 ${width} ${height + 34}`,
      role: 'img',
      class: 'loss',
      'aria-label': 'Loss against passes of the search',
    });
    return {
      node,
      draw(losses) {
        const low = Math.min(0, ...losses);
        const high = Math.max(0.1, ...losses);
        const x = (i) => left + ((width - left - 8) * i) / Math.max(1, losses.length - 1);
        const y = (v) => top + (height - top) * (1 - (v - low) / (high - low));
        const label = (text, at, anchor = 'end') => svg('text', { ...at, 'text-anchor': anchor }, text);
        node.replaceChildren(
          svg('line', { x1: left, x2: width - 8, y1: y(0), y2: y(0), class: 'zero' }),
          label('0', { x: left - 6, y: y(0) + 4 }),
          ...(y(low) - y(0) > 14 ? [label(low.toPrecision(2), { x: left - 6, y: y(low) + 4 })] : []),
          ...(y(0) - y(high) > 14 ? [label(high.toPrecision(2), { x: left - 6, y: y(high) + 4 })] : []),
          label(`loss (largest other logit minus the right one), ${losses.length} passes`, { x: width - 8, y: height + 22 }),
          svg('polyline', { points: losses.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(' ') }),
        );
        node.setAttribute(
          'aria-label',
          `Loss against ${losses.length} passes: from ${losses[0]?.toPrecision(3)} to ${losses.at(-1)?.toPrecision(3)}; above 0 the point is misclassified`,
        );
      },
    };
  }

  async function attack() {
    const threat = { norm: field('norm').value, eps: givenRadius() };
    const selects = [field('first'), field('second')].filter((select) => select.value !== '');
    const picked = choices.querySelector('input:checked');
    const mine = drawing?.isChosen() ? await drawing.image() : own;
    if (!picked && !mine) throw new Error('choose an image first');
    const run = {
      models: selects.map(indexOf),
      chosen: mine ? { own: { pixels: mine, label: Number(field('label').value) } } : { image: Number(picked.value) },
      attack: { name: field('attack').value, params: givenParams() },
      threat,
      seed: field('seed').value,
    };
    panels = selects.map((select) => panelOf(select, run));
    runs.replaceChildren(...panels.map(({ root }) => root));
    say('Searching …');
    const { ms, stopped } = await order({ type: 'attack', ...run });
    say(`${stopped ? 'Stopped' : 'Done'} after ${(ms / 1000).toFixed(1)} s.`);
  }

  field('attack').addEventListener('change', showParams);
  field('first').addEventListener('change', () => {
    from = 0;
    if (known) during(load);
  });
  field('load').addEventListener('click', () => during(load));
  for (const [name, step] of [
    ['earlier', -PAGE],
    ['later', PAGE],
  ])
    field(name).addEventListener('click', () => {
      from = Math.max(0, from + step);
      during(load);
    });
  file.addEventListener('change', () => during(bring));
  choices.addEventListener('change', forget);
  field('engine').addEventListener('change', () => during(changeEngine));
  stop.addEventListener('click', async () => (await worker)?.postMessage({ type: 'stop' }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    during(attack);
  });

  // a link may choose the model and the attack
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const [name, key] of [
    ['first', 'model'],
    ['attack', 'attack'],
  ]) {
    const wanted = [...field(name).options].find((option) => option.value === asked.get(key));
    if (wanted) field(name).value = wanted.value;
  }
  showParams();
  busy(false);
});
