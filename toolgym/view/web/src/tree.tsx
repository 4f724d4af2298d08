// The episodes of one task as a tree: what they have in common stands once, and where one forks off is seen.
import { Fragment } from "preact";
import { number } from "./format";
import { Failure, Outcome, Panel, Wait } from "./parts";
import { href, move, useData, useKeys } from "./state";
import { Line, plain } from "./text";
import type { Tree, TreeNode } from "./types";

export function TreeView({ run, n }: { run: string; n: number }) {
  const { value, error } = useData<Tree>("tree", { run, n });
  useKeys({ j: () => move(".tree a", 1), k: () => move(".tree a", -1) });
  if (!value) return error ? <Failure of={error} /> : <Wait />;
  const ends = new Map(value.ends.map((each) => [each.n, each]));
  const to = (number: number): string => {
    return href(["run", run, number], { tab: "tree" });
  };
  const one = value.ends.length === 1;
  return (
    <Panel title="Tree" id="tree">
      <p class="faint">
        {one
          ? "This is the only episode of its task."
          : `${value.ends.length}${value.total > value.ends.length ? ` of ${value.total}` : ""} episodes of the same task. A step that several share, with the same answers, stands once.`}
      </p>
      <div class="scroll">
        <ul class="tree" role="tree" aria-label="Steps of the episodes">
          <Leaves of={value.root} ends={ends} n={n} to={to} />
          <Nodes of={value.root} ends={ends} n={n} to={to} />
        </ul>
      </div>
    </Panel>
  );
}

type Ends = Map<number, Tree["ends"][number]>;

function Nodes({ of, ends, n, to }: { of: TreeNode; ends: Ends; n: number; to: (n: number) => string }) {
  return (
    <>
      {of.children.map((child, at) => (
        <Chain key={at} of={child} ends={ends} n={n} to={to} />
      ))}
    </>
  );
}

/** The episodes that end with a node. */
function Leaves({ of, ends, n, to }: { of: TreeNode; ends: Ends; n: number; to: (n: number) => string }) {
  const below = new Set(of.children.flatMap((child) => child.episodes));
  return (
    <>
      {of.episodes
        .filter((each) => !below.has(each))
        .map((each) => {
          const end = ends.get(each)!;
          return (
            <li key={`end ${each}`} class={`leaf ${each === n ? "here" : ""}`}>
              <a href={to(each)} aria-current={each === n ? "true" : undefined}>
                episode {each}
              </a>{" "}
              <Outcome of={end.outcome} /> <span class="num faint">{end.reward === null ? "" : number(end.reward)}</span>
            </li>
          );
        })}
    </>
  );
}

/** A row of steps without a fork as one line each, and what forks off at its end below it. */
function Chain({ of, ends, n, to }: { of: TreeNode; ends: Ends; n: number; to: (n: number) => string }) {
  const chain = [of];
  let last = of;
  while (last.children.length === 1 && last.children[0].episodes.length === last.episodes.length) {
    last = last.children[0];
    chain.push(last);
  }
  const solved = of.episodes.filter((each) => ends.get(each)?.outcome === "solved").length;
  return (
    <li role="treeitem" class={of.episodes.includes(n) ? "on" : ""}>
      <div class="chain">
        {of.episodes.length > 1 && (
          <span class="chain-count faint">
            {of.episodes.length} episodes, {solved} solved
          </span>
        )}
        <ol>
          {chain.map((node, at) => (
            <li key={at} class={`node ${node.failed ? "failed" : ""}`}>
              {node.kind === "call" ? (
                <>
                  <code>{plain(node.label)}</code>{" "}
                  {node.arguments?.map((each, index) => (
                    <Fragment key={index}>
                      <span class="faint">
                        <Line of={each && typeof each === "object" ? Object.values(each).map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(", ") : ""} limit={70} />
                      </span>{" "}
                    </Fragment>
                  ))}
                  {node.failed && <span class="fault">failed</span>}
                </>
              ) : (
                <span class="said">
                  <Line of={node.label} limit={110} />
                </span>
              )}
            </li>
          ))}
          <Leaves of={last} ends={ends} n={n} to={to} />
        </ol>
      </div>
      {last.children.length > 0 && (
        <ul role="group">
          <Nodes of={last} ends={ends} n={n} to={to} />
        </ul>
      )}
    </li>
  );
}
