// @ts-nocheck Written by scripts/generate-checks.ts from QuestionSchema; do not edit.
import type { Question } from "./interrupt.ts";

/** Whether a value fits QuestionSchema. */
export const isQuestion: (value: unknown) => value is Question = (() => {
return function check(value) {
  return (
    (typeof value === 'object' && value !== null && !Array.isArray(value)) &&
    (typeof value['question'] === 'string') &&
    value['question'].length >= 1 &&
    (typeof value['header'] === 'string') &&
    (typeof value['multiSelect'] === 'boolean') &&
    Array.isArray(value['options']) &&
    value['options'].length <= 4 &&
    value['options'].length >= 2 &&
    ((array) => { for(const value of array) if(!(((typeof value === 'object' && value !== null && !Array.isArray(value)) && (typeof value['label'] === 'string') && value['label'].length >= 1 && (typeof value['description'] === 'string') && (value['markdown'] !== undefined ? ((typeof value['markdown'] === 'string')) : true)))) { return false }; return true; })(value['options'])
  )
}
})();

export const questionsJsonSchema = {"type":"object","required":["questions"],"properties":{"questions":{"minItems":1,"maxItems":4,"type":"array","items":{"type":"object","required":["question","header","multiSelect","options"],"properties":{"question":{"minLength":1,"type":"string"},"header":{"description":"A few words over the question","type":"string"},"multiSelect":{"default":false,"description":"Whether more than one option may be chosen","type":"boolean"},"options":{"minItems":2,"maxItems":4,"type":"array","items":{"type":"object","required":["label","description"],"properties":{"label":{"minLength":1,"type":"string"},"description":{"type":"string"},"markdown":{"description":"More about the option, to show beside it","type":"string"}}}}}}}}};
