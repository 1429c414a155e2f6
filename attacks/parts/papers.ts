/** Papers that several plug-ins name. */
import type { Paper } from '../attack.ts';

/** APGD and AutoAttack. */
export const CROCE_2020: Paper = {
  key: 'croce2020reliable',
  author: 'Croce, Francesco and Hein, Matthias',
  title: 'Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks',
  venue: 'International Conference on Machine Learning',
  year: 2020,
  arxiv: '2003.01690',
};

/** FAB. */
export const CROCE_2020_FAB: Paper = {
  key: 'croce2020minimally',
  author: 'Croce, Francesco and Hein, Matthias',
  title: 'Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack',
  venue: 'International Conference on Machine Learning',
  year: 2020,
  arxiv: '1907.02044',
};

/** PGD and adversarial training with it. */
export const MADRY_2018: Paper = {
  key: 'madry2018towards',
  author: 'Madry, Aleksander and Makelov, Aleksandar and Schmidt, Ludwig and Tsipras, Dimitris and Vladu, Adrian',
  title: 'Towards Deep Learning Models Resistant to Adversarial Attacks',
  venue: 'International Conference on Learning Representations',
  year: 2018,
  arxiv: '1706.06083',
};

/** Momentum. */
export const DONG_2018: Paper = {
  key: 'dong2018boosting',
  author: 'Dong, Yinpeng and Liao, Fangzhou and Pang, Tianyu and Su, Hang and Zhu, Jun and Hu, Xiaolin and Li, Jianguo',
  title: 'Boosting Adversarial Attacks with Momentum',
  venue: 'IEEE/CVF Conference on Computer Vision and Pattern Recognition',
  year: 2018,
  arxiv: '1710.06081',
};

export const CARLINI_2017: Paper = {
  key: 'carlini2017towards',
  author: 'Carlini, Nicholas and Wagner, David',
  title: 'Towards Evaluating the Robustness of Neural Networks',
  venue: 'IEEE Symposium on Security and Privacy',
  year: 2017,
  arxiv: '1608.04644',
};
