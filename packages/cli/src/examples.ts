/** The examples of `--help`, without the command's name. A test parses every one of them. */
export const examples = {
  all: [
    'demo',
    'predict runs/demo "You have won" "Minutes of Tuesday\'s meeting"',
    'run --task mail.csv --text-column subject --label-column label',
    'doctor',
  ],
  demo: ['demo', 'demo --backend wasm --output runs/demo-wasm', 'demo --fresh', 'demo --meta'],
  run: [
    'run --task spam-subjects --shots 100 --seeds 5',
    'run --task sst2 --data glue --methods prefix,prefix-subspace --seeds 3',
    'run --task mail.csv --text-column subject --label-column label --dry-run',
    'run --config experiment.yaml --set train.learningRate=1e-4 --output runs/slower',
    'run --task rte --data glue --seeds 13,21 --train-seeds 2 --resume',
    'run --task summarise-legal --data ../shared/data --model ./smollm2 --methods lora,tarp --set data.maxTokens=256',
    'run --task notes.csv --label-column summary --text-column note --prompt-template "{note}\\n\\nSummary:" --model ./smollm2',
  ],
  ablate: [
    'ablate configs/quick.yaml',
    'ablate configs/arms.yaml --data ../shared/data --dry-run',
    'ablate configs/arms.yaml --data ../shared/data --output runs/arms --jobs 2 --resume',
  ],
  sweep: [
    'sweep plan configs/quick.yaml --output runs/quick',
    'sweep start runs/quick --jobs 4',
    'sweep start runs/quick --engine bullmq --redis redis://queue:6379',
    'sweep worker runs/quick --redis redis://queue:6379 --jobs 2',
    'sweep start runs/quick --engine slurm --at-once 8 --sbatch=--time=4:00:00 --submit',
    'sweep status runs/quick --watch',
    'sweep collect runs/quick',
    'sweep copy runs/quick records/quick',
    'sweep cancel runs/quick',
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
    'generate minigpt "It was a dark night" --sample --temperature 0.8',
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
  landscape: [
    'landscape runs/demo/trials/prefix-subspace-13-0',
    'landscape runs/sst2-100/trials/prefix-subspace-13-0 --test-cap 200 --radii 0.1,0.3',
  ],
  analyse: [
    'analyse gradients',
    'analyse gradients --task mail.csv --text-column subject --label-column label --batches 4',
  ],
  kernel: [
    'kernel --task sst2 --data glue --shots 16 --protocol per_class --methods lora,prefix-flat,bitfit',
    'kernel --task mail.csv --text-column subject --label-column label --methods lora,adapter --choose',
    'kernel --task sst2 --data glue --shots 16 --kind asymmetric-signgd --no-full --jobs 2',
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
  'setup-native': [
    'setup-native --dry-run',
    'setup-native',
    'setup-native --cuda --project ../trainer',
    'setup-native --undo',
  ],
} as const satisfies Record<string, readonly string[]>;
