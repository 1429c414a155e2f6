/** "Check it here" on a model's page: orders the check, shows how far it is and what was found. */
document.addEventListener('DOMContentLoaded', () => {
  const section = document.getElementById('check');
  const { start, el, radius } = window.rampart;
  const part = (selector) => section.querySelector(selector);
  const [go, stop, file, engine, bar, told, found] = ['.go', '.stop', 'input', 'select', 'progress', '.told', '.found'].map(part);
  const cellRows = part('.cells tbody');
  const imageRows = part('.each tbody');
  const ORDER = ['disputed', 'edge', 'confirmed'];
  const NAMES = { confirmed: 'confirmed', edge: 'on the edge', disputed: 'disputed' };
  part('.needs-scripts').remove();
  part('.checker').hidden = false;

  let worker;
  let run;

  const sum = ({ confirmed, edge, disputed }) => `${confirmed} confirmed, ${edge} on the edge, ${disputed} disputed`;
  const number = (x, digits) => (x === undefined ? '–' : String(Number(x.toPrecision(digits))));
  const say = (text, refused = false) => {
    told.textContent = text;
    told.classList.toggle('warn', refused);
  };

  function busy(now) {
    go.disabled = file.disabled = engine.disabled = now;
    stop.disabled = !now;
    section.dataset.state = now ? 'busy' : 'done';
    section.setAttribute('aria-busy', String(now));
  }

  function opened({ engine: used, cells, total, classNames }) {
    part('.engine').textContent = `Engine: ${used}.`;
    run = { total, classNames, cells: cells.map((cell) => ({ ...cell, checked: 0, confirmed: 0, edge: 0, disputed: 0 })) };
    bar.max = Math.max(1, total);
    imageRows.replaceChildren(...ORDER.map((verdict) => el('tr', [], { hidden: '', 'data-until': verdict })));
    found.hidden = false;
    showCells();
    say(`The weights have the SHA-256 of the record. Checking ${total} images.`);
  }

  function showCells() {
    cellRows.replaceChildren(
      ...run.cells.map((cell) =>
        el('tr', [
          el('th', el('bdi', cell.attack), { scope: 'row' }),
          el('td', `${cell.threat.norm} ${radius(cell.threat.eps)}`),
          el('td', `${cell.broken} of ${cell.n}`, { class: 'n' }),
          ...['checked', 'confirmed', 'edge', 'disputed'].map((key) => el('td', String(cell[key]), { class: 'n', 'data-key': key })),
        ]),
      ),
    );
  }

  function showImage(cell, { image, label, prediction, distance, margin, verdict, reason }) {
    const name = (c) => (c === undefined ? '–' : (run.classNames[c] ?? String(c)));
    const said = el('td', [el('strong', NAMES[verdict]), ...(reason ? [`: ${reason}`] : [])], { class: `verdict ${verdict}` });
    const cells = [
      el('th', String(image), { scope: 'row' }),
      el('td', el('bdi', cell.attack)),
      el('td', el('bdi', name(label))),
      el('td', el('bdi', name(prediction))),
      el('td', number(distance, 3), { class: 'n' }),
      el('td', number(margin, 3), { class: 'n' }),
      said,
    ];
    imageRows.querySelector(`[data-until=${verdict}]`).before(el('tr', cells, { 'data-verdict': verdict }));
  }

  function images({ cell: index, results, done, counts }) {
    const cell = run.cells[index];
    for (const result of results) {
      cell.checked++;
      cell[result.verdict]++;
      showImage(cell, result);
    }
    run.counts = counts;
    run.done = done;
    bar.value = done;
    showCells();
    say(`${done} of ${run.total} images: ${sum(counts)}.`);
  }

  /** The worker has nothing more to do. */
  function end(text, refused) {
    say(text, refused);
    worker?.terminate();
    worker = undefined;
    busy(false);
  }

  const TOLD = {
    status: ({ text }) => say(`${text[0].toUpperCase()}${text.slice(1)} …`),
    opened,
    images,
    refused: ({ reason }) => end(`Refused: ${reason}`, true),
    done({ ms, stopped, counts }) {
      const { done, total } = { done: 0, ...run };
      const time = `${(ms / 1000).toFixed(1)} s`;
      const open = counts.disputed > 0 ? ' See image by image for the reasons.' : '';
      end(`${stopped ? `Stopped after ${done} of ${total} images` : `All ${total} images checked`} in ${time}: ${sum(counts)}.${open}`);
    },
  };

  go.addEventListener('click', async () => {
    busy(true);
    found.hidden = true;
    bar.removeAttribute('value');
    say('Loading the checker …');
    try {
      const [own] = file.files;
      worker = await start(section.dataset.root, (message) => TOLD[message.type]?.(message), engine.value);
      const weights = own && new Uint8Array(await own.arrayBuffer());
      worker.postMessage({ type: 'check', index: JSON.parse(section.dataset.index), weights });
    } catch (error) {
      end(`Refused: ${error.message}`, true);
    }
  });
  stop.addEventListener('click', () => worker?.postMessage({ type: 'stop' }));
});
