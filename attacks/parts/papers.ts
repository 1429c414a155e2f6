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

export const MOOSAVI_2016: Paper = {
  key: 'moosavi2016deepfool',
  author: 'Moosavi-Dezfooli, Seyed-Mohsen and Fawzi, Alhussein and Frossard, Pascal',
  title: 'DeepFool: a simple and accurate method to fool deep neural networks',
  venue: 'IEEE Conference on Computer Vision and Pattern Recognition',
  year: 2016,
  arxiv: '1511.04599',
};

/** Square. */
export const ANDRIUSHCHENKO_2020: Paper = {
  key: 'andriushchenko2020square',
  author: 'Andriushchenko, Maksym and Croce, Francesco and Flammarion, Nicolas and Hein, Matthias',
  title: 'Square Attack: a query-efficient black-box adversarial attack via random search',
  venue: 'European Conference on Computer Vision',
  year: 2020,
  arxiv: '1912.00049',
};

/** The probability margin. */
export const XIE_2024: Paper = {
  key: 'xie2024million',
  author: 'Xie, Yong and Zheng, Weijie and Huang, Hanxun and Ye, Guangnan and Ma, Xingjun',
  title: 'Towards Million-Scale Adversarial Robustness Evaluation With Stronger Individual Attacks',
  year: 2024,
  arxiv: '2411.15210',
};

/** Targets ranked by the linear picture. */
export const MELAMED_2024: Paper = {
  key: 'melamed2024malt',
  author: 'Melamed, Odelia and Yehudai, Gilad and Shamir, Adi',
  title: 'MALT Powers Up Adversarial Attacks',
  venue: 'Advances in Neural Information Processing Systems',
  year: 2024,
  arxiv: '2407.02240',
};

/** Attacks made of building blocks for each defense: a loss chosen on few images. */
export const YAO_2021: Paper = {
  key: 'yao2021automated',
  author: 'Yao, Chengyuan and Bielik, Pavol and Tsankov, Petar and Vechev, Martin',
  title: 'Automated Discovery of Adaptive Attacks on Adversarial Defenses',
  venue: 'Advances in Neural Information Processing Systems',
  year: 2021,
  arxiv: '2102.11860',
};

/** Features of another image. */
export const SABOUR_2016: Paper = {
  key: 'sabour2016adversarial',
  author: 'Sabour, Sara and Cao, Yanshuai and Faghri, Fartash and Fleet, David J.',
  title: 'Adversarial Manipulation of Deep Representations',
  venue: 'International Conference on Learning Representations',
  year: 2016,
  arxiv: '1511.05122',
};

/** Attacks made for each defense by hand. */
export const TRAMER_2020: Paper = {
  key: 'tramer2020adaptive',
  author: 'Tramèr, Florian and Carlini, Nicholas and Brendel, Wieland and Madry, Aleksander',
  title: 'On Adaptive Attacks to Adversarial Example Defenses',
  venue: 'Advances in Neural Information Processing Systems',
  year: 2020,
  arxiv: '2002.08347',
};
