// What the server (toolgym/view/server.py) answers.
export interface Share {
  value: number;
  low: number | null;
  high: number | null;
  of: "episodes" | "evaluation" | "report";
  step?: number;
  tasks?: number;
}

export interface Run {
  id: string;
  name: string;
  kind: "training" | "benchmark" | "corpus" | "episodes" | "report";
  done: number;
  size: number;
  bad: number;
  failure: string;
  episodes: number;
  tasks: number;
  reward: number | null;
  outcomes: Record<string, number>;
  envs: string[];
  pass: Share | null;
  agent?: string;
  settings?: Record<string, unknown>;
  step?: number | null;
  figures?: string[];
}

export interface Curve {
  steps: number[];
  values: number[];
  intervals: ([number, number] | null)[];
}

export interface Row {
  n: number;
  env: string;
  task: string;
  split: string;
  world: string;
  outcome: string | null;
  truncation: string | null;
  reward: number | null;
  steps: number;
  calls: number;
  depth: number | null;
  kinds: string[];
  tools: string[];
  errors: string[];
  step: number | null;
  part: string;
  trial: number | null;
  fault: string;
  request: string;
  line: number;
  text?: string;
}

export interface Page {
  total: number;
  start: number;
  rows: Row[];
}

export interface Facets {
  name: string;
  kind: string;
  outcome: Record<string, number>;
  depth: number[];
  kinds: string[];
  tools: string[];
  errors: string[];
  part: string[];
  steps: boolean;
  tokens: boolean;
  done: number;
  size: number;
  bad: number;
  tail: number;
}

export interface Call {
  name: string;
  arguments: Record<string, unknown>;
}

export interface Result {
  text: string;
  structured: unknown;
  is_error: boolean;
  outcome: string;
}

export interface Label {
  kind: string;
  name: string;
  role: string;
  relevance: number;
  solvable: boolean;
  changed: unknown;
}

export interface Step {
  turn: {
    text: string;
    plan: string | null;
    calls: Call[];
    response: string | null;
    problems: { kind: string; message: string }[];
  };
  results: Result[];
  observation?: string;
  user: string | null;
  diff: Record<string, Record<string, unknown>> | null;
  reward: number | null;
  rewards: Record<string, number | null>;
  user_acts?: { actor: string; name: string; arguments: Record<string, unknown>; result: Result }[];
  labels?: Label[];
}

export interface Alternative {
  kind: string;
  plan: string | null;
  calls: { name: string; arguments: string }[];
  response: string | null;
  role: string;
  relevance: number;
  solvable: boolean;
  answers: string[];
}

export interface Episode {
  n: number;
  line: number;
  step: number | null;
  env_id: string;
  task_id: string;
  seed: number | null;
  prompt: string;
  meta: Record<string, unknown>;
  steps: Step[];
  outcome: string | null;
  truncation: string | null;
  broken: { line: number | null; why: string }[];
  tokens: boolean;
  corpus?: {
    decisions: { turn: number; solvable: boolean; alternatives: Alternative[] }[];
    error: Record<string, unknown> | null;
  };
}

export interface Explanation {
  task: {
    id: string;
    kind: string[];
    composition: string;
    depth: number;
    forbidden: boolean;
    request: string;
    gold: { plan: string | null; calls: Call[]; response: string | null }[];
  };
  checklist: {
    id: string;
    question: string;
    kind: string;
    required: boolean;
    weight: number;
    after: string[];
    met: number | null;
    judged: boolean;
    lost: boolean;
  }[];
  records: {
    compared: boolean;
    cut: number;
    rows: {
      table: string;
      key: string;
      start: unknown;
      found: unknown;
      wanted: unknown;
      changed: boolean;
      apart: string[] | null;
      free: boolean;
    }[];
  };
  reasons: { kind: string; where: string; expected: string; found: string }[];
}

export interface Credit {
  values: number[];
  stderr: number[] | null;
  all: number;
  none: number;
  exact: boolean;
  method: string;
  value: string;
}

export interface TreeNode {
  label: string;
  failed?: boolean;
  kind?: string;
  arguments?: unknown[];
  episodes: number[];
  children: TreeNode[];
}

export interface Tree {
  root: TreeNode;
  total: number;
  ends: { n: number; outcome: string | null; reward: number | null; steps: number }[];
}

export interface Tokens {
  texts: string[];
  ids: number[];
  logprobs: number[];
  mask: number[];
  types: string[];
  advantages: number[];
  spans: [number, number][];
}

export interface Pairs {
  runs: { id: string; name: string }[];
  tasks: number;
  left_out: number;
  means: (number | null)[];
  versus: {
    difference: number | null;
    interval: [number, number] | null;
    better: number;
    worse: number;
    both: number;
    neither: number;
  }[];
  rows: {
    env: string;
    world: string;
    part: string;
    task: string;
    runs: { share: number; trials: number; n: number; request: string }[];
  }[];
  cut: number;
}
