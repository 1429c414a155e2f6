/** Compares two models: loads their outcomes, tests the difference image by image, and keeps the choice in the URL's fragment. */
(() => {
  document.documentElement.classList.add('js');
  const models = new Map();
  window.rampart = { add: (slug, data) => models.set(slug, data) };

  function load(slug) {
    if (models.has(slug)) return Promise.resolve(models.get(slug));
    return new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = `data/${slug}.js`;
      script.onload = () => resolve(models.get(slug));
      script.onerror = () => reject(new Error(`data/${slug}.js cannot be read`));
      document.head.append(script);
    });
  }

  /** Exact two-sided McNemar p-value: the tail of a fair coin's binomial, from its largest term down. */
  function mcnemar(b, c) {
    const n = b + c;
    const k = Math.min(b, c);
    let log = -n * Math.LN2;
    for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
    let term = Math.exp(log);
    let sum = 0;
    for (let i = k; i >= 0 && term > sum * 1e-18; i--) {
      sum += term;
      term *= i / (n - i + 1);
    }
    return Math.min(1, 2 * sum);
  }

  const percent = (k, n) => (n > 0 ? ((100 * k) / n).toFixed(1) : '–');
  const right = (outcomes) => outcomes.filter((c) => c === '1').length;

  /** Outcomes of two models on the images that both have: joined on the image's index in the test set. */
  function joined(x, y, first = '', second = '') {
    const imageOf = (data, place) => (data.images ? data.images[place] : place);
    const others = new Map([...second].map((outcome, place) => [imageOf(y, place), outcome]));
    const both = [...first].map((outcome, place) => ({ image: imageOf(x, place), a: outcome, label: x.labels[place] }));
    return both.flatMap((entry) => {
      const b = others.get(entry.image) ?? '-';
      return entry.a === '-' || b === '-' ? [] : [{ ...entry, b }];
    });
  }

  function el(name, content, attributes = {}) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...[content].flat());
    return node;
  }

  function table(caption, headings, rows) {
    const head = el(
      'thead',
      el(
        'tr',
        headings.map((h, i) => el('th', h, i > 0 ? { scope: 'col', class: 'n' } : { scope: 'col' })),
      ),
    );
    const body = el(
      'tbody',
      rows.map((row) =>
        el(
          'tr',
          row.map((cell, i) => (i === 0 ? el('th', el('bdi', cell), { scope: 'row' }) : el('td', cell, { class: 'n' }))),
        ),
      ),
    );
    const region = el('div', el('table', [el('caption', caption), head, body]), {
      class: 'scroll',
      role: 'region',
      'aria-label': caption,
      tabindex: '0',
    });
    return region;
  }

  function imageList(title, entries, model) {
    const items = entries.slice(0, 200).map(({ image, label }) => el('li', el('bdi', `${image} (${model.classNames[label] ?? '?'})`)));
    const more = entries.length > 200 ? [el('p', `and ${entries.length - 200} more`)] : [];
    return el('section', [el('h3', el('bdi', title)), el('ul', items, { class: 'images' }), ...more]);
  }

  function report(board, on, a, b) {
    const [x, y] = [a.boards[board], b.boards[board]];
    const outcomes = (data) => (on === 'worst' ? data.worst : new Map(data.attacks).get(on));
    const shown = joined(x, y, outcomes(x), outcomes(y));
    const onlyA = shown.filter((e) => e.a === '1' && e.b === '0');
    const onlyB = shown.filter((e) => e.a === '0' && e.b === '1');
    const p = mcnemar(onlyA.length, onlyB.length);
    const better = onlyA.length > onlyB.length ? a.name : b.name;
    const verdict =
      p <= 0.05
        ? [el('bdi', better), ` is better on these images (p ${p < 0.001 ? '< 0.001' : p.toFixed(3)}).`]
        : [`The data do not separate the two (p ${p.toFixed(p < 0.1 ? 3 : 2)}).`];
    const line = el(
      'p',
      [
        ...verdict,
        ` Exact McNemar test on ${shown.length} images: only the first is right on ${onlyA.length}, only the second on ${onlyB.length}. This is one test; the table's ranks correct for all pairs.`,
      ],
      { class: 'headline' },
    );
    const shared = x.attacks.map(([name]) => name).filter((name) => y.attacks.some(([other]) => other === name));
    const rows = [
      ['Worst case, %', ...both(joined(x, y, x.worst, y.worst))],
      ...shared.map((name) => [`${name}, %`, ...both(joined(x, y, new Map(x.attacks).get(name), new Map(y.attacks).get(name)))]),
      ['Rank', x.rank ?? '–', y.rank ?? '–', '', ''],
      ['Training passes', String(a.passes), String(b.passes), a.passes > 0 ? `× ${(b.passes / a.passes).toFixed(2)}` : '', ''],
      [
        'Training time, s',
        (a.wallMs / 1000).toFixed(0),
        (b.wallMs / 1000).toFixed(0),
        a.wallMs === 0 ? '' : a.device === b.device ? `× ${(b.wallMs / a.wallMs).toFixed(2)}` : 'not of the same device',
        '',
      ],
      ['Trained on', a.wallMs > 0 ? a.device : '–', b.wallMs > 0 ? b.device : '–', '', ''],
      ['Parameters', String(a.parameters), String(b.parameters), '', ''],
    ];
    const side = table(
      'Side by side',
      ['Result', a.name, b.name, 'Second − first', 'Images'].map((t) => el('bdi', t)),
      rows,
    );
    const lists = el(
      'div',
      [imageList(`Only ${a.name} is right (${onlyA.length})`, onlyA, a), imageList(`Only ${b.name} is right (${onlyB.length})`, onlyB, b)],
      { class: 'split' },
    );
    return [line, side, el('h2', 'Images on which they differ'), lists];
  }

  /** Accuracies on the images that both have, their difference, and how many images these are. */
  function both(entries) {
    const n = entries.length;
    const [k, l] = [right(entries.map((e) => e.a)), right(entries.map((e) => e.b))];
    return [percent(k, n), percent(l, n), n > 0 ? ((100 * (l - k)) / n).toFixed(1) : '', String(n)];
  }

  document.addEventListener('DOMContentLoaded', () => {
    const form = document.getElementById('pick');
    const result = document.getElementById('result');
    const fields = form.elements;
    const read = () => new URLSearchParams(location.hash.slice(1));

    function fill(wanted) {
      const options = () =>
        [...document.getElementById(`models-${fields.board.value}`).querySelectorAll('option')].map((o) => o.cloneNode(true));
      fields.a.replaceChildren(...options());
      fields.b.replaceChildren(...options());
      const known = [...fields.a.options].map((o) => o.value);
      fields.a.value = known.includes(wanted.get('a')) ? wanted.get('a') : known[0];
      fields.b.value = known.includes(wanted.get('b')) ? wanted.get('b') : known[Math.min(1, known.length - 1)];
    }

    async function show(wanted) {
      if (!fields.a.value || !fields.b.value) return;
      try {
        const [a, b] = await Promise.all([load(fields.a.value), load(fields.b.value)]);
        const board = fields.board.value;
        const names = a.boards[board].attacks
          .map(([name]) => name)
          .filter((name) => b.boards[board].attacks.some(([other]) => other === name));
        const before = wanted ?? fields.on.value;
        fields.on.replaceChildren(
          el('option', 'worst case', { value: 'worst' }),
          ...names.map((name) => el('option', name, { value: name })),
        );
        fields.on.value = names.includes(before) ? before : 'worst';
        result.replaceChildren(...report(board, fields.on.value, a, b));
      } catch (error) {
        result.replaceChildren(el('p', error.message, { class: 'warn' }));
      }
    }

    function restore() {
      const wanted = read();
      if ([...fields.board.options].some((o) => o.value === wanted.get('board'))) fields.board.value = wanted.get('board');
      fill(wanted);
      return show(wanted.get('on') ?? 'worst');
    }

    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', async (event) => {
      if (event.target.name === 'board') fill(new URLSearchParams({ a: fields.a.value, b: fields.b.value }));
      await show();
      const state = new URLSearchParams({ board: fields.board.value, a: fields.a.value, b: fields.b.value, on: fields.on.value });
      history.replaceState(null, '', `#${state}`);
    });
    addEventListener('hashchange', restore);
    restore();
  });
})();
