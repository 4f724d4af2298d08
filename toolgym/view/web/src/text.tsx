// What others wrote, shown as text whatever it holds: characters that are not seen or that turn the direction of text
// become visible, long texts are folded.
import { type ComponentChildren, Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import { bytes } from "./format";

const LONG = 2_000;
const MOST_MARKS = 500;
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+|(?:[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff])+/g;

const escaped = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");

/** The text with what is hidden in it as escapes. */
export const plain = (text: string): string => text.replace(HIDDEN, escaped);

function marked(text: string): ComponentChildren {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const found of text.matchAll(HIDDEN)) {
    if (parts.length > 2 * MOST_MARKS) return plain(text);
    if (found.index > at) parts.push(text.slice(at, found.index));
    const shown = found[0].length > 8 ? `${escaped(found[0].slice(0, 8))}… (${found[0].length})` : escaped(found[0]);
    parts.push(
      <span class="hidden-char" title="a character that is not seen">
        {shown}
      </span>,
    );
    at = found.index + found[0].length;
  }
  if (!parts.length) return text;
  parts.push(text.slice(at));
  return parts.map((part, index) => <Fragment key={index}>{part}</Fragment>);
}

/** Text of others; of a long one the beginning, until more is asked for. */
export function Text({ of, limit = LONG, class: name = "" }: { of: string; limit?: number; class?: string }) {
  const [whole, setWhole] = useState(false);
  const long = of.length > limit * 1.2;
  const shown = long && !whole ? cut(of, limit) : of;
  const content = useMemo(() => marked(shown), [shown]);
  return (
    <span class={`text ${name}`} dir="auto">
      {content}
      {long && (
        <button type="button" class="more" onClick={() => setWhole(!whole)} aria-expanded={whole}>
          {whole ? "less" : `… ${bytes(of.length - shown.length).replace("bytes", "characters")} more`}
        </button>
      )}
    </span>
  );
}

const cut = (text: string, at: number): string => text.slice(0, /[\ud800-\udbff]/.test(text[at - 1]) ? at - 1 : at);

/** A text in one line. */
export function Line({ of, limit = 200 }: { of: string; limit?: number }) {
  const line = of.replace(/\s+/g, " ").trim();
  return (
    <bdi class="line" title={line.length > 60 ? plain(line.slice(0, 1000)) : undefined}>
      {broken(plain(line.length > limit ? `${cut(line, limit)}…` : line))}
    </bdi>
  );
}

/** Where a name may go on in the next line: behind its slashes. */
function broken(text: string): ComponentChildren {
  if (text.length > 400 || !text.includes("/")) return text;
  return text.split(/(?<=\/)/).map((part, at) => (
    <Fragment key={at}>
      {at > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}

/** Something that is folded, and made only when it is opened. */
export function Fold({
  title,
  open = false,
  class: name = "",
  children,
}: {
  title: ComponentChildren;
  open?: boolean;
  class?: string;
  children: () => ComponentChildren;
}) {
  const [seen, setSeen] = useState(open);
  return (
    <details class={`fold ${name}`} open={open} onToggle={(event) => event.currentTarget.open && setSeen(true)}>
      <summary>{title}</summary>
      {seen && <div class="fold-body">{children()}</div>}
    </details>
  );
}

const MOST_ENTRIES = 100;

/** A JSON value, laid out. */
export function Json({ of, depth = 0 }: { of: unknown; depth?: number }) {
  const [all, setAll] = useState(false);
  if (of === null || typeof of === "number" || typeof of === "boolean") {
    return <span class="json-scalar">{String(of)}</span>;
  }
  if (typeof of === "string") {
    return of === "" ? <span class="faint">empty text</span> : <Text of={of} />;
  }
  if (typeof of !== "object") return null;
  const entries = Array.isArray(of) ? of.map((value, at) => [String(at), value] as const) : Object.entries(of);
  if (!entries.length) return <span class="faint">{Array.isArray(of) ? "empty list" : "empty object"}</span>;
  if (Array.isArray(of) && of.length <= 20 && of.every((value) => isShort(value))) {
    return (
      <span class="json-list">
        {of.map((value, at) => (
          <Fragment key={at}>
            {at > 0 && <span class="faint">, </span>}
            <Json of={value} depth={depth + 1} />
          </Fragment>
        ))}
      </span>
    );
  }
  if (depth > 2) {
    const title = `${entries.length} ${Array.isArray(of) ? "entries" : "fields"}`;
    return <Fold title={title}>{() => <Json of={of} depth={0} />}</Fold>;
  }
  return (
    <dl class="json">
      {(all ? entries : entries.slice(0, MOST_ENTRIES)).map(([key, value]) => (
        <Fragment key={key}>
          <dt>
            <Text of={key} limit={80} />
          </dt>
          <dd>
            <Json of={value} depth={depth + 1} />
          </dd>
        </Fragment>
      ))}
      {!all && entries.length > MOST_ENTRIES && (
        <dd class="json-more">
          <button type="button" class="more" onClick={() => setAll(true)}>
            {entries.length - MOST_ENTRIES} more
          </button>
        </dd>
      )}
    </dl>
  );
}

const isShort = (value: unknown): boolean =>
  value === null || typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && value.length < 40);

const LARGEST_JSON = 300_000;

/** What a tool answered: laid out where it is JSON. */
export function Answer({ of }: { of: string }) {
  const value = useMemo(() => {
    if (of.length > LARGEST_JSON || !/^\s*[[{]/.test(of)) return undefined;
    try {
      return JSON.parse(of) as unknown;
    } catch {
      return undefined;
    }
  }, [of]);
  return value === undefined ? <Text of={of} /> : <Json of={value} />;
}
