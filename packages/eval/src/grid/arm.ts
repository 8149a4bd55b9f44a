/** Where the results of an arm lie: in the trials of a method of the experiment, at the choice of a rule. */
export interface Arm {
  readonly name: string;
  readonly kind: 'floor' | 'trained';
  /** Name of the method whose trials hold it. */
  readonly trial: string;
  /** Selection rule; empty for the trial's own. */
  readonly rule: string;
}
