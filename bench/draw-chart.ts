/** A bar chart as SVG, for the README: what a turn costs from source without standbys, and compiled with them. */

export interface Bars {
  name: string;
  sourceMs: number;
  compiledMs: number;
}

const width = 720;
const rowHeight = 64;
const barHeight = 20;
const left = 150;
const right = 90;

export function drawChart(rows: readonly Bars[]): string {
  const longest = Math.max(...rows.flatMap(({ sourceMs, compiledMs }) => [sourceMs, compiledMs]));
  const scale = (ms: number) => (ms / longest) * (width - left - right);
  const height = rows.length * rowHeight + 56;
  const bars = rows.map(({ name, sourceMs, compiledMs }, index) => {
    const y = 44 + index * rowHeight;
    return [
      text(left - 12, y + barHeight + 4, name, 'text-anchor="end" font-weight="600"'),
      bar(y, scale(sourceMs), "#b8b4ac", sourceMs),
      bar(y + barHeight + 4, scale(compiledMs), "#3b6fd8", compiledMs),
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="What a client waits for a turn in a process of its own">
<rect width="100%" height="100%" rx="8" fill="#ffffff"/>
${text(left, 24, "ms that a client waits for a turn in a fresh process of its own", "")}
${bars.join("\n")}
${text(left, height - 10, "grey: started from source when the turn comes · blue: compiled, and waiting", 'fill="#6b675f"')}
</svg>
`;
}

function bar(y: number, length: number, colour: string, ms: number): string {
  const label = ms >= 10 ? ms.toFixed(0) : ms.toFixed(1);
  return `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" fill="${colour}"/>
${text(left + length + 8, y + 15, label, "")}`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${content}</text>`;
}
