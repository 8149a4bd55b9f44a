// Writes the table of built-in presets into the README of eval. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { builtInPresets } from '@tfjs-peft/eval/methods';
import { insertPresets, presetPage } from './preset-table.js';

writeFileSync(presetPage, await insertPresets(readFileSync(presetPage, 'utf8'), builtInPresets));
