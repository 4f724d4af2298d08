// What needs the episode's environment: why it is not solved, the checklist, the state against the gold's.
import { number } from "./format";
import { Failure, Panel, Wait } from "./parts";
import { useData } from "./state";
import { Fold, Json, Line, plain, Text } from "./text";
import type { Episode, Explanation } from "./types";

export function Check({ run, of }: { run: string; of: Episode }) {
  const { value, error } = useData<Explanation>("explain", { run, n: of.n, steps: of.steps.length });
  if (error) {
    return (
      <Panel title="Check and state" id="check">
        <p>This needs the episode's environment, which cannot be made here:</p>
        <Failure of={error} />
        <States of={of} />
      </Panel>
    );
  }
  if (!value) return <Wait what="Making the environment" />;
  return (
    <>
      {(value.reasons.length > 0 || (of.outcome !== "solved" && !of.corpus)) && <Reasons of={value} />}
      <Checklist of={value} />
      <Records of={value} />
      <Gold of={value} />
    </>
  );
}

export function Reasons({ of }: { of: Pick<Explanation, "reasons"> }) {
  return (
    <Panel title="Why it is not solved" id="why">
      {!of.reasons.length && <p class="faint">All that was recorded fits the task. Was it another one when the episode was played?</p>}
      <ul class="reasons">
        {of.reasons.map((each, at) => (
          <li key={at}>
            <p>
              <span class="role">{plain(each.kind)}</span> <strong>{plain(each.where)}</strong>
            </p>
            <dl class="json">
              <dt>expected</dt>
              <dd class="wanted">
                <Text of={each.expected} limit={600} />
              </dd>
              <dt>found</dt>
              <dd class="found">
                <Text of={each.found} limit={600} />
              </dd>
            </dl>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Checklist({ of }: { of: Explanation }) {
  return (
    <Panel title="Checklist" id="checklist">
      {!of.checklist.length ? (
        <p class="faint">The task has none.</p>
      ) : (
        <div class="scroll">
          <table class="checklist">
            <thead>
              <tr>
                <th scope="col">Item</th>
                <th scope="col">Met</th>
                <th scope="col" class="right">Weight</th>
              </tr>
            </thead>
            <tbody>
              {of.checklist.map((item) => (
                <tr key={item.id}>
                  <th scope="row">
                    <Text of={item.question || item.id} limit={300} />
                    <span class="under">
                      {[item.kind, item.required ? "required" : "", item.after.length ? `after ${item.after.join(", ")}` : ""]
                        .filter(Boolean)
                        .map(plain)
                        .join(" · ")}
                    </span>
                  </th>
                  <td class="nowrap">
                    {item.met !== null ? (
                      <span class="outcome is-solved">
                        <span class="glyph" aria-hidden="true">✓</span> step {item.met + 1}
                      </span>
                    ) : item.judged ? (
                      <span class="faint">not judged</span>
                    ) : (
                      <span class="outcome is-unsolved">
                        <span class="glyph" aria-hidden="true">✗</span> {item.lost ? "lost again" : "not met"}
                      </span>
                    )}
                  </td>
                  <td class="right num">{number(item.weight, 2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

type Entry = [path: string, value: unknown];

/** A record's innermost values by their paths. */
function flat(value: unknown, path = "", out: Entry[] = [], depth = 0): Entry[] {
  if (value !== null && typeof value === "object" && depth < 6 && Object.keys(value).length) {
    for (const [key, inner] of Object.entries(value)) flat(inner, path ? `${path}.${key}` : key, out, depth + 1);
  } else out.push([path, value]);
  return out;
}

const NOTHING = Symbol("nothing");
const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

function Cell({ of, class: name }: { of: unknown; class?: string }) {
  return <td class={name}>{of === NOTHING ? <span class="faint">-</span> : <Json of={of} depth={1} />}</td>;
}

function Records({ of }: { of: Explanation }) {
  const { rows, compared, cut } = of.records;
  return (
    <Panel title="State" id="state">
      {!rows.length && <p>{compared ? "Nothing was changed, and nothing was to be." : "Nothing was changed."}</p>}
      {!compared && rows.length > 0 && <p class="faint">The task does not compare the state with a gold chain's.</p>}
      {rows.map((row) => {
        const [start, found, wanted] = [row.start, row.found, row.wanted].map((each) => new Map(each === null || each === undefined ? [] : flat(each)));
        const paths = [...new Set([...start.keys(), ...wanted.keys(), ...found.keys()])].filter((path) => {
          const [a, b, c] = [start, found, wanted].map((map) => (map.has(path) ? map.get(path) : NOTHING));
          return !same(a, b) || (compared && !same(a, c)) || a === NOTHING !== (b === NOTHING);
        });
        const wrong = row.apart !== null;
        return (
          <details key={`${row.table} ${row.key}`} class="fold record" open={wrong || rows.length < 6}>
            <summary>
              <span class={`outcome ${!compared ? "" : row.free ? "is-truncated" : wrong ? "is-unsolved" : "is-solved"}`}>
                <span class="glyph" aria-hidden="true">{!compared || row.free ? "·" : wrong ? "✗" : "✓"}</span>
                <span class="hidden">{!compared || row.free ? "" : wrong ? "wrong: " : "right: "}</span>
              </span>
              <strong>
                <Line of={`${row.table}.${row.key}`} />
              </strong>{" "}
              <span class="faint">
                {row.free ? "free: any state is right" : row.found === null ? "deleted" : row.start === null ? "new" : row.changed ? "changed" : "not changed"}
              </span>
            </summary>
            <div class="fold-body scroll">
              <table class="diff">
                <thead>
                  <tr>
                    <th scope="col">Field</th>
                    <th scope="col">At the start</th>
                    <th scope="col">At the end</th>
                    {compared && <th scope="col">Should be</th>}
                  </tr>
                </thead>
                <tbody>
                  {paths.slice(0, 200).map((path) => {
                    const [a, b, c] = [start, found, wanted].map((map) => (map.has(path) ? map.get(path) : NOTHING));
                    const right = same(b, c);
                    return (
                      <tr key={path}>
                        <th scope="row">
                          <Line of={path || "(the record)"} />
                        </th>
                        <Cell of={a} />
                        <Cell of={b} class={!compared || row.free ? "" : right ? "wanted" : "found"} />
                        {compared && <Cell of={c} class={right ? "faint" : "wanted"} />}
                      </tr>
                    );
                  })}
                </tbody>
              </table>
              {!paths.length && <p class="faint">No field differs.</p>}
            </div>
          </details>
        );
      })}
      {cut > 0 && <p class="faint">{cut} more records are not listed.</p>}
    </Panel>
  );
}

function Gold({ of }: { of: Explanation }) {
  const { gold, forbidden } = of.task;
  return (
    <Panel title="Gold chain" id="gold">
      {forbidden && <p>The policy forbids this request: to refuse, and to change nothing, is right.</p>}
      <Fold title={`${gold.length} messages`}>
        {() => (
          <ol class="gold">
            {gold.map((action, at) => (
              <li key={at}>
                {action.plan && (
                  <p class="plan">
                    <Text of={action.plan} />
                  </p>
                )}
                {action.calls.map((call, index) => (
                  <div key={index} class="call">
                    <code class="tool">{plain(call.name)}</code>
                    {Object.keys(call.arguments).length > 0 && (
                      <div class="arguments">
                        <Json of={call.arguments} />
                      </div>
                    )}
                  </div>
                ))}
                {action.response !== null && <Text of={action.response} />}
              </li>
            ))}
          </ol>
        )}
      </Fold>
    </Panel>
  );
}

/** What is known without the environment: the records that the episode changed. */
function States({ of }: { of: Episode }) {
  const diff = [...of.steps].reverse().find((step) => step.diff)?.diff;
  return diff ? (
    <>
      <p>The records that the episode changed, as they were at its end:</p>
      <Json of={diff} />
    </>
  ) : (
    <p class="faint">The episode changed no record.</p>
  );
}
