/** The quiz: asks, counts and shows the score. Nothing leaves the page. */
document.addEventListener('DOMContentLoaded', () => {
  const section = document.getElementById('quiz');
  const { folder, classNames, questions, models } = JSON.parse(section.dataset.quiz);
  const part = (selector) => section.querySelector(selector);
  const [intro, ask, score, place, image, classes] = ['.intro', '.ask', '.score', '.place', '.picture img', '.classes'].map(part);
  const FORMS = ['clean', 'near', 'far'];
  const NAMES = { clean: 'clean', near: 'adversarial', far: 'at four times the radius' };
  document.querySelector('.needs-scripts').remove();
  section.hidden = false;

  let asked = [];
  let answers = [];

  function el(name, content = [], attributes = {}) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...[content].flat());
    return node;
  }

  function shuffled(list) {
    const all = [...list];
    for (let i = all.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [all[i], all[j]] = [all[j], all[i]];
    }
    return all;
  }

  const source = ({ at, form }) => `${folder}/${questions[at].image}-${form}.png`;

  function begin() {
    const forms = shuffled(questions.map((_, i) => FORMS[i % FORMS.length]));
    asked = shuffled(questions.map((_, at) => ({ at, form: forms[at] })));
    answers = [];
    intro.hidden = score.hidden = true;
    ask.hidden = false;
    show();
    part('.classes button, .classes select').focus();
  }

  function show() {
    const number = answers.length + 1;
    image.src = source(asked[answers.length]);
    image.alt = `The image of question ${number}`;
    place.textContent = `Question ${number} of ${asked.length}`;
  }

  function answer(label) {
    answers.push(label);
    if (answers.length < asked.length) show();
    else end();
  }

  const isRight = (i) => answers[i] === questions[asked[i].at].label;
  const share = (right, n) => (n === 0 ? '–' : `${right} of ${n}`);

  /** Right ones among the asked of a form; `outcome` says of a question `1`, `0` or `-`. */
  function counted(form, outcome) {
    const known = answers.flatMap((_, i) => (asked[i].form === form ? [outcome(i)] : [])).filter((one) => one !== '-');
    return share(known.filter((one) => one === '1').length, known.length);
  }

  function row(name, outcomeOf) {
    const cells = FORMS.map((form) => el('td', counted(form, outcomeOf(form)), { class: 'n' }));
    return el('tr', [el('th', el('bdi', name), { scope: 'row' }), ...cells]);
  }

  function shownAnswer(i) {
    const { at, form } = asked[i];
    const { image: index, label, near, far } = questions[at];
    const against = form === 'near' ? near : form === 'far' ? far : undefined;
    const given = answers[i] === undefined ? 'you could not tell' : ['you said ', el('bdi', classNames[answers[i]])];
    const text = [isRight(i) ? 'Right' : 'Wrong', ': ', el('bdi', classNames[label]), ', ', given, `; ${NAMES[form]}`].flat();
    const made = against ? [', made against ', el('bdi', against)] : form === 'far' ? [', drawn larger'] : [];
    const picture = el('img', [], { src: source(asked[i]), alt: `Test image ${index}, ${NAMES[form]}`, width: '64', height: '64' });
    return el('li', [picture, el('p', [...text, ...made])]);
  }

  function end() {
    ask.hidden = true;
    score.hidden = false;
    const right = answers.filter((_, i) => isRight(i)).length;
    part('.headline').textContent = `You had ${share(right, answers.length)} right.`;
    if (answers.length === 0) part('.headline').textContent = 'You were asked nothing.';
    part('.scores tbody').replaceChildren(
      row('You', () => (i) => (isRight(i) ? '1' : '0')),
      ...models.map((model) => row(model.name, (form) => (i) => model[form][asked[i].at])),
    );
    part('.answers').replaceChildren(...answers.map((_, i) => shownAnswer(i)));
    score.focus();
  }

  /** Buttons where there are few classes, a list where there are many. */
  function offerClasses() {
    if (classNames.length <= 12) {
      const key = (i) => (i < 10 ? String((i + 1) % 10) : '');
      classes.append(
        ...classNames.flatMap((name, i) => {
          const button = el('button', [...(i < 10 ? [el('kbd', key(i)), ' '] : []), el('bdi', name)], { type: 'button' });
          button.addEventListener('click', () => answer(i));
          return [button, ' '];
        }),
      );
      return;
    }
    const options = classNames.map((name, i) => [name, i]).sort(([a], [b]) => (a < b ? -1 : 1));
    const list = el(
      'select',
      options.map(([name, i]) => el('option', name, { value: String(i) })),
      { 'aria-label': 'Class' },
    );
    const button = el('button', 'Answer', { type: 'button' });
    button.addEventListener('click', () => answer(Number(list.value)));
    classes.append(list, ' ', button);
  }

  offerClasses();
  part('.begin').addEventListener('click', begin);
  part('.again').addEventListener('click', begin);
  part('.skip-question').addEventListener('click', () => answer(undefined));
  part('.finish').addEventListener('click', end);
  part('.smooth').addEventListener('change', ({ target }) => image.classList.toggle('smoothed', target.checked));
  document.addEventListener('keydown', (event) => {
    if (ask.hidden || classNames.length > 12 || event.ctrlKey || event.altKey || event.metaKey || !/^[0-9]$/.test(event.key)) return;
    const i = (Number(event.key) + 9) % 10;
    if (i >= classNames.length) return;
    event.preventDefault();
    answer(i);
  });
});
