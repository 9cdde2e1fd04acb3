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
