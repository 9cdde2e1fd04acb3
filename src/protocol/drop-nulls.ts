/**
 * An object without its fields that are null: they have no value. Chat-completions clients and Python
 * models write `"content": null`; in motus a field without a value is left out.
 */
export function dropNulls<T>(value: T): T {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (!Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) as T;
}
