const { fiveSteps } = require('./five-steps.cjs');

fiveSteps(
  require('@tensorflow/tfjs'),
  require('@tfjs-peft/peft-core'),
  require('@tfjs-peft/peft-core/authoring'),
  require('@tfjs-peft/prefix'),
  require('@tfjs-peft/subspace'),
  require('@tfjs-peft/transformer'),
).then((line) => console.log(line));
