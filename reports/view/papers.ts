/** The references of what is built in, for BibTeX. */

/** What an entry of BibTeX holds. */
export interface Paper {
  readonly key: string;
  readonly author: string;
  readonly title: string;
  readonly venue: string;
  readonly year: number;
}

/** Papers by arXiv number. What is not here is cited by the text that its plug-in gives. */
export const PAPERS: Readonly<Record<string, Paper>> = {
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
  '1611.02770': {
    key: 'liu2017delving',
    author: 'Liu, Yanpei and Chen, Xinyun and Liu, Chang and Song, Dawn',
    title: 'Delving into Transferable Adversarial Examples and Black-box Attacks',
    venue: 'International Conference on Learning Representations',
    year: 2017,
  },
  '1704.01155': {
    key: 'xu2018feature',
    author: 'Xu, Weilin and Evans, David and Qi, Yanjun',
    title: 'Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks',
    venue: 'Network and Distributed System Security Symposium',
    year: 2018,
  },
  '1711.00117': {
    key: 'guo2018countering',
    author: 'Guo, Chuan and Rana, Mayank and Cisse, Moustapha and van der Maaten, Laurens',
    title: 'Countering Adversarial Images using Input Transformations',
    venue: 'International Conference on Learning Representations',
    year: 2018,
  },
  '1711.01991': {
    key: 'xie2018mitigating',
    author: 'Xie, Cihang and Wang, Jianyu and Zhang, Zhishuai and Ren, Zhou and Yuille, Alan',
    title: 'Mitigating Adversarial Effects Through Randomization',
    venue: 'International Conference on Learning Representations',
    year: 2018,
  },
  '1910.09338': {
    key: 'gowal2019alternative',
    author: 'Gowal, Sven and Uesato, Jonathan and Qin, Chongli and Huang, Po-Sen and Mann, Timothy and Kohli, Pushmeet',
    title: 'An Alternative Surrogate Loss for PGD-based Adversarial Testing',
    venue: 'arXiv preprint',
    year: 2019,
  },
};

/** Papers without an arXiv number, by the text that their plug-in gives. */
export const UNNUMBERED: Readonly<Record<string, Paper>> = {
  'Wang et al. 2020 (ICLR)': {
    key: 'wang2020improving',
    author: 'Wang, Yisen and Zou, Difan and Yi, Jinfeng and Bailey, James and Ma, Xingjun and Gu, Quanquan',
    title: 'Improving Adversarial Robustness Requires Revisiting Misclassified Examples',
    venue: 'International Conference on Learning Representations',
    year: 2020,
  },
  'Rade and Moosavi-Dezfooli 2022 (ICLR)': {
    key: 'rade2022reducing',
    author: 'Rade, Rahul and Moosavi-Dezfooli, Seyed-Mohsen',
    title: 'Reducing Excessive Margin to Achieve a Better Accuracy vs. Robustness Trade-off',
    venue: 'International Conference on Learning Representations',
    year: 2022,
  },
};
