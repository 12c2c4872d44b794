/**
 * A table for the terminal: columns two spaces apart, a rule under the header. A column is flush right when every cell
 * of it below the header is empty or a number, perhaps with a unit.
 */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[], indent = ''): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const right = header.map((_, column) => rows.every((row) => /^([-+.\d]+( (%|ms))?|)$/.test(row[column] ?? '')));
  const line = (cells: readonly string[]) =>
    indent +
    widths
      .map((width, column) =>
        right[column] ? (cells[column] ?? '').padStart(width) : (cells[column] ?? '').padEnd(width),
      )
      .join('  ')
      .trimEnd();
  const ruler = indent + widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(header), ruler, ...rows.map(line)].join('\n');
}
