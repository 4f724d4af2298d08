export const percent = (value: number | null | undefined, digits = 1): string =>
  value === null || value === undefined ? "-" : `${(100 * value).toFixed(digits)}%`;

export const number = (value: number | null | undefined, digits = 3): string => {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 1 : digits);
};

export const signed = (value: number, digits = 3): string => {
  const text = number(value, digits);
  return value > 0 ? `+${text}` : text;
};

export const points = (value: number): string => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;

export const bytes = (value: number): string => {
  for (const [unit, size] of [["GB", 2 ** 30], ["MB", 2 ** 20], ["kB", 2 ** 10]] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return `${value} bytes`;
};

export const count = (value: number, noun: string, many = `${noun}s`): string =>
  `${value.toLocaleString("en-US")} ${value === 1 ? noun : many}`;

export const OUTCOMES: Record<string, [glyph: string, words: string]> = {
  solved: ["✓", "solved"],
  unsolved: ["✗", "unsolved"],
  policy_error: ["!", "policy error"],
  tool_error: ["!", "tool error"],
  infra_error: ["–", "infrastructure"],
  truncated: ["…", "truncated"],
  unfinished: ["·", "unfinished"],
};

// Told apart by people who see red and green alike (Okabe and Ito's colours); app.css has them for light and dark.
export const SERIES = 8;
