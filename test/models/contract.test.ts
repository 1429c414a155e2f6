/** The contract of architectures on the small ones; every family is held to PyTorch in architectures.test.ts. */
import cnnSmall from '../../models/cnn-small.ts';
import resnetTiny from '../../models/resnet-tiny.ts';
import vit from '../../models/vit.ts';
import wideResnet from '../../models/wide-resnet.ts';
import { testArchitecture } from '../contract/architecture.ts';

testArchitecture(cnnSmall, {}, [12, 16, 1]);
testArchitecture(resnetTiny);
testArchitecture(vit, { patch: 4, width: 24, depth: 2, heads: 3 }, [12, 8, 3]);
testArchitecture(wideResnet, { depth: 10, widen: 1 }, [8, 8, 3]);
