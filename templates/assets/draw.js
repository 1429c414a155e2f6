/** Drawing on "Attack it live": a figure by controls, strokes by pointer over it; the checker paints it as the data set paints its own images. */
window.rampart.drawing = (form, { send, show, choose }) => {
  const part = form.querySelector('.drawing');
  const field = (name) => form.elements.namedItem(name);
  const canvas = part.querySelector('canvas');
  const radio = part.querySelector('input[type=radio]');
  const FIXED = ['figure', 'extent', 'turn', 'across', 'down', 'ink', 'ground', 'paper', 'number', 'brush'].map(field);

  let strokes = [];
  let stroke;
  let pixels;
  let asked = 0;
  let painted = 0;
  let waiting = [];

  const number = (name) => Number(field(name).value);
  const colour = (name) => [1, 3, 5].map((at) => Number.parseInt(field(name).value.slice(at, at + 2), 16) / 255);
  const busy = () => form.dataset.state === 'busy';

  function drawing() {
    const { value: name } = field('figure');
    const figure = {
      name,
      centre: [number('across'), number('down')],
      radius: number('extent'),
      degrees: number('turn'),
      ink: colour('ink'),
    };
    const ground = field('ground').value === 'plain' ? colour('paper') : number('number');
    return { ground, strokes, ...(name !== '' && { figure }) };
  }

  /** Asks for the picture; the one that is there when it comes is that of the last question. */
  function ask() {
    asked++;
    send({ type: 'draw', drawing: drawing() });
  }

  function changed() {
    for (const name of ['paper', 'number']) field(name).parentElement.hidden = (field('ground').value === 'plain') !== (name === 'paper');
    const { value: name } = field('figure');
    const marks = strokes.length === 0 ? '' : `, ${strokes.length} ${strokes.length === 1 ? 'stroke' : 'strokes'}`;
    canvas.setAttribute('aria-label', `Your drawing: ${name || 'no figure'}${marks}`);
    ask();
    take();
  }

  /** Makes it the image that is attacked. */
  function take() {
    if (radio.checked && !busy()) return;
    radio.checked = true;
    choose(field('figure').value);
  }

  /** A place on the canvas in pixels of the image. */
  function at({ clientX, clientY }) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (busy() || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    stroke = { points: [at(event)], radius: number('brush'), ink: colour('ink') };
    strokes.push(stroke);
    changed();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!stroke) return;
    stroke.points.push(at(event));
    ask();
  });
  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, () => {
      stroke = undefined;
    });
  for (const control of FIXED) control.addEventListener('input', changed);
  field('figure').addEventListener('change', () => choose(field('figure').value));
  radio.addEventListener('change', () => choose(field('figure').value));
  part.querySelector('[name=undo]').addEventListener('click', () => {
    strokes.pop();
    changed();
  });
  part.querySelector('[name=clear]').addEventListener('click', () => {
    strokes = [];
    changed();
  });

  return {
    /** Shows the drawing, where the images can be drawn. */
    offer(drawn) {
      part.hidden = !drawn;
      if (!drawn) radio.checked = false;
      else ask();
    },
    isChosen: () => radio.checked,
    /** Another worker paints from here on; what the one before was asked is not answered. */
    again() {
      painted = asked;
      if (!part.hidden) ask();
    },
    /** The image `[h,w,c]` as it stands when all of it is painted. */
    async image() {
      if (painted < asked) await new Promise((resolve) => waiting.push(resolve));
      return pixels;
    },
    /** Hears what was painted. */
    drawn(message) {
      painted++;
      pixels = message.pixels;
      show(canvas, pixels);
      if (painted < asked) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
};
