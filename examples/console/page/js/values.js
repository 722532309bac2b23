/** Checks values as the user writes them: as YAML, then with the chart's own below them against its schema. */

import { LineCounter, parseDocument } from "../vendor/yaml.js";
import { Validator } from "../vendor/json-schema.js";

// Helm's parser is one of YAML 1.1 (`yes` is true), and refuses a key that is there twice.
const YAML = { version: "1.1", uniqueKeys: true, prettyErrors: false, keepSourceTokens: false };

const DRAFTS = { "draft-04": "4", "draft-06": "7", "draft-07": "7", "2019-09": "2019-09", "2020-12": "2020-12" };

/** What a keyword that only says that something below is wrong is not worth a line. */
const SUMMARIES = new Set([
  "$ref", "$dynamicRef", "allOf", "dependentSchemas", "items", "additionalItems", "prefixItems", "patternProperties",
  "properties", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "if", "propertyNames", "$recursiveRef",
]);

export class Checker {
  constructor(chart) {
    this.subcharts = new Set(chart.subcharts);
    this.defaults = read(chart.values).value ?? {};
    this.validator = null;
    if (chart.schema !== null && chart.schema !== undefined) {
      const named = typeof chart.schema === "object" ? String(chart.schema.$schema ?? "") : "";
      const draft = Object.entries(DRAFTS).find(([name]) => named.includes(name))?.[1] ?? "2020-12";
      try {
        this.validator = new Validator(chart.schema, draft, false);
      } catch {
        // A schema that can not be used here: Helm says what is wrong with it.
      }
    }
  }

  /** All that is wrong: `{path, line, message}`, in the order of the text. */
  check(text) {
    const { value, problems, lineOf } = read(text);
    if (problems.length) return problems;
    if (value !== null && !isMap(value)) return [{ path: "", line: 1, message: "must be a mapping: names and values" }];
    if (this.validator === null) return [];
    let result;
    try {
      result = this.validator.validate(coalesce(value ?? {}, this.defaults));
    } catch {
      return []; // A reference to another document, say, which only Helm can follow.
    }
    if (result.valid) return [];
    const found = new Map();
    for (const error of result.errors) {
      const problem = this.told(error, result.errors);
      if (problem !== null) found.set(`${problem.path.join("\0")}\0${problem.message}`, problem);
    }
    return [...found.values()]
      .map(({ path, message }) => ({ path: dotted(path), line: lineOf(path), message }))
      .sort((one, other) => (one.line ?? Infinity) - (other.line ?? Infinity));
  }

  told({ keyword, instanceLocation, error }, all) {
    const path = instanceLocation.split("/").slice(1).map(unescape);
    if (SUMMARIES.has(keyword)) return null;
    const choice = keyword === "anyOf" || keyword === "oneOf";
    // Of several choices that all fail, what is wrong with each would be a riddle.
    const within = all.some((other) => ["anyOf", "oneOf", "not"].includes(other.keyword) &&
      other.instanceLocation === instanceLocation && other.error !== error) && !choice;
    if (within) return null;
    if (keyword === "required") {
      const missing = /property "(.*)"\.$/.exec(error)?.[1];
      // A subchart's own values are below these, which this page does not have.
      if (this.subcharts.has(path[0]) || (path.length === 0 && this.subcharts.has(missing))) return null;
      return { path: missing === undefined ? path : [...path, missing], message: "is required" };
    }
    return { path, message: MESSAGES[keyword]?.(error) ?? plain(error) };
  }
}

const MESSAGES = {
  false: () => "is not a name that the chart knows",
  type: (error) => {
    const [, found, wanted] = /type "(.*?)" is invalid\. Expected (.*)\.$/.exec(error) ?? [];
    return wanted === undefined ? plain(error) : `must be ${wanted.replaceAll('"', "").replaceAll(", ", " or ")}, not ${found}`;
  },
  enum: (error) => `must be one of ${/any of \[(.*)\]\.$/.exec(error)?.[1].replaceAll(",", ", ") ?? "the values of the schema"}`,
  minimum: (error) => `must be at least ${last(error)}`,
  maximum: (error) => `must be at most ${last(error)}`,
  exclusiveMinimum: (error) => `must be more than ${last(error)}`,
  exclusiveMaximum: (error) => `must be less than ${last(error)}`,
  minLength: (error) => (/< 1\)/.test(error) ? "must not be empty" : plain(error)),
  pattern: () => "does not have the form that the schema asks for",
  anyOf: () => "is none of what the schema allows",
  oneOf: () => "is not exactly one of what the schema allows",
};

const last = (error) => /([^ ]+)\.$/.exec(error)?.[1] ?? "";
const plain = (error) => error.replace(/^(Instance|String|Array) /, "").replace(/\.$/, "");
const unescape = (step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
const dotted = (path) => path.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`)).join("").replace(/^\./, "");
const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** A document's value and problems, and where a path is in it. */
function read(text) {
  const lines = new LineCounter();
  let document;
  try {
    document = parseDocument(text, { ...YAML, lineCounter: lines });
    if (document.errors.length) {
      const problems = document.errors.map((error) => ({
        path: "", line: lines.linePos(error.pos[0]).line, message: error.message.split("\n")[0],
      }));
      return { value: null, problems, lineOf: () => null };
    }
    const lineOf = (path) => {
      // The deepest part of the path that is written: what is missing is shown where it belongs.
      for (let length = path.length; length > 0; length -= 1) {
        const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
        const pair = parent?.items?.find((item) => String(item.key?.value) === path[length - 1]);
        const node = pair?.key ?? (parent?.items?.[path[length - 1]]?.range ? parent.items[path[length - 1]] : null);
        if (node?.range) return lines.linePos(node.range[0]).line;
      }
      return null;
    };
    return { value: document.toJS({ maxAliasCount: 100 }), problems: [], lineOf };
  } catch (error) {
    return { value: null, problems: [{ path: "", line: null, message: error.message }], lineOf: () => null };
  }
}

/** Values over others, as Helm lays them: mappings are merged, null takes away. */
function coalesce(values, defaults) {
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(values)) {
    if (value === null) delete merged[name];
    else merged[name] = isMap(value) && isMap(merged[name]) ? coalesce(value, merged[name]) : value;
  }
  return merged;
}
