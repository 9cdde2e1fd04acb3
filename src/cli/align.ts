/** Lines whose columns stand in line: words first, numbers after them. */
export function alignTable(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  return rows.map((row) => line(row).join("  ").trimEnd()).join("\n");
}

/** A fact a line: its name, and what it is. */
export function alignFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const [width = 0] = widthsOf(facts);
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
}
