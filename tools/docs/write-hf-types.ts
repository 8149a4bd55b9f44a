// Writes the table of HF peft's types into docs/hf-methods.md. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { hfTypePage, insertHfTypes } from './hf-type-table.js';

const definitions = [...createCatalogue().registry.definitions.values()];
writeFileSync(hfTypePage, await insertHfTypes(readFileSync(hfTypePage, 'utf8'), definitions));
