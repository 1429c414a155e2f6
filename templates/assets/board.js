/** The leaderboard's table: sorts, filters and hides columns, and keeps the view in the URL's fragment so that it can be shared. */
(() => {
  const root = document.documentElement;
  // Nothing of the table is seen before it is sorted, or a slow browser would paint it twice.
  root.classList.add('js', 'pending');
  const defaults = (root.dataset.hide || '').split(' ').filter(Boolean).map(Number);
  const style = document.createElement('style');
  document.head.append(style);

  function hideColumns(hidden) {
    const selectors = hidden.map((i) => `#board tr>:nth-child(${i + 1})`);
    const rules = selectors.length > 0 ? `@media screen{${selectors.join()}{display:none}}` : '';
    // The same text again would still make the browser style every cell anew.
    if (style.textContent !== rules) style.textContent = rules;
  }

  function read() {
    const state = new URLSearchParams(location.hash.slice(1));
    return {
      q: state.get('q') || '',
      arch: state.get('arch') || '',
      defense: state.get('defense') || '',
      attack: state.get('attack') || '',
      flag: state.get('flag') || '',
      sort: state.get('sort') || '',
      down: state.get('dir') === 'desc',
      hide: state.has('hide') ? state.get('hide').split('.').filter(Boolean).map(Number) : defaults,
    };
  }

  // Before the table is parsed, so that no column is painted and taken away again.
  hideColumns(read().hide);

  document.addEventListener('DOMContentLoaded', () => {
    const table = document.getElementById('board');
    const form = document.getElementById('controls');
    const headings = [...table.tHead.rows[0].cells];
    const keys = headings.map((h) => h.dataset.key);
    const at = (key) => keys.indexOf(key);
    const rows = [...table.tBodies[0].rows].map((row, order) => {
      const cells = [...row.cells].map((c) => ({ text: c.textContent.trim(), sort: c.dataset.s }));
      return {
        row,
        order,
        cells,
        text: cells
          .map((c) => c.text)
          .join('\n')
          .toLowerCase(),
      };
    });
    let state = read();
    let ordered = rows;
    let later = 0;

    function value(entry, column) {
      const { text, sort } = entry.cells[column];
      if (sort !== undefined) return Number(sort);
      const number = Number.parseFloat(text.replace('−', '-'));
      if (headings[column].classList.contains('n')) return Number.isNaN(number) ? undefined : number;
      return text.toLowerCase();
    }

    function sortRows() {
      const column = at(state.sort);
      ordered = [...rows];
      if (column >= 0) {
        ordered.sort((a, b) => {
          const [x, y] = [value(a, column), value(b, column)];
          if (x === y) return a.order - b.order;
          if (x === undefined) return 1;
          if (y === undefined) return -1;
          return (x < y ? -1 : 1) * (state.down ? -1 : 1);
        });
      }
      table.tBodies[0].append(...ordered.map((r) => r.row));
      headings.forEach((h, i) => {
        if (i === column) h.setAttribute('aria-sort', state.down ? 'descending' : 'ascending');
        else h.removeAttribute('aria-sort');
      });
    }

    function passes(entry) {
      const text = (key) => entry.cells[at(key)].text;
      const flags = text('flags')
        .split(' ')
        .filter((f) => f && f !== '–');
      if (state.q && !entry.text.includes(state.q.trim().toLowerCase())) return false;
      if (state.arch && text('architecture') !== state.arch) return false;
      if (state.defense && text('defense') !== state.defense) return false;
      if (state.flag && (state.flag === '-' ? flags.length > 0 : !flags.includes(state.flag))) return false;
      const attack = state.attack ? at(state.attack) : -1;
      return attack < 0 || /^[0-9]/.test(entry.cells[attack].text);
    }

    function reveal(entries) {
      for (const { row } of entries) if (row.hidden) row.hidden = false;
    }

    /** Rows beyond the first screens come back a moment later, so that typing is answered at once. */
    function filterRows() {
      clearTimeout(later);
      const kept = ordered.filter(passes);
      const keep = new Set(kept);
      for (const entry of rows) if (!keep.has(entry) && !entry.row.hidden) entry.row.hidden = true;
      reveal(kept.slice(0, 50));
      later = setTimeout(reveal, 30, kept.slice(50));
      form.elements.count.value = kept.length === rows.length ? '' : `${kept.length} of ${rows.length} models`;
    }

    function columns() {
      const attack = state.attack ? at(state.attack) : -1;
      const others = attack < 0 ? [] : headings.flatMap((h, i) => ('attack' in h.dataset && i !== attack ? [i] : []));
      hideColumns([...new Set([...state.hide, ...others])].filter((i) => i !== attack));
    }

    function showForm() {
      for (const name of ['q', 'arch', 'defense', 'attack', 'flag']) form.elements[name].value = state[name];
      for (const box of form.querySelectorAll('[name=col]')) box.checked = !state.hide.includes(Number(box.value));
    }

    function show() {
      sortRows();
      filterRows();
      columns();
    }

    function save() {
      const next = new URLSearchParams();
      for (const name of ['q', 'arch', 'defense', 'attack', 'flag']) if (state[name]) next.set(name, state[name]);
      if (state.sort) next.set('sort', state.sort);
      if (state.sort && state.down) next.set('dir', 'desc');
      if (state.hide.join() !== defaults.join()) next.set('hide', state.hide.join('.'));
      const hash = next.toString();
      history.replaceState(null, '', hash ? `#${hash}` : '#');
    }

    headings.forEach((heading, i) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener('click', () => {
        const numeric = heading.classList.contains('n') && keys[i] !== 'rank';
        if (state.sort === keys[i]) state.down = !state.down;
        else Object.assign(state, { sort: keys[i], down: numeric });
        sortRows();
        save();
      });
    });
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => {
      for (const name of ['q', 'arch', 'defense', 'attack', 'flag']) state[name] = form.elements[name].value;
      state.hide = [...form.querySelectorAll('[name=col]')].filter((box) => !box.checked).map((box) => Number(box.value));
      filterRows();
      columns();
      save();
    });
    form.addEventListener('reset', (event) => {
      event.preventDefault();
      history.replaceState(null, '', '#');
      state = read();
      showForm();
      show();
    });
    addEventListener('hashchange', () => {
      state = read();
      showForm();
      show();
    });
    showForm();
    show();
    root.classList.remove('pending');
  });
})();
