/** The examples of `--help`, without the command's name. A test parses every one of them. */
export const examples = {
  all: [
    'demo',
    'predict runs/demo "You have won" "Minutes of Tuesday\'s meeting"',
    'run --task mail.csv --text-column subject --label-column label',
    'doctor',
  ],
  demo: ['demo', 'demo --backend wasm --output runs/demo-wasm', 'demo --fresh'],
  run: [
    'run --task spam-subjects --shots 100 --seeds 5',
    'run --task sst2 --data glue --methods prefix,prefix-subspace --seeds 3',
    'run --task mail.csv --text-column subject --label-column label --dry-run',
    'run --config experiment.yaml --set train.learningRate=1e-4 --output runs/slower',
    'run --task rte --data glue --seeds 13,21 --train-seeds 2 --resume',
  ],
  ablate: [
    'ablate configs/quick.yaml',
    'ablate configs/arms.yaml --data ../shared/data --dry-run',
    'ablate configs/arms.yaml --data ../shared/data --output runs/arms --jobs 2 --resume',
  ],
  report: ['report runs/quick', 'report runs/arms --json'],
  eval: [
    'eval runs/demo',
    'eval runs/demo/adapter --point vertex:0',
    'eval runs/demo/adapter --point ensemble --draws 20 --json',
  ],
  predict: [
    'predict runs/demo "You have won" "Minutes of Tuesday\'s meeting"',
    'predict runs/demo --file subjects.txt --json',
    'predict runs/rte-100 --pair "A man sleeps." "Somebody is asleep."',
  ],
  generate: [
    'generate ./smollm2 "Once upon a time" --max-new-tokens 40',
    'generate ./lora-adapter --model ./smollm2 "The patient" --sample --top-p 0.9 --seed 1',
    'generate ./gpt2 "A list:" --beams 4 --no-repeat-ngram 3 --stop "." --json',
  ],
  merge: ['merge runs/demo --output runs/merged', 'merge ./lora-adapter --model ./bert --output ./merged --dtype f16'],
  export: [
    'export runs/demo --format onnx --output runs/onnx',
    'export ./prefix-adapter --model ./bert --output ./onnx-model --dtype f16',
  ],
  convert: [
    'convert ./adapter-hub-folder --model ./bert --output ./hf-adapter',
    'convert runs/adapter --to adapter-hub --name reviews --output ./hub',
  ],
  inspect: ['inspect runs/demo', 'inspect runs/demo/adapter --json'],
  explain: ['explain lora', 'explain prefix-lora-ia3-subspace --model ./my-model --json'],
  analyse: [
    'analyse gradients',
    'analyse gradients --task mail.csv --text-column subject --label-column label --batches 4',
  ],
  kernel: [
    'kernel --task sst2 --data glue --shots 16 --protocol per_class --methods lora,prefix-flat,bitfit',
    'kernel --task mail.csv --text-column subject --label-column label --methods lora,adapter --choose',
    'kernel --task sst2 --data glue --shots 16 --kind asymmetric-signgd --no-full',
    'kernel --task sst2 --data glue --shots 16 --mlm ./bert-base-uncased --model ./bert-base-uncased',
  ],
  prepare: [
    'prepare --tasks ./intents --held-out banking,travel --output runs/prepared',
    'prepare --tasks ./domains --held-out none --method tarp --rule reptile --ways 5 --updates 200 --output runs/tarp',
    'prepare --tasks ./reviews --held-out films --shared-head --label-column stars --output runs/reviews',
  ],
  adapt: [
    'adapt runs/prepared --task new.csv --shots 8 --output runs/new',
    'adapt runs/prepared --task new.csv --test-file held-out.csv --steps 20 --output runs/new --json',
  ],
  doctor: ['doctor', 'doctor --backend wasm --json'],
} as const satisfies Record<string, readonly string[]>;
