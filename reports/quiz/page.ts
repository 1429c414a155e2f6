/** The quiz: can a person still tell the class of what fools the models? Answers stay in the reader's page. */
import { radius, size } from '../formats/format.ts';
import { frame, type Site } from '../pages/views.ts';
import { outcomesOn } from '../view/images.ts';
import { boardTitle, type Row } from '../view/view.ts';
import { FORMS, type QuizPictures } from './pictures.ts';
import { FAR, type QuizPlan } from './plan.ts';

/** Models whose scores stand beside the reader's. */
const MOST_MODELS = 12;

/** Fewer questions than these say nothing. */
const LEAST = 6;

/** The file of the quiz of a data set; the first has the short name. */
const pathOf = (plans: readonly QuizPlan[], plan: QuizPlan) => (plans[0] === plan ? 'quiz.html' : `quiz-${plan.board.id}.html`);

/** The plans whose pictures are there. */
export function withPictures(plans: readonly QuizPlan[], pictures: QuizPictures): QuizPlan[] {
  return plans.flatMap((plan) => {
    const items = plan.items.filter((item) => pictures.of(item));
    const count = items.length - (items.length % FORMS.length);
    return count >= LEAST ? [{ ...plan, items: items.slice(0, count) }] : [];
  });
}

export function writeQuizzes(site: Site, plans: readonly QuizPlan[], pictures: QuizPictures): void {
  for (const plan of plans) {
    const { board, farBoard, items } = plan;
    const folder = `quiz/${board.id}`;
    let bytes = 0;
    const questions = items.map((item) => {
      const { label, near, far } = item;
      const made = pictures.of(item);
      for (const form of FORMS) {
        const png = made?.[form] as Buffer;
        bytes += png.length;
        site.files.add(`${folder}/${item.image}-${form}.png`, png);
      }
      return { image: item.image, label, near: near.model.name, ...(far && { far: far.model.name }) };
    });
    const title = 'Can you still tell?';
    const path = pathOf(plans, plan);
    const page = site.render('quiz', {
      ...frame(site, '', title, 'What fools the models, shown to a person: clean, inside the radius, and at four times the radius', {
        scripts: ['quiz.js'],
        current: 'quiz',
      }),
      title,
      board: boardTitle(board),
      radius: `${board.threat.norm} ${radius(board.threat.eps)}`,
      far: `${board.threat.norm} ${radius(FAR * board.threat.eps)}`,
      drawn: items.some((item) => !item.far),
      count: items.length,
      perForm: items.length / FORMS.length,
      size: size(bytes),
      others: plans.filter((other) => other !== plan).map((other) => ({ href: pathOf(plans, other), text: other.board.dataset.name })),
      data: JSON.stringify({
        folder,
        classNames: board.dataset.classNames,
        questions,
        models: modelScores(plan, board.rows, farBoard?.rows ?? []),
      }),
    });
    site.files.add(path, page);
  }
}

/** By model and form, a character per question: `1` right, `0` wrong, `-` not known. */
function modelScores({ items }: QuizPlan, rows: readonly Row[], farRows: readonly Row[]) {
  const images = items.map(({ image }) => image);
  const worst = (row: Row | undefined) => {
    const known = new Map(row?.worst?.images.map((image, i) => [image, row.worst?.outcomes[i] ?? '-']));
    return images.map((image) => known.get(image) ?? '-').join('');
  };
  return rows
    .filter((row) => row.worst)
    .slice(0, MOST_MODELS)
    .map((row) => ({
      name: row.model.name,
      clean: row.clean ? outcomesOn(images, row.clean) : images.map(() => '-').join(''),
      near: worst(row),
      far: worst(farRows.find(({ model }) => model === row.model)),
    }));
}
