/** The references of the methods used, as BibTeX. */
import type { View } from './leaderboard.ts';
import { slug } from './slug.ts';

interface Entry {
  readonly key: string;
  readonly author: string;
  readonly title: string;
  readonly venue: string;
  readonly year: number;
}

/** Papers by arXiv number. What is not here is cited by the text that its plug-in gives. */
const PAPERS: Readonly<Record<string, Entry>> = {
  '1412.6572': {
    key: 'goodfellow2015explaining',
    author: 'Goodfellow, Ian J. and Shlens, Jonathon and Szegedy, Christian',
    title: 'Explaining and Harnessing Adversarial Examples',
    venue: 'International Conference on Learning Representations',
    year: 2015,
  },
  '1608.04644': {
    key: 'carlini2017towards',
    author: 'Carlini, Nicholas and Wagner, David',
    title: 'Towards Evaluating the Robustness of Neural Networks',
    venue: 'IEEE Symposium on Security and Privacy',
    year: 2017,
  },
  '1605.07277': {
    key: 'papernot2016transferability',
    author: 'Papernot, Nicolas and McDaniel, Patrick and Goodfellow, Ian',
    title: 'Transferability in Machine Learning: from Phenomena to Black-Box Attacks using Adversarial Samples',
    venue: 'arXiv preprint',
    year: 2016,
  },
  '1706.06083': {
    key: 'madry2018towards',
    author: 'Madry, Aleksander and Makelov, Aleksandar and Schmidt, Ludwig and Tsipras, Dimitris and Vladu, Adrian',
    title: 'Towards Deep Learning Models Resistant to Adversarial Attacks',
    venue: 'International Conference on Learning Representations',
    year: 2018,
  },
  '1710.06081': {
    key: 'dong2018boosting',
    author: 'Dong, Yinpeng and Liao, Fangzhou and Pang, Tianyu and Su, Hang and Zhu, Jun and Hu, Xiaolin and Li, Jianguo',
    title: 'Boosting Adversarial Attacks with Momentum',
    venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
    year: 2018,
  },
  '1803.06978': {
    key: 'xie2019improving',
    author: 'Xie, Cihang and Zhang, Zhishuai and Zhou, Yuyin and Bai, Song and Wang, Jianyu and Ren, Zhou and Yuille, Alan',
    title: 'Improving Transferability of Adversarial Examples with Input Diversity',
    venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
    year: 2019,
  },
  '1901.08573': {
    key: 'zhang2019theoretically',
    author: 'Zhang, Hongyang and Yu, Yaodong and Jiao, Jiantao and Xing, Eric P. and El Ghaoui, Laurent and Jordan, Michael I.',
    title: 'Theoretically Principled Trade-off between Robustness and Accuracy',
    venue: 'International Conference on Machine Learning',
    year: 2019,
  },
  '1904.12843': {
    key: 'shafahi2019adversarial',
    author:
      'Shafahi, Ali and Najibi, Mahyar and Ghiasi, Amin and Xu, Zheng and Dickerson, John and Studer, Christoph and Davis, Larry S. and Taylor, Gavin and Goldstein, Tom',
    title: 'Adversarial Training for Free!',
    venue: 'Advances in Neural Information Processing Systems',
    year: 2019,
  },
  '1907.02044': {
    key: 'croce2020minimally',
    author: 'Croce, Francesco and Hein, Matthias',
    title: 'Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack',
    venue: 'International Conference on Machine Learning',
    year: 2020,
  },
  '1912.00049': {
    key: 'andriushchenko2020square',
    author: 'Andriushchenko, Maksym and Croce, Francesco and Flammarion, Nicolas and Hein, Matthias',
    title: 'Square Attack: a query-efficient black-box adversarial attack via random search',
    venue: 'European Conference on Computer Vision',
    year: 2020,
  },
  '2001.03994': {
    key: 'wong2020fast',
    author: 'Wong, Eric and Rice, Leslie and Kolter, J. Zico',
    title: 'Fast is better than free: Revisiting adversarial training',
    venue: 'International Conference on Learning Representations',
    year: 2020,
  },
  '2003.01690': {
    key: 'croce2020reliable',
    author: 'Croce, Francesco and Hein, Matthias',
    title: 'Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks',
    venue: 'International Conference on Machine Learning',
    year: 2020,
  },
  '2004.05884': {
    key: 'wu2020adversarial',
    author: 'Wu, Dongxian and Xia, Shu-Tao and Wang, Yisen',
    title: 'Adversarial Weight Perturbation Helps Robust Generalization',
    venue: 'Advances in Neural Information Processing Systems',
    year: 2020,
  },
  '2103.01208': {
    key: 'croce2021mind',
    author: 'Croce, Francesco and Hein, Matthias',
    title: 'Mind the box: $l_1$-APGD for sparse adversarial attacks on image classifiers',
    venue: 'International Conference on Machine Learning',
    year: 2021,
  },
  '2202.01181': {
    key: 'jorge2022make',
    author:
      'de Jorge, Pau and Bibi, Adel and Volpi, Riccardo and Sanyal, Amartya and Torr, Philip H. S. and Rogez, Grégory and Dokania, Puneet K.',
    title: 'Make Some Noise: Reliable and Efficient Single-Step Adversarial Training',
    venue: 'Advances in Neural Information Processing Systems',
    year: 2022,
  },
  '2410.01697': {
    key: 'hotegni2024morel',
    author: 'Hotegni, Sedjro Salomon and Peitz, Sebastian',
    title: 'MOREL: Enhancing Adversarial Robustness through Multi-Objective Representation Learning',
    venue: 'arXiv preprint',
    year: 2024,
  },
};

/** Braces and backslashes of free text would end a field; the rest as in LaTeX. */
function field(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/[\\{}]/g, ' ')
    .replace(/[$&#%_]/g, '\\$&')
    .replace(/~/g, '\\textasciitilde ')
    .replace(/\^/g, '\\textasciicircum ')
    .replace(/"/g, "''");
}

/** One entry for every paper that a defense or attack of the records names, each once, in key order. */
export function bibtexOf(view: View): string {
  const papers = new Map<string, string>();
  for (const { record } of view.models) papers.set(record.defense.paper, record.defense.title);
  for (const { attack } of view.attacks) papers.set(attack.paper, attack.title);
  const entries = new Map<string, string>();
  for (const [paper, title] of papers) {
    if (paper === '' || paper === 'none') continue;
    const numbers = paper.match(/\b\d{4}\.\d{4,5}\b/g) ?? [];
    const known = numbers.filter((n) => Object.hasOwn(PAPERS, n));
    for (const arxiv of known) {
      const entry = PAPERS[arxiv] as Entry;
      entries.set(entry.key, entryText(entry, arxiv));
    }
    if (known.length === 0) {
      const key = slug(paper).replace(/-/g, '');
      entries.set(key, `@misc{${key},\n  title = {{${field(title)}}},\n  note = {${field(paper)}}\n}`);
    }
  }
  return `${[...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join('\n\n')}\n`;
}

function entryText(e: Entry, arxiv: string): string {
  const preprint = e.venue === 'arXiv preprint';
  const kind = preprint ? 'misc' : 'inproceedings';
  const venue = preprint ? [] : [`  booktitle = {${e.venue}},`];
  return [
    `@${kind}{${e.key},`,
    `  author = {${e.author}},`,
    `  title = {{${e.title}}},`,
    ...venue,
    `  year = {${e.year}},`,
    `  eprint = {${arxiv}},`,
    '  archivePrefix = {arXiv}',
    '}',
  ].join('\n');
}
