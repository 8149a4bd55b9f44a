/** A template, and the word of each label in the order of the task's labels. */
export interface TaskPrompt {
  readonly template: string;
  readonly words: readonly string[];
}

const sentiment = '*cls**sent_0*_It_was*mask*.*sep+*';
const pair = '*cls**sent-_0*?*mask*,*+sentl_1**sep+*';

/** Templates and label words by task (Gao et al. 2021; Malladi et al. 2023; `spam-subjects` is ours), label words in the order of this project's labels. */
export const taskPrompts: Readonly<Record<string, TaskPrompt>> = {
  sst2: { template: sentiment, words: ['terrible', 'great'] },
  mr: { template: sentiment, words: ['terrible', 'great'] },
  cr: { template: sentiment, words: ['terrible', 'great'] },
  mpqa: { template: sentiment, words: ['terrible', 'great'] },
  sst5: { template: sentiment, words: ['terrible', 'bad', 'okay', 'good', 'great'] },
  subj: { template: '*cls**sent_0*_This_is*mask*.*sep+*', words: ['subjective', 'objective'] },
  cola: { template: '*cls**sent_0*_This_is*mask*.*sep+*', words: ['incorrect', 'correct'] },
  'spam-subjects': { template: '*cls**sent_0*_This_is*mask*_mail.*sep+*', words: ['personal', 'commercial'] },
  trec: {
    template: '*cls**mask*:*+sent_0**sep+*',
    words: ['Description', 'Entity', 'Expression', 'Human', 'Location', 'Number'],
  },
  ag_news: {
    template: '*cls**sent_0*_This_article_is_about*mask*_news.*sep+*',
    words: ['world', 'sports', 'business', 'tech'],
  },
  mnli: { template: pair, words: ['Yes', 'Maybe', 'No'] },
  snli: { template: pair, words: ['Yes', 'Maybe', 'No'] },
  qnli: { template: pair, words: ['Yes', 'No'] },
  rte: { template: pair, words: ['Yes', 'No'] },
  mrpc: { template: '*cls**sent_0**mask*,*+sentl_1**sep+*', words: ['No', 'Yes'] },
  qqp: { template: '*cls**sent_0**mask*,*+sentl_1**sep+*', words: ['No', 'Yes'] },
};
